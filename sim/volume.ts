/**
 * Volume: what a disk holds, twice: as programs see it, and as a power cut would leave it.
 *
 * The fault model. A file's bytes are durable up to its last sync. A name operation (create, remove,
 * rename, new folder) is durable once a folder it touches is synced, and everything earlier in that
 * folder with it. After a power cut the volume holds what is durable, plus a drawn part of the rest:
 *
 * - of the name operations, either the first so many of the journal, or any subset in order;
 *   a rename is one operation: never half, save that the old name may outlive a synced new folder;
 * - of a file's unsynced tail, some length, in which every 4 KiB page is either right or zeros.
 *
 * Volumes are synchronous and know nothing of time; sim/disk.ts makes a Disk of one.
 */

import type { SimRandom } from './random.ts'

const PAGE_SIZE = 4096

export class VolumeFile {
  /** May be longer than `size`. */
  #bytes: Uint8Array = new Uint8Array(256)
  size = 0
  durableSize = 0
  /** Bytes that a sync silently failed to keep: a lying disk, or pages marked clean after an error. */
  isLying = false

  /** Bytes of memory it takes. */
  get memory(): number {
    return this.#bytes.length
  }

  append(bytes: Uint8Array): void {
    const needed = this.size + bytes.length
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(needed, 2 * this.#bytes.length))
      grown.set(this.#bytes.subarray(0, this.size))
      this.#bytes = grown
    }
    this.#bytes.set(bytes, this.size)
    this.size = needed
  }

  /** @returns a copy */
  read(offset: number, length: number): Uint8Array {
    return this.#bytes.slice(Math.min(offset, this.size), Math.min(offset + length, this.size))
  }

  sync(): void {
    if (!this.isLying) this.durableSize = this.size
  }

  /** Turn one bit over. */
  rot(bit: number): void {
    const index = Math.floor(bit / 8) % Math.max(1, this.size)
    this.#bytes[index] = (this.#bytes[index] ?? 0) ^ (1 << (bit % 8))
  }

  /** Some bytes are zeros from now on. */
  blank(offset: number, length: number): void {
    this.#bytes.fill(0, Math.min(offset, this.size), Math.min(offset + length, this.size))
  }

  /** Keep the durable bytes and a drawn part of the rest. @returns whether a page of it is torn */
  cutPower(random: SimRandom): boolean {
    const unsynced = this.size - this.durableSize
    let hasTorn = false
    if (unsynced > 0) {
      const kept = random.weighted({ none: 2, some: 3, all: 2 })
      const length = { none: 0, some: random.below(unsynced + 1), all: unsynced }[kept]
      const end = this.durableSize + length
      const isTorn = random.chance(0.3)
      for (let page = Math.floor(this.durableSize / PAGE_SIZE); page * PAGE_SIZE < end; page++) {
        if (!isTorn || !random.chance(0.3)) continue
        const from = Math.max(this.durableSize, page * PAGE_SIZE)
        this.#bytes.fill(0, from, Math.min(end, (page + 1) * PAGE_SIZE))
        hasTorn = true
      }
      this.size = end
    }
    this.durableSize = this.size
    return hasTorn
  }
}

export class VolumeFolder {
  readonly names = new Map<string, VolumeFile | VolumeFolder>()
  durable = new Map<string, VolumeFile | VolumeFolder>()
}

export type VolumeNode = VolumeFile | VolumeFolder

export interface SavedFile {
  readonly path: string
  readonly bytes: Uint8Array
}

/** One change of one name; a rename is two of them in one operation. */
interface NameChange {
  readonly folder: VolumeFolder
  readonly name: string
  /** What has the name from now on; `undefined`: nothing. */
  readonly node: VolumeNode | undefined
}

/** Changes that become durable together, the most important first. */
type NameOperation = NameChange[]

export class Volume {
  readonly root = new VolumeFolder()
  /** Name operations that no sync has covered yet, in order. */
  #journal: NameOperation[] = []
  readonly #random: SimRandom

  constructor(random: SimRandom) {
    this.#random = random
  }

  /** Bytes in all files that have a name. */
  get used(): number {
    return sizeOf(this.root)
  }

  folder(path: string): VolumeFolder | undefined {
    const node = this.node(path)
    return node instanceof VolumeFolder ? node : undefined
  }

  node(path: string): VolumeNode | undefined {
    let node: VolumeNode | undefined = this.root
    for (const name of path.split('/').filter((part) => part !== '')) {
      node = node instanceof VolumeFolder ? node.names.get(name) : undefined
    }
    return node
  }

