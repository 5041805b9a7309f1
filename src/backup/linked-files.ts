/**
 * Linked files: several names of one inode are read once, whatever the order in which they come.
 *
 * Which inodes wait under several names is asked of the queue once. What the first name gave is kept and
 * given to the others, if nothing happened to the file meanwhile.
 */

import { equal } from '../../protocol/bytes.ts'
import type { FileStatus } from '../ports/files.ts'
import type { EntryRow } from '../store/entries.ts'
import type { ReadVersion } from './file-reader.ts'

/** Results kept at once: each is some hundred bytes, and more of a large file. */
const KEPT_MAX = 4_096

interface Kept {
  readonly read: ReadVersion
  /** Content that the last snapshot had under that name. */
  readonly base: Uint8Array | undefined
}

export class LinkedFiles {
  readonly #inodes: ReadonlySet<bigint>
  readonly #kept = new Map<string, Kept>()

  /** @param inodes - those that wait under several names */
  constructor(inodes: ReadonlySet<bigint>) {
    this.#inodes = inodes
  }

  /** @returns whether another name of the file may wait too */
  mayBeLinked(inode: bigint): boolean {
    return this.#inodes.has(inode)
  }

  /** Keep what reading one name gave; `known` is that name as the last snapshot has it. */
  keep(known: EntryRow | undefined, read: ReadVersion): void {
    const { status, label } = read
    if (status.linkCount < 2 || label === 'fuzzy' || !this.mayBeLinked(status.inode)) return
    const oldest = this.#kept.keys().next().value
    if (this.#kept.size >= KEPT_MAX && oldest !== undefined) this.#kept.delete(oldest)
    this.#kept.set(idOf(status), { read, base: known?.content })
  }

  /**
   * @param status - of the file as it is now under this name
   * @param known - this name as the last snapshot has it
   * @returns what reading it would give; nothing where it has to be read
   */
  find(
    status: FileStatus,
    known: EntryRow | undefined,
    contentId: (digest: Uint8Array) => Uint8Array,
  ): ReadVersion | undefined {
    const kept = this.#kept.get(idOf(status))
    if (kept === undefined) return undefined
    const { content } = kept.read
    const read = { ...kept.read, status, signature: undefined }
    const isKnown = known?.content !== undefined && equal(known.content, contentId(read.digest))
    if (isKnown) return { ...read, content: { type: 'unchanged' } }
    if (content.type === 'unchanged') return undefined
    if (content.type !== 'delta') return read
    // A delta stands on what this name had before, which must be what the other had.
    const isSameBase =
      known?.content !== undefined && kept.base !== undefined && equal(known.content, kept.base)
    return isSameBase ? read : undefined
  }
}

/** Whatever happens to a file changes one of these. */
function idOf({ device, inode, size, mtime, ctime }: FileStatus): string {
  const times = [mtime.seconds, mtime.nanoseconds, ctime.seconds, ctime.nanoseconds]
  return [device, inode, size, ...times].join(' ')
}
