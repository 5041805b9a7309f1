/**
 * File copies: a file that does not hold still is copied first, and the copy is read at leisure.
 *
 * A reflink is the file as it was at one moment. Where the file system has none the bytes are copied, which
 * takes less time than it takes to cut, compress and seal them, so that a change in between is less likely;
 * small ones into memory, others into a file that nobody else sees. If the file changed while it was copied
 * the copy says so.
 */

import { concat } from '../../protocol/bytes.ts'
import { DiskFullError, FilesError } from '../base/errors.ts'
import type { FileReader, Files, FileStatus, FileWriter } from '../ports/files.ts'
import { isSameState } from './same-state.ts'

/** Bytes of a file that is copied, at most, if nobody said otherwise. */
export const COPY_SIZE_MAX = 4 * 1024 ** 3

/** Copies up to this stay in memory. */
const MEMORY_SIZE_MAX = 8 * 1024 ** 2

/** Bytes copied at a time. */
const PIECE_SIZE = 1024 * 1024

/** How often a file is copied until it held still meanwhile. */
const TRIES_MAX = 3

export interface FileCopy {
  /** Of the file when the copy began: what changes later differs from it. */
  readonly status: FileStatus
  /** Bytes of the copy. */
  readonly size: number
  /** Whether the file was like that at one moment. */
  readonly isCalm: boolean
  /** Whether every change that is not in it bears another change time than `status`. */
  readonly isSettled: boolean
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

/** A file that was opened, how it was then, and whether a change from then on would show. */
export interface OpenedFile {
  readonly file: FileReader
  readonly status: FileStatus
  readonly isSettled: boolean
}

export interface CopyOptions {
  readonly sizeMax: number
  /** Open the file, once a change would show if that is soon. */
  readonly open: () => Promise<OpenedFile>
  /** Called before each piece. */
  readonly onRead: (size: number) => void
}

/** A copy, and the file that it is of, which is open still. */
export interface Copied {
  readonly file: FileReader
  readonly copy: FileCopy
}

/**
 * @returns undefined if the file is too large, or there is no room for a copy
 * @throws {FilesError} the file cannot be read
 */
export async function copyFile(
  files: Pick<Files, 'scratch'>,
  options: CopyOptions,
  signal: AbortSignal,
): Promise<Copied | undefined> {
  for (let left = TRIES_MAX; ; left -= 1) {
    const opened = await options.open()
    const { file } = opened
    let copy: FileCopy | undefined
    try {
      copy = await copyOpened(files, opened, options, signal)
    } finally {
      if (copy === undefined) await file.close()
    }
    if (copy === undefined) return undefined
    if (copy.isCalm || left === 1) return { file, copy }
    await copy.close()
    await file.close()
  }
}

async function copyOpened(
  files: Pick<Files, 'scratch'>,
  { file, status, isSettled }: OpenedFile,
  { sizeMax, onRead }: CopyOptions,
  signal: AbortSignal,
): Promise<FileCopy | undefined> {
  if (status.size > sizeMax) return undefined
  const clone = await file.clone()
  if (clone !== undefined) {
    const { size } = await clone.status()
    const read = (offset: number, length: number) => clone.read(offset, length)
    return { status, size, isCalm: true, isSettled, read, close: () => clone.close() }
  }
  const target = status.size <= MEMORY_SIZE_MAX ? new MemoryCopy() : await scratchOf(files)
  if (target === undefined) return undefined
  let size = 0
  try {
    for (;;) {
      signal.throwIfAborted()
      onRead(size)
      const bytes = await file.read(size, PIECE_SIZE)
      if (!(await isWritten(target, bytes)) || size + bytes.length > sizeMax) {
        await target.close()
        return undefined
      }
      size += bytes.length
      if (bytes.length < PIECE_SIZE) break
    }
    const after = await file.status()
    const isCalm = isSettled && isSameState(status, after) && size === after.size
    const read = (offset: number, length: number) => target.read(offset, length)
    return { status, size, isCalm, isSettled: isCalm, read, close: () => target.close() }
  } catch (error) {
    await target.close()
    throw error
  }
}

async function scratchOf(files: Pick<Files, 'scratch'>): Promise<FileWriter | undefined> {
  try {
    return await files.scratch()
  } catch (error) {
    if (isNoRoom(error)) return undefined
    throw error
  }
}

/** @returns whether there was room */
async function isWritten(target: Pick<FileWriter, 'write'>, bytes: Uint8Array): Promise<boolean> {
  try {
    if (bytes.length > 0) await target.write(bytes)
    return true
  } catch (error) {
    if (isNoRoom(error)) return false
    throw error
  }
}

function isNoRoom(error: unknown): boolean {
  if (error instanceof DiskFullError) return true
  return error instanceof FilesError && ['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES'].includes(error.code)
}

/** A file that began small; it may have grown meanwhile, by less than it takes to read it. */
class MemoryCopy implements Pick<FileWriter, 'write' | 'read' | 'close'> {
  readonly #pieces: Uint8Array[] = []

  async write(bytes: Uint8Array): Promise<void> {
    this.#pieces.push(bytes)
    return Promise.resolve()
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = []
    let from = 0
    for (const piece of this.#pieces) {
      const start = Math.max(offset - from, 0)
      const end = Math.min(offset + length - from, piece.length)
      if (start < end) parts.push(piece.subarray(start, end))
      from += piece.length
    }
    return Promise.resolve(concat(...parts))
  }

  close(): Promise<void> {
    this.#pieces.length = 0
    return Promise.resolve()
  }
}
