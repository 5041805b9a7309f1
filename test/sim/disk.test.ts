import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DiskFullError } from '../../src/base/errors.ts'
import type { Disk, DiskFile } from '../../src/ports/disk.ts'
import { MachineCrashed } from '../../sim/errors.ts'
import { World } from '../../sim/world.ts'

describe('a simulated disk after a power cut', () => {
  it('has all that was synced, and nothing that was never written', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(action, { maxLength: 40 }), async (seed, actions) => {
        const world = new World(seed)
        const machine = world.addMachine('machine')
        const model = new Model()
        await world.run(async () => {
          await machine.run((ports) => model.play(ports.disk, actions))
          machine.crash('power')
          machine.boot()
          await model.check(machine.ports.disk)
        })
      }),
      { numRuns: 300 },
    )
  })

  it('has no name that was taken away before its folder was synced', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const world = new World(seed)
      const machine = world.addMachine('machine')
      await world.run(async () => {
        await machine.run(async ({ disk }) => {
          await disk.makeFolder('x')
          await disk.syncFolder('')
          await disk.create('c')
          await disk.rename('c', 'x/a')
          await disk.syncFolder('x')
          await disk.syncFolder('')
        })
        machine.crash('power')
        expect(machine.volume.files().map(({ path }) => path)).toEqual(['x/a'])
      })
    }
  })

  it('stands still from then on: a second cut changes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.array(action, { maxLength: 20 }), async (seed, actions) => {
        const world = new World(seed)
        const machine = world.addMachine('machine')
        await world.run(async () => {
          await machine.run((ports) => new Model().play(ports.disk, actions))
          machine.crash('power')
          const first = contents(machine.volume.files())
          machine.boot()
          machine.crash('power')
          expect(contents(machine.volume.files())).toEqual(first)
        })
      }),
      { numRuns: 100 },
    )
  })

  it('shows every way an unsynced append may end', async () => {
    const ends = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const world = new World(seed)
      const machine = world.addMachine('machine')
      await world.run(async () => {
        await machine.run(async ({ disk }) => {
          const file = await disk.create('a')
          await file.append(new Uint8Array(9000).fill(7))
          await disk.syncFolder('')
        })
        machine.crash('power')
        const [found] = machine.volume.files()
        const bytes = found?.file.read(0, 10_000) ?? new Uint8Array(0)
        if (bytes.length === 0) ends.add('none')
        else if (bytes.includes(0)) ends.add('torn')
        else ends.add(bytes.length === 9000 ? 'all' : 'some')
      })
    }
    expect([...ends].toSorted()).toEqual(['all', 'none', 'some', 'torn'])
  })

  it('has a file under its old or its new name, however a rename was cut', async () => {
    const names = new Set<string>()
    for (let seed = 0; seed < 100; seed++) {
      const world = new World(seed)
      const machine = world.addMachine('machine')
      await world.run(async () => {
        await machine.run(async ({ disk }) => {
          await disk.makeFolder('staging')
          await disk.makeFolder('kept')
          await disk.syncFolder('')
          const file = await disk.create('staging/a')
          await file.sync()
          await disk.syncFolder('staging')
          await disk.rename('staging/a', 'kept/a')
          const fate = seed % 3
          if (fate > 0) await disk.syncFolder(fate === 1 ? 'staging' : 'kept')
        })
        machine.crash('power')
        const found = machine.volume.files().map(({ path }) => path)
        if (seed % 3 > 0) expect(found).toContain('kept/a')
        names.add(found.join(' '))
      })
    }
    expect([...names].toSorted()).toEqual(['kept/a', 'kept/a staging/a', 'staging/a'])
  })

  it('keeps everything when only the program was killed', async () => {
    const world = new World(1)
    const machine = world.addMachine('machine')
    await world.run(async () => {
      await machine.run(async ({ disk }) => {
        const file = await disk.create('a')
        await file.append(Uint8Array.of(1, 2, 3))
      })
      machine.crash('kill')
      machine.boot()
      const file = await machine.ports.disk.open('a')
      expect(await file?.read(0, 9)).toEqual(Uint8Array.of(1, 2, 3))
    })
  })
})

