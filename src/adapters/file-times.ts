/**
 * File times to the nanosecond: `utimensat` called in libc, through Node's own FFI.
 *
 * Node's `fs.utimes` carries times as floating-point seconds, which cannot hold nanoseconds: see
 * docs/adr/0002-utimensat-by-ffi.md. Where FFI or the symbol is absent, times are set to the
 * microsecond.
 */

import { lstatSync, lutimesSync } from 'node:fs'

import type { FileTime, PathBytes } from '../ports/files.ts'
import { loadLibc, terminated } from './libc.ts'

/** Values of `fcntl.h` and `sys/stat.h` by platform; both lay out timespec as two 64-bit integers. */
const PLATFORMS: Partial<Record<NodeJS.Platform, PlatformNumbers>> = {
  linux: { AT_FDCWD: -100, AT_SYMLINK_NOFOLLOW: 0x100, UTIME_OMIT: (1n << 30n) - 2n },
  darwin: { AT_FDCWD: -2, AT_SYMLINK_NOFOLLOW: 0x20, UTIME_OMIT: -2n },
}

interface PlatformNumbers {
  readonly AT_FDCWD: number
  readonly AT_SYMLINK_NOFOLLOW: number
  readonly UTIME_OMIT: bigint
}

/** @returns whether it was set */
type SetTime = (path: PathBytes, mtime: FileTime) => boolean

const setExactly = findUtimensat()

/** Whether restored times are right to the nanosecond; else to the microsecond. */
export const isNanosecondExact = setExactly !== undefined

/**
 * Set the modification time of a file, folder or link itself; the access time stays.
 *
 * @throws the system's error, as `fs` words it
 */
export function setModificationTime(path: PathBytes, mtime: FileTime): void {
  // A refusal is repeated through `fs`, which knows how to name the reason.
  if (setExactly?.(path, mtime) !== true) setRoughly(path, mtime)
}

/** To the microsecond, rounded down, until 2106; the access time stays, to the microsecond too. */
export function setRoughly(path: PathBytes, mtime: FileTime): void {
  const target = Buffer.from(path)
  const microseconds = Math.floor(mtime.nanoseconds / 1000)
  // Half a microsecond more, so that floating point falls on the right side of the microsecond.
  const seconds = mtime.seconds + (microseconds + 0.5) / 1e6
  // As text: a negative number would be taken for the time now.
  lutimesSync(target, String(lstatSync(target).atimeMs / 1000), String(seconds))
}

function findUtimensat(): SetTime | undefined {
  const numbers = PLATFORMS[process.platform]
  const functions = loadLibc(['linux', 'darwin'], {
    utimensat: { arguments: ['i32', 'pointer', 'pointer', 'i32'], return: 'i32' },
  })
  if (numbers === undefined || functions === undefined) return undefined
  return (path, mtime) => {
    const times = BigInt64Array.of(
      0n,
      numbers.UTIME_OMIT,
      BigInt(mtime.seconds),
      BigInt(mtime.nanoseconds),
    )
    const { AT_FDCWD, AT_SYMLINK_NOFOLLOW } = numbers
    return functions.utimensat(AT_FDCWD, terminated(path), times, AT_SYMLINK_NOFOLLOW) === 0
  }
}
