/**
 * A vault to tell stories about: one laptop with files, friends who lend disk, all in virtual time.
 *
 * Every call is a run of the client of its own, as on the command line.
 */

import { codecs } from '../../src/codec/codecs.ts'
import {
  Client,
  createVault,
  recover,
  type BackupRequest,
  type BackupSummary,
  type ClientPorts,
  type RecoverSummary,
  type RestoreSummary,
} from '../../src/node/client.ts'
import { Friends } from '../../sim/grid.ts'
import type { PeerOptions } from '../../src/node/peer-node.ts'
import { toBytes, toText } from '../../sim/file-tree.ts'
import type { Machine, MachineOptions, MachinePorts } from '../../sim/machine.ts'
import { compareWith, takePicture, type Picture } from '../../sim/oracle.ts'
import { World } from '../../sim/world.ts'

export const HOME = '/home/ada'

/** Far away from 1970 and from anything racy: stories that need racy files say so. */
const CALM_MS = 60_000

export class TestVault {
  readonly world: World
  readonly friends: Friends
  laptop: Machine
  words = ''
  readonly #fileTimes: Pick<MachineOptions, 'fileTimeStep' | 'fileTimeAheadMs'>
  #restores = 0
  #laptops = 0

  constructor(
    options: {
      readonly peers?: number
      readonly seed?: number
      /** The grain of the laptop's file times, ns. */
      readonly fileTimeStep?: number
      /** How far the clock of the laptop's file system is ahead of its own; negative is behind. */
      readonly fileTimeAheadMs?: number
      /** Options of single friends' peers, by number. */
      readonly each?: (index: number) => Partial<PeerOptions>
    } = {},
  ) {
    const count = options.peers ?? 5
    const { fileTimeStep = 1, fileTimeAheadMs = 0 } = options
    this.#fileTimes = { fileTimeStep, fileTimeAheadMs }
    this.world = new World(options.seed ?? 1)
    const names = Array.from({ length: count }, (_, index) => `friend${index}`)
    this.friends = new Friends(this.world, names, () => ({}), options.each)
    this.laptop = this.#newLaptop('laptop')
  }

  /** Tell a story in virtual time, once the vault is made and has joined. */
  async tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
    const told = this.world.run(async () => {
      this.friends.startAll()
      const { words } = await this.laptop.run((ports) => createVault(clientPorts(ports)))
      this.words = words.join(' ')
      await this.withClient((client, signal) => client.join(this.friends.invite, signal))
      await story(this)
      this.friends.assertHealthy()
    })
    await told.finally(() => this.world.close())
  }

  /** Write a file below the home, and the folders above it. */
  write(path: string, content: Uint8Array | string): void {
    const bytes = typeof content === 'string' ? toBytes(content) : content
    const { tree } = this.laptop
    this.folder(path.slice(0, Math.max(0, path.lastIndexOf('/'))))
    const whole = toBytes(`${HOME}/${path}`)
    const node = tree.has(whole) ? tree.node(whole) : tree.make(whole, 'file', 0o644)
    tree.truncate(node, 0)
    tree.write(node, 0, bytes)
  }

  folder(path: string): void {
    const { tree } = this.laptop
    const parts = path.split('/').filter((part) => part !== '')
    for (let depth = 1; depth <= parts.length; depth += 1) {
      const whole = toBytes(`${HOME}/${parts.slice(0, depth).join('/')}`)
      if (!tree.has(whole)) tree.make(whole, 'folder', 0o755)
    }
  }

  symlink(path: string, target: string): void {
    this.laptop.tree.make(toBytes(`${HOME}/${path}`), 'symlink', 0o777).target = toBytes(target)
  }

  rename(from: string, to: string): void {
    this.laptop.tree.rename(toBytes(`${HOME}/${from}`), toBytes(`${HOME}/${to}`))
  }

  remove(path: string): void {
    this.laptop.tree.remove(toBytes(`${HOME}/${path}`))
  }

  /** Let time pass, so that nothing changed so late that the next scan must doubt it. */
  async calm(): Promise<void> {
    await this.world.scheduler.sleep(CALM_MS)
  }

  /** Start again every friend whose machine is down and not lost. */
  startFriends(): void {
    for (const friend of this.friends.left) if (!friend.machine.isUp) this.friends.start(friend)
  }

  async backUp(more: Partial<BackupRequest> = {}): Promise<BackupSummary> {
    await this.calm()
    return this.withClient((client, signal) =>
      client.backup({ paths: [toBytes(HOME)], host: 'laptop', ...more }, signal),
    )
  }

  /** What the home looks like now. */
  picture(): Picture {
    return takePicture(this.laptop.tree, HOME)
  }

  /** Restore into a fresh folder. @returns what came back, and what the client said */
  async restore(
    at = 'latest',
    paths: readonly string[] = [HOME],
  ): Promise<{ picture: Picture; summary: RestoreSummary }> {
    const target = `/restore/${++this.#restores}`
    const summary = await this.withClient(async (client, signal) =>
      client.restore(
        { at: await client.at(at, signal), paths: paths.map(toBytes), target: toBytes(target) },
        signal,
      ),
    )
    return { picture: takePicture(this.laptop.tree, target + HOME), summary }
  }

  /** @returns every way in which a whole restore differs from a picture taken earlier */
  async differences(at: string, expected: Picture): Promise<string[]> {
    const { picture, summary } = await this.restore(at)
    const memory = { root: HOME, pictures: [expected], skipped: new Set<string>() }
    return [
      ...summary.failures.map(({ path, error }) => `${toText(path)}: ${error.message}`),
      ...compareWith(memory, picture, () => false).map(({ path, why }) => `${path}: ${why}`),
    ]
  }

  /** Names in a folder as of a snapshot. */
  async list(path: string, at = 'latest'): Promise<string[]> {
    return this.withClient(async (client, signal) => {
      const row = await client.at(at, signal)
      const found: string[] = []
      for await (const listed of client.list(row, toBytes(path), { recursive: false }, signal)) {
        found.push(toText(listed.path))
      }
      return found
    })
  }

  /**
   * Lose the laptop with all its state and files, and come back on a new one.
   *
   * @param more.head - as that head left the vault
   */
  async recoverElsewhere(more: { readonly head?: number } = {}): Promise<RecoverSummary> {
    this.laptop.crash('power')
    this.#laptops += 1
    this.laptop = this.#newLaptop(`new laptop ${this.#laptops}`)
    return await this.laptop.run((ports, signal) =>
      recover(
        clientPorts(ports),
        { words: this.words, invite: this.friends.invite, ...more },
        signal,
      ),
    )
  }

  withClient<T>(use: (client: Client, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.laptop.run(async (ports, signal) => {
      const client = await Client.open(clientPorts(ports), signal)
      try {
        return await use(client, signal)
      } finally {
        await client.close()
      }
    })
  }

  #newLaptop(name: string): Machine {
    const machine = this.world.addMachine(name, {
      isReachable: false,
      ...this.#fileTimes,
    })
    for (const folder of ['/home', HOME, '/restore']) {
      machine.tree.make(toBytes(folder), 'folder', 0o755)
    }
    return machine
  }
}

export function clientPorts(ports: MachinePorts): ClientPorts {
  return { ...ports, compute: ports.compute(codecs) }
}

/** Bytes that do not compress and are always the same. */
export function noise(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = (0x9e3779b9 ^ Math.imul(seed, 0x85ebca6b)) >>> 0
  for (let index = 0; index < size; index += 1) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[index] = state & 0xff
  }
  return bytes
}