  /** Give `name` to `node`, or take it away. */
  change(folder: VolumeFolder, name: string, node: VolumeNode | undefined): void {
    this.#apply([{ folder, name, node }])
  }

  rename(
    from: { folder: VolumeFolder; name: string },
    to: { folder: VolumeFolder; name: string },
  ): void {
    const node = from.folder.names.get(from.name)
    if (from.folder === to.folder && from.name === to.name) return
    this.#apply([
      { ...to, node },
      { ...from, node: undefined },
    ])
  }

  syncFolder(folder: VolumeFolder): void {
    let left: NameOperation[] = []
    for (const operation of this.#journal) {
      const isOwn = operation.some((change) => change.folder === folder)
      if (!isOwn) {
        left.push(operation)
        continue
      }
      // The new name must outlast a synced old folder, or a rename could lose the file.
      const isWhole = operation.at(-1)?.folder === folder || this.#random.chance(0.5)
      const done = isWhole ? operation : operation.filter((change) => change.folder === folder)
      for (const change of done) {
        setName(change.folder.durable, change)
        // What was to become of that name before is over: it must not come after this.
        left = left.map((earlier) => earlier.filter((one) => !isSameName(one, change)))
      }
      if (!isWhole) left.push(operation.filter((change) => change.folder !== folder))
    }
    this.#journal = left
  }

  /** Become what a power cut leaves. @returns how many files have torn pages */
  cutPower(): number {
    const journal = this.#journal
    const isPrefix = this.#random.chance(0.5)
    const length = this.#random.below(journal.length + 1)
    journal.forEach((operation, index) => {
      const survives = isPrefix ? index < length : this.#random.chance(0.5)
      if (survives) for (const change of operation) setName(change.folder.durable, change)
    })
    this.#journal = []
    const seen = new Set<VolumeNode>()
    return restart(this.root, this.#random, seen)
  }

  /** Copies of all files, to come back to with `become`. */
  save(): SavedFile[] {
    return this.files().map(({ path, file }) => ({ path, bytes: file.read(0, file.size) }))
  }

  /** Hold these files and nothing else, all of it durable. */
  become(files: readonly SavedFile[]): void {
    this.wipe()
    for (const { path, bytes } of files) {
      const names = path.split('/')
      let folder = this.root
      for (const name of names.slice(0, -1)) {
        const below = folder.names.get(name)
        const next = below instanceof VolumeFolder ? below : new VolumeFolder()
        for (const image of [folder.names, folder.durable]) image.set(name, next)
        folder = next
      }
      const file = new VolumeFile()
      file.append(bytes)
      file.sync()
      for (const image of [folder.names, folder.durable]) image.set(names.at(-1) ?? '', file)
    }
  }

  /** Lose everything. */
  wipe(): void {
    this.root.names.clear()
    this.root.durable.clear()
    this.#journal = []
  }

  /** Bytes of memory that its files take. */
  get memory(): number {
    return this.files().reduce((sum, { file }) => sum + file.memory, 0)
  }

  /** @returns every file with its path, in order of its folders' names */
  files(): { path: string; file: VolumeFile }[] {
    return [...walk(this.root, '')]
  }

  #apply(operation: NameOperation): void {
    for (const change of operation) setName(change.folder.names, change)
    this.#journal.push(operation)
  }
}

function isSameName(a: NameChange, b: NameChange): boolean {
  return a.folder === b.folder && a.name === b.name
}

function setName(names: Map<string, VolumeNode>, { name, node }: NameChange): void {
  if (node === undefined) names.delete(name)
  else names.set(name, node)
}

function restart(folder: VolumeFolder, random: SimRandom, seen: Set<VolumeNode>): number {
  let torn = 0
  folder.names.clear()
  for (const [name, node] of folder.durable) folder.names.set(name, node)
  for (const node of folder.names.values()) {
    if (seen.has(node)) continue
    seen.add(node)
    if (node instanceof VolumeFolder) torn += restart(node, random, seen)
    else if (node.cutPower(random)) torn += 1
  }
  return torn
}

function sizeOf(folder: VolumeFolder): number {
  let size = 0
  for (const node of folder.names.values()) {
    size += node instanceof VolumeFile ? node.size : sizeOf(node)
  }
  return size
}

function* walk(
  folder: VolumeFolder,
  prefix: string,
): Generator<{ path: string; file: VolumeFile }> {
  for (const name of [...folder.names.keys()].toSorted()) {
    const node = folder.names.get(name)
    if (node instanceof VolumeFile) yield { path: prefix + name, file: node }
    else if (node !== undefined) yield* walk(node, `${prefix}${name}/`)
  }
}
