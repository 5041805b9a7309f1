/**
 * A made-up home folder for measuring the tree: names, sizes, times and keys as unfriendly as real ones.
 *
 * Ten files a folder on average, a few folders of many hundreds; nanoseconds are random and ctime
 * differs from mtime; every folder's objects form runs, large files carry keys of their own.
 */

import { OBJECT_OVERHEAD } from '../../protocol/object.ts'
import type { Reference } from '../../protocol/reference.ts'
import { versionId } from '../../protocol/tree.ts'
import type { Attributes, Version } from '../../protocol/tree.ts'
import type { Change } from '../../src/history/change.ts'

const WORDS =
  'report draft final notes invoice photo letter budget index main test util server client model view summer winter garden house music mail backup old new copy scan tax car school'.split(
    ' ',
  )
const EXTENSIONS = 'txt pdf jpg png js ts py h json md docx xlsx mp3 eml html css'.split(' ')
const RUN_COUNT_MAX = 256
const RUN_SIZE_MAX = 4 * 1024 * 1024
const CHUNK_SIZE = 1024 * 1024
const SPREAD = 2 ** 32

export class SyntheticTree {
  #state: number
  #offset = 0
  #inode = 1_000_000n
  #run: { secret: Uint8Array; count: number; size: number } = {
    secret: new Uint8Array(0),
    count: RUN_COUNT_MAX,
    size: 0,
  }
  readonly #sequence: number

  constructor(seed: number, sequence: number) {
    this.#state = seed
    this.#sequence = sequence
  }

  /** @returns about `count` files with their folders, as a first backup reports them */
  changes(count: number): Change[] {
    const changes: Change[] = []
    let left = count
    for (let top = 0; left > 0; top++) {
      left -= this.#folder(changes, [`${this.#word()} ${top}`], left, 0)
    }
    return changes.toSorted((a, b) => comparePaths(a.path, b.path))
  }

  /** @returns one folder with so many files in it */
  largeFolder(count: number): Change[] {
    const changes: Change[] = []
    this.#folder(changes, ['Maildir'], count, 6, count)
    return changes.toSorted((a, b) => comparePaths(a.path, b.path))
  }

  /** @returns a changed file's set: other times, one new version */
  edit(path: readonly Uint8Array[]): Change {
    this.#run = { secret: new Uint8Array(0), count: RUN_COUNT_MAX, size: 0 }
    return this.#file(path, this.#nextInode())
  }

  random(): number {
    // xorshift32, as in G. Marsaglia, "Xorshift RNGs" (2003).
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) / SPREAD
  }

  #folder(
    changes: Change[],
    names: string[],
    budget: number,
    depth: number,
    exactly?: number,
  ): number {
    const path = names.map((name) => new Uint8Array(Buffer.from(name)))
    changes.push({
      path,
      type: 'set',
      attributes: { ...this.#attributes(4096, this.#nextInode()), mode: 0o755 },
      what: { kind: 'folder' },
    })
    this.#run = { secret: new Uint8Array(0), count: RUN_COUNT_MAX, size: 0 }
    const isLarge = this.random() < 0.004
    const fileCount =
      exactly ?? Math.min(budget, isLarge ? 700 : Math.floor(this.random() ** 2 * 21))
    // Made in any order, backed up in the order of names.
    const made = Array.from({ length: fileCount }, (_, index) => {
      return { name: new Uint8Array(Buffer.from(this.#fileName(index))), inode: this.#nextInode() }
    })
    for (const { name, inode } of made.toSorted((x, y) => Buffer.compare(x.name, y.name))) {
      changes.push(this.#file([...path, name], inode))
    }
    let used = fileCount
    for (let child = 0; child < (depth < 6 ? this.random() * 4 : 0) && used < budget; child++) {
      used += this.#folder(changes, [...names, `${this.#word()}${child}`], budget - used, depth + 1)
    }
    return used
  }

  #file(path: readonly Uint8Array[], inode: bigint): Change {
    const size = Math.floor(Math.exp(4 + this.random() * 6 + this.random() * 5))
    const version = this.#version(size)
    const attributes = this.#attributes(size, inode)
    return { path, type: 'set', attributes, what: { kind: 'file', versions: [version] } }
  }

  #version(size: number): Version {
    const references: Reference[] = []
    for (let left = size; left > 0; left -= CHUNK_SIZE) {
      references.push(this.#reference(Math.min(left, CHUNK_SIZE)))
    }
    return {
      id: versionId(this.#sequence, 0),
      size,
      digest: references.length === 1 ? undefined : this.#bytes(32),
      label: 'stable',
      content: { type: 'original', parts: { depth: 0, references } },
      extra: [],
    }
  }

  #reference(size: number): Reference {
    const isCompressible = this.random() < 0.6
    const length =
      OBJECT_OVERHEAD + Math.ceil(size * (isCompressible ? 0.2 + this.random() / 2 : 1))
    const place = {
      pack: 1 + Math.floor(this.#offset / 2 ** 24),
      offset: this.#offset % 2 ** 24,
      length,
    }
    this.#offset += length
    if (size === CHUNK_SIZE) return { ...place, key: { type: 'raw', secret: this.#bytes(32) } }
    if (this.#run.count >= RUN_COUNT_MAX || this.#run.size >= RUN_SIZE_MAX) {
      this.#run = { secret: this.#bytes(32), count: 0, size: 0 }
    }
    this.#run.size += length
    const ordinal = this.#run.count++
    return { ...place, key: { type: 'run', secret: this.#run.secret, ordinal } }
  }

  #attributes(size: number, inode: bigint): Attributes {
    const seconds = 1_500_000_000 + Math.floor(this.random() * 2e8)
    // Of ten files three were there long before they last changed.
    const age = Number(inode % 10n) < 3 ? Number((inode * 7_919n) % 90_000_000n) : 0
    return {
      bornAt: seconds - age,
      mode: this.random() < 0.9 ? 0o644 : 0o600,
      uid: 1000,
      gid: 1000,
      userName: 'anna',
      groupName: 'anna',
      mtime: { seconds, nanoseconds: 1 + Math.floor(this.random() * 999_999_998) },
      ctime: {
        seconds: seconds + Math.floor(this.random() ** 3 * 100_000),
        nanoseconds: 1 + Math.floor(this.random() * 999_999_998),
      },
      inode,
      size,
      extra: [],
    }
  }

  #nextInode(): bigint {
    this.#inode += BigInt(1 + Math.floor(this.random() ** 4 * 500))
    return this.#inode
  }

  #fileName(index: number): string {
    const extension = EXTENSIONS[Math.floor(this.random() * EXTENSIONS.length)]
    if (this.random() < 0.3) return `IMG_20${10 + (index % 15)}${1000 + index * 37}_${index}.jpg`
    return `${this.#word()}-${this.#word()}-${index}.${extension}`
  }

  #word(): string {
    return WORDS[Math.floor(this.random() * WORDS.length)] as string
  }

  #bytes(size: number): Uint8Array {
    return new Uint8Array(size).map(() => Math.floor(this.random() * 256))
  }
}

function comparePaths(a: readonly Uint8Array[], b: readonly Uint8Array[]): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const order = Buffer.compare(a[index] as Uint8Array, b[index] as Uint8Array)
    if (order !== 0) return order
  }
  return a.length - b.length
}
