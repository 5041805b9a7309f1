/**
 * Linked files: several names of one inode are read once, whatever the order in which they come.
 *
 * Which inodes wait under several names is asked of the queue once. What the first name gave is kept and
 * given to the others, if nothing happened to the file meanwhile.
 */

import { equal } from '../../protocol/bytes.ts'
import type { FileStatus } from '../ports/files.ts'
import type { EntryRow } from '../store/entries.ts'
import type { FileReaderParts, ReadVersion } from './file-reader.ts'

/** Results kept at once: each is some hundred bytes, and more of a large file. */
const KEPT_MAX = 4_096

/** A smaller file is read again sooner than its version is looked up, which may be at friends. */
const COPY_SIZE_MIN = 256 * 1024

export type LinkedParts = Pick<FileReaderParts, 'contentId' | 'chainOf'>

interface Kept {
  readonly read: ReadVersion
  /** That name as the last snapshot has it. */
  readonly known: EntryRow | undefined
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
    const { status, isSettled } = read
    if (status.linkCount < 2 || !isSettled || !this.mayBeLinked(status.inode)) return
    const oldest = this.#kept.keys().next().value
    if (this.#kept.size >= KEPT_MAX && oldest !== undefined) this.#kept.delete(oldest)
    this.#kept.set(idOf(status), { read, known })
  }

  /**
   * @param status - of the file as it is now under this name
   * @param known - this name as the last snapshot has it
   * @returns what reading it would give; nothing where it has to be read
   */
  async find(
    status: FileStatus,
    known: EntryRow | undefined,
    { contentId, chainOf }: LinkedParts,
  ): Promise<ReadVersion | undefined> {
    const kept = this.#kept.get(idOf(status))
    if (kept === undefined) return undefined
    const { content } = kept.read
    const read = { ...kept.read, status, signature: undefined }
    const isKnown = known?.content !== undefined && equal(known.content, contentId(read.digest))
    if (isKnown) return { ...read, content: { type: 'unchanged' } }
    if (content.type === 'unchanged') {
      const of = kept.known
      const chain = of !== undefined && status.size > COPY_SIZE_MIN ? await chainOf(of) : undefined
      if (of === undefined || chain === undefined) return undefined
      return { ...read, content: { type: 'copy', of, chain } }
    }
    if (content.type !== 'delta') return read
    // A delta stands on what this name had before, which must be what the other had.
    const [mine, its] = [known?.content, kept.known?.content]
    const isSameBase = mine !== undefined && its !== undefined && equal(mine, its)
    return isSameBase ? read : undefined
  }
}

/** Whatever happens to a file changes one of these. */
function idOf({ device, inode, size, mtime, ctime }: FileStatus): string {
  const times = [mtime.seconds, mtime.nanoseconds, ctime.seconds, ctime.nanoseconds]
  return [device, inode, size, ...times].join(' ')
}