describe('a simulated disk in trouble', () => {
  it('is cut at the step a test asks for, and nothing of the program runs on', async () => {
    for (let cutAt = 0; cutAt < 5; cutAt++) {
      const world = new World(cutAt)
      const machine = world.addMachine('machine')
      machine.diskTrouble.onStep = ({ index }) => (index === cutAt ? 'cut' : 'pass')
      const done: string[] = []
      await world.run(async () => {
        const program = machine.run(async ({ disk }) => {
          try {
            const file = await disk.create('a')
            done.push('create')
            await file.append(Uint8Array.of(1))
            done.push('append')
            await file.sync()
            done.push('sync')
            await disk.syncFolder('')
            done.push('syncFolder')
            await disk.rename('a', 'b')
            done.push('rename')
          } finally {
            done.push('finally')
          }
        })
        await expect(program).rejects.toThrow(MachineCrashed)
        await world.scheduler.sleep(1000)
      })
      expect(done).toEqual(['create', 'append', 'sync', 'syncFolder', 'rename'].slice(0, cutAt))
      expect(machine.isUp).toBe(false)
    }
  })

  it('is full at its last byte, and keeps what was there', async () => {
    const world = new World(1)
    const { ports, diskTrouble } = world.addMachine('machine')
    diskTrouble.capacity = 10
    await world.run(async () => {
      const file = await ports.disk.create('a')
      await file.append(new Uint8Array(6).fill(1))
      await expect(file.append(new Uint8Array(6).fill(2))).rejects.toThrow(DiskFullError)
      expect((await file.read(0, 6)).every((byte) => byte === 1)).toBe(true)
      await expect(ports.disk.create('b')).rejects.toThrow(DiskFullError)
      expect((await ports.disk.space()).free).toBe(0)
      await ports.disk.remove('a')
      await ports.disk.create('b')
    })
  })

  it('fails the calls a test asks for, and turns bits over', async () => {
    const world = new World(1)
    const machine = world.addMachine('machine')
    const { disk } = machine.ports
    await world.run(async () => {
      const file = await disk.create('a')
      await file.append(Uint8Array.of(0, 0))
      machine.diskTrouble.onStep = ({ operation }) =>
        operation === 'read' ? new Error('EIO') : 'pass'
      await expect(file.read(0, 2)).rejects.toThrow('EIO')
      machine.diskTrouble.onStep = undefined
      machine.volume.files()[0]?.file.rot(9)
      expect(await file.read(0, 2)).toEqual(Uint8Array.of(0, 2))
    })
  })
})

type Action =
  | { readonly type: 'create'; readonly name: string }
  | { readonly type: 'sync'; readonly name: string }
  | { readonly type: 'remove'; readonly name: string }
  | { readonly type: 'append'; readonly name: string; readonly size: number }
  | { readonly type: 'rename'; readonly name: string; readonly to: string }
  | { readonly type: 'syncFolder'; readonly folder: string }

const folder = fc.constantFrom('', 'x', 'y')
const name = fc
  .tuple(folder, fc.constantFrom('a', 'b', 'c'))
  .map(([above, last]) => (above === '' ? last : `${above}/${last}`))
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ type: fc.constant('create' as const), name }),
  fc.record({ type: fc.constant('sync' as const), name }),
  fc.record({ type: fc.constant('remove' as const), name }),
  fc.record({ type: fc.constant('append' as const), name, size: fc.nat({ max: 12_000 }) }),
  fc.record({ type: fc.constant('rename' as const), name, to: name }),
  fc.record({ type: fc.constant('syncFolder' as const), folder }),
)

