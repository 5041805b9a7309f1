/** The door between Node's file calls and our errors. */

import type { FileHandle } from 'node:fs/promises'

import { CairnError, DiskError, DiskFullError, FilesError } from '../base/errors.ts'

/** Largest single read or write, bytes: Linux moves at most 2 GiB − 4 KiB at once. */
const TRANSFER_SIZE_MAX = 2 ** 30

/** @returns the system's word for an error, `undefined` if it is no system error */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** No space, no quota: the two words for a full disk. */
export function isFull(code: string | undefined): boolean {
  return code === 'ENOSPC' || code === 'EDQUOT'
}

export function toDiskError(path: string, error: unknown): Error {
  if (error instanceof CairnError) return error
  const code = systemCode(error)
  if (code === undefined) return asError(error)
  const ErrorClass = isFull(code) ? DiskFullError : DiskError
  return new ErrorClass(`${path}: ${code}`, { cause: error })
}

export function toFilesError(path: string, error: unknown): Error {
  if (error instanceof CairnError) return error
  const code = systemCode(error)
  // A quota is full as a disk is full: whoever restores needs one word for both.
  return code === undefined
    ? asError(error)
    : new FilesError(isFull(code) ? 'ENOSPC' : code, `${path}: ${code}`, { cause: error })
}

/** Do the work; its system errors come out as ours. */
export async function attempt<T>(
  path: string,
  translate: (path: string, error: unknown) => Error,
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw translate(path, error)
  }
}

/** @returns up to `length` bytes at `offset`, an array of its own; fewer only at the end */
export async function readFully(
  handle: FileHandle,
  range: { offset: number; length: number },
): Promise<Uint8Array> {
  const bytes = new Uint8Array(range.length)
  let done = 0
  while (done < bytes.length) {
    const length = Math.min(bytes.length - done, TRANSFER_SIZE_MAX)
    const { bytesRead } = await handle.read(bytes, done, length, range.offset + done)
    if (bytesRead === 0) return bytes.slice(0, done)
    done += bytesRead
  }
  return bytes
}

/** Write all the bytes at `offset`. */
export async function writeFully(
  handle: FileHandle,
  bytes: Uint8Array,
  offset: number,
): Promise<void> {
  let done = 0
  while (done < bytes.length) {
    const length = Math.min(bytes.length - done, TRANSFER_SIZE_MAX)
    done += (await handle.write(bytes, done, length, offset + done)).bytesWritten
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}
