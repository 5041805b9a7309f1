/**
 * SimDisk: a Disk over a volume, with time, a limit, and trouble on demand.
 *
 * Every call is one step. A test sees each step before it takes effect and may let it pass, fail it,
 * or cut the power there.
 */

import { DiskError, DiskFullError } from '../src/base/errors.ts'
import type { Disk, DiskFile, DiskSpace } from '../src/ports/disk.ts'
import type { Life } from './life.ts'
import type { SimRandom } from './random.ts'
import { type Volume, VolumeFile, VolumeFolder } from './volume.ts'

export interface DiskStep {
  /** Counts the steps of this disk over all its lives, from 0. */
  readonly index: number
  readonly operation:
    | 'create'
    | 'open'
    | 'read'
    | 'append'
    | 'sync'
    | 'size'
    | 'rename'
    | 'remove'
    | 'makeFolder'
    | 'list'
    | 'syncFolder'
    | 'space'
  readonly path: string
}

/** What is to become of a step: it happens, it fails with this error, or the power goes before it. */
export type StepFate = 'pass' | 'cut' | Error

export interface DiskOptions {
  readonly life: Life
  readonly random: SimRandom
  readonly trouble: DiskTrouble
  /** Told of a 'cut', before anything else on the machine runs. */
  readonly onCut?: (step: DiskStep) => void
  readonly onStep?: (step: DiskStep) => void
}

/** Bytes that no story uses up. */
const PLENTY = 1e12

/** A disk's state of health; a machine's disk keeps it over crashes. */
export class DiskTrouble {
  steps = 0
  /** Bytes of the volume. */
  capacity = PLENTY
  /** Asked before every step. */
  onStep: ((step: DiskStep) => StepFate) | undefined
}

const NAME = /^[a-z0-9._-]{1,255}$/

export class SimDisk implements Disk {
  readonly #volume: Volume
  readonly #life: Life
  readonly #random: SimRandom
  readonly #trouble: DiskTrouble
  readonly #options: DiskOptions

  constructor(volume: Volume, options: DiskOptions) {
    this.#volume = volume
    this.#life = options.life
    this.#random = options.random
    this.#trouble = options.trouble
    this.#options = options
  }

  async create(path: string): Promise<DiskFile> {
    await this.#step('create', path)
    const { folder, name } = this.#place(path)
    if (folder.names.has(name)) throw new DiskError(`${path}: the name exists`)
    this.#requireSpace(path)
    const file = new VolumeFile()
    this.#volume.change(folder, name, file)
    return this.#handle(path, file, true)
  }

  async open(path: string): Promise<DiskFile | undefined> {
    await this.#step('open', path)
    checkPath(path)
    const node = this.#volume.node(path)
    if (node === undefined) return undefined
    if (!(node instanceof VolumeFile)) throw new DiskError(`${path}: is a folder`)
    return this.#handle(path, node, false)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#step('rename', `${from} ${to}`)
    const source = this.#place(from)
    const target = this.#place(to)
    if (!(source.folder.names.get(source.name) instanceof VolumeFile)) {
      throw new DiskError(`${from}: no such file`)
    }
    if (target.folder.names.get(target.name) instanceof VolumeFolder) {
      throw new DiskError(`${to}: is a folder`)
    }
    this.#volume.rename(source, target)
  }

  async remove(path: string): Promise<void> {
    await this.#step('remove', path)
    checkPath(path)
    const node = this.#volume.node(path)
    if (node === undefined) return
    if (node instanceof VolumeFolder) throw new DiskError(`${path}: is a folder`)
    const { folder, name } = this.#place(path)
    this.#volume.change(folder, name, undefined)
  }

  async makeFolder(path: string): Promise<void> {
    await this.#step('makeFolder', path)
    checkPath(path)
    let folder = this.#volume.root
    for (const name of path.split('/')) {
      let node = folder.names.get(name)
      if (node === undefined) {
        node = new VolumeFolder()
        this.#volume.change(folder, name, node)
      }
      if (!(node instanceof VolumeFolder)) throw new DiskError(`${path}: ${name} is a file`)
      folder = node
    }
  }