/** What a slow and obvious disk would promise: the contract of src/ports/disk.ts, and no more. */
class Model {
  readonly #files = new Map<string, ModelFile>()
  /** Everything that ever had a name. */
  readonly #everything = new Map<string, Set<ModelFile | undefined>>()
  /** Names as of the last sync of their folder; a name not in it may be anything it ever was since. */
  readonly #synced = new Map<string, ModelFile | undefined>()
  #marks = 0

  async play(disk: Disk, actions: readonly Action[]): Promise<void> {
    for (const path of ['x', 'y']) await disk.makeFolder(path)
    await disk.syncFolder('')
    for (const each of actions) await this.#act(disk, each)
  }

  async #act(disk: Disk, act: Action): Promise<void> {
    if (act.type === 'syncFolder') {
      await disk.syncFolder(act.folder)
      for (const path of this.#everything.keys()) {
        if (above(path) !== act.folder) continue
        this.#synced.set(path, this.#files.get(path))
        this.#everything.set(path, new Set([this.#files.get(path)]))
      }
      return
    }
    const known = this.#files.get(act.name)
    if (act.type === 'create') {
      if (known !== undefined) return
      this.#name(act.name, new ModelFile(await disk.create(act.name), ++this.#marks))
    } else if (act.type === 'append') {
      await known?.append(act.size)
    } else if (act.type === 'sync') {
      await known?.sync()
    } else if (act.type === 'remove') {
      await disk.remove(act.name)
      this.#name(act.name, undefined)
    } else if (known !== undefined && act.to !== act.name) {
      await disk.rename(act.name, act.to)
      this.#name(act.to, known)
      this.#name(act.name, undefined)
    }
  }

  #name(path: string, file: ModelFile | undefined): void {
    const ever = this.#everything.get(path) ?? new Set([undefined])
    this.#everything.set(path, ever.add(file))
    if (file === undefined) this.#files.delete(path)
    else this.#files.set(path, file)
  }

  async check(disk: Disk): Promise<void> {
    for (const [path, ever] of this.#everything) {
      const file = await disk.open(path)
      const bytes = file === undefined ? undefined : await file.read(0, 1_000_000)
      const isPossible = [...ever].some((one) =>
        bytes === undefined ? one === undefined : one?.mayRead(bytes) === true,
      )
      expect(isPossible, `${path} is none of what it was since its folder was synced`).toBe(true)
    }
    for (const above of ['', 'x', 'y']) {
      const known = [...this.#everything.keys()].map((path) => path.slice(above.length))
      for (const found of await disk.list(above)) {
        if (above === '' && ['x', 'y'].includes(found)) continue
        expect(known).toContain(above === '' ? found : `/${found}`)
      }
    }
  }
}

class ModelFile {
  readonly #file: DiskFile
  readonly #mark: number
  #size = 0
  #syncedSize = 0

  constructor(file: DiskFile, mark: number) {
    this.#file = file
    this.#mark = mark % 250 || 250
  }

  async append(size: number): Promise<void> {
    await this.#file.append(new Uint8Array(size).fill(this.#mark))
    this.#size += size
  }

  async sync(): Promise<void> {
    await this.#file.sync()
    this.#syncedSize = this.#size
  }

  /** The synced bytes, then bytes that were written or whole pages of zeros. */
  mayRead(bytes: Uint8Array): boolean {
    if (bytes.length < this.#syncedSize || bytes.length > this.#size) return false
    return bytes.every((byte, index) => {
      if (byte === this.#mark) return true
      if (byte !== 0 || index < this.#syncedSize) return false
      const page = Math.floor(index / 4096) * 4096
      return bytes.subarray(Math.max(page, this.#syncedSize), page + 4096).every((b) => b === 0)
    })
  }
}

const above = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')))

const contents = (
  files: readonly { path: string; file: { read(o: number, l: number): Uint8Array } }[],
): string[] => files.map(({ path, file }) => `${path} ${file.read(0, 1_000_000).join()}`)
