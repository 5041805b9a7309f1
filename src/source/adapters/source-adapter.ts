/**
 * Source adapters: who knows a kind of file decides which of its bytes are a whole.
 *
 * A live database is never whole on disk: pages wait in a journal beside it, or its end is a transaction
 * under way. An adapter knows its files by what they begin with, and gives the bytes of one committed
 * moment in place of theirs. The files that the database keeps beside itself, its *companions*, belong
 * to that moment too: the adapter says what is kept of them.
 */

import type { ByteReader, Files, FileStatus, PathBytes } from '../../ports/files.ts'

export type AdapterName = 'sqlite' | 'zodb'

/** Bytes at a file's beginning that an adapter is shown. */
export const HEAD_SIZE = 100

/** Bytes that hold still, in place of a file's own. */
export interface SafeSource extends ByteReader {
  /** As the file itself was before: what the next scan is compared with. */
  readonly recorded: FileStatus
  /** @returns after all was read, whether it did hold still; if not, the file is opened anew */
  isWhole(): Promise<boolean>
  /** Bytes that were there stay as they are, and others come behind them. */
  readonly onlyGrows?: boolean
  /** @returns whether the file took the place of another, of which a delta would keep nothing */
  readonly isNew?: (known: Pick<FileStatus, 'inode' | 'size'>) => boolean
}

/** A file beside a database. */
export interface Companion {
  readonly path: PathBytes
  /** What is kept of it has no bytes. */
  readonly isEmpty: boolean
  /** As it is on disk; of one that is made here, its database's. */
  readonly status: FileStatus
}

/** One database in one backup: it and its companions are of one moment, whichever is opened first. */
export interface SafeGroup {
  /** @returns undefined where the file is better read as it is; `trouble` may then say why */
  open(signal: AbortSignal): Promise<SafeSource | undefined>
  openCompanion(path: PathBytes, signal: AbortSignal): Promise<SafeSource | undefined>
  /** @returns what must be kept with the database as it was opened */
  companions(): Promise<readonly Companion[]>
  readonly trouble: string | undefined
  /** Let go of what is still held. */
  close(): Promise<void>
}

export interface SourceAdapter {
  readonly name: AdapterName
  /** How companions' names go on after the database's. */
  readonly suffixes: readonly string[]
  /** Of those, what is kept although no such file may be on disk. */
  readonly madeSuffixes: readonly string[]
  /** @param head - the first `HEAD_SIZE` bytes, or all there are */
  claims(head: Uint8Array): boolean
  /** @param files - the person's files */
  group(files: Files, path: PathBytes, head: Uint8Array): SafeGroup
}

/** Bytes of a companion that is kept without any. */
export function emptySource(recorded: FileStatus): SafeSource {
  return {
    recorded,
    status: async () => ({ ...recorded, size: 0 }),
    read: async () => new Uint8Array(0),
    isWhole: async () => true,
    close: async () => undefined,
  }
}

/** Bytes that are all at hand. */
export function bytesSource(recorded: FileStatus, bytes: Uint8Array): SafeSource {
  return {
    recorded,
    status: async () => ({ ...recorded, size: bytes.length }),
    read: async (offset, length) => bytes.slice(offset, offset + length),
    isWhole: async () => true,
    close: async () => undefined,
  }
}