  async list(folder: string): Promise<readonly string[]> {
    await this.#step('list', folder)
    if (folder !== '') checkPath(folder)
    const node = folder === '' ? this.#volume.root : this.#volume.node(folder)
    if (node === undefined) return []
    if (node instanceof VolumeFile) throw new DiskError(`${folder}: is a file`)
    return [...node.names.keys()].toSorted()
  }

  async syncFolder(folder: string): Promise<void> {
    await this.#step('syncFolder', folder)
    const node = folder === '' ? this.#volume.root : this.#volume.folder(folder)
    if (node === undefined) throw new DiskError(`${folder}: no such folder`)
    this.#volume.syncFolder(node)
  }

  async space(): Promise<DiskSpace> {
    await this.#step('space', '')
    const { capacity } = this.#trouble
    return { free: Math.max(0, capacity - this.#volume.used), total: capacity }
  }

  #handle(path: string, file: VolumeFile, isWritable: boolean): DiskFile {
    let isOpen = true
    const step = async (operation: DiskStep['operation']): Promise<void> => {
      if (!isOpen) throw new DiskError(`${path}: the file is closed`)
      await this.#step(operation, path)
    }
    const requireWritable = (): void => {
      if (!isWritable) throw new DiskError(`${path}: open for reading only`)
    }
    return {
      read: async (offset, length) => {
        await step('read')
        return file.read(offset, length)
      },
      append: async (bytes) => {
        requireWritable()
        await step('append')
        const free = this.#free()
        file.append(bytes.subarray(0, free))
        if (bytes.length > free) throw new DiskFullError(`${path}: no space left`)
      },
      sync: async () => {
        requireWritable()
        await step('sync')
        file.sync()
      },
      size: async () => {
        await step('size')
        return file.size
      },
      close: async () => {
        isOpen = false
        await this.#life.pass(0)
      },
    }
  }

  async #step(operation: DiskStep['operation'], path: string): Promise<void> {
    await this.#life.pass(stepMs(operation, this.#random))
    const step: DiskStep = { index: this.#trouble.steps++, operation, path }
    const fate = this.#trouble.onStep?.(step) ?? 'pass'
    if (fate === 'cut') {
      this.#life.end()
      this.#options.onCut?.(step)
      return await new Promise<never>(() => undefined)
    }
    if (fate instanceof Error) throw fate
    this.#options.onStep?.(step)
  }

  /** Bytes; what is used is only counted where there is not plenty. */
  #free(): number {
    const { capacity } = this.#trouble
    return capacity >= PLENTY ? PLENTY : Math.max(0, capacity - this.#volume.used)
  }

  #place(path: string): { folder: VolumeFolder; name: string } {
    checkPath(path)
    const cut = path.lastIndexOf('/')
    const folder = cut < 0 ? this.#volume.root : this.#volume.folder(path.slice(0, cut))
    if (folder === undefined) throw new DiskError(`${path}: its folder does not exist`)
    return { folder, name: path.slice(cut + 1) }
  }

  #requireSpace(path: string): void {
    if (this.#free() === 0) {
      throw new DiskFullError(`${path}: no space left`)
    }
  }
}

function stepMs(operation: DiskStep['operation'], random: SimRandom): number {
  const isSync = operation === 'sync' || operation === 'syncFolder'
  return isSync ? 1 + random.unit() * 15 : random.unit()
}

/** @throws {DiskError} the path leaves the disk, or has a name that we never make */
function checkPath(path: string): void {
  const isGood = path.split('/').every((name) => NAME.test(name) && name !== '.' && name !== '..')
  if (!isGood) throw new DiskError(`${JSON.stringify(path)}: not a path of this disk`)
}
