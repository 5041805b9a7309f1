/** Small helpers of the adapters: states of files, and names of what lies beside them. */

import { concat, utf8 } from '../../../protocol/bytes.ts'
import type { FileStatus, FileTime, PathBytes } from '../../ports/files.ts'

/** @returns whether a file is the same and shows no change */
export function isSameState(before: FileStatus, after: FileStatus): boolean {
  return (
    before.size === after.size &&
    before.inode === after.inode &&
    before.device === after.device &&
    isSameTime(before.mtime, after.mtime) &&
    isSameTime(before.ctime, after.ctime)
  )
}

export function withSuffix(path: PathBytes, suffix: string): PathBytes {
  return concat(path, utf8(suffix))
}

/** @returns the path without the suffix; undefined if it has another ending, or no name would be left */
export function withoutSuffix(path: PathBytes, suffix: string): PathBytes | undefined {
  const bytes = utf8(suffix)
  const end = path.length - bytes.length
  const isEnding = end > 0 && bytes.every((byte, index) => path[end + index] === byte)
  return isEnding && path[end - 1] !== 0x2f ? path.subarray(0, end) : undefined
}

function isSameTime(a: FileTime, b: FileTime): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds
}
