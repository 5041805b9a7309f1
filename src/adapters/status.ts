/** The system's status of a file, as the port has it, and packed to cross between threads. */

import type { BigIntStats } from 'node:fs'

import type { FileKind, FileStatus, FileTime } from '../ports/files.ts'
import { toDeviceNumber } from './special-files.ts'

/** Numbers that a packed status takes. */
export const STATUS_FIELDS = 12

const MODE_MASK = 0o7777n
const KIND_MASK = 0o170000n
const NANOSECONDS = 1_000_000_000n

/** By the type bits of a mode (stat(2), `S_IFMT`); what else there may be counts as a device. */
const KINDS: ReadonlyMap<bigint, FileKind> = new Map([
  [0o100000n, 'file'],
  [0o040000n, 'folder'],
  [0o120000n, 'symlink'],
  [0o010000n, 'fifo'],
  [0o140000n, 'socket'],
  [0o020000n, 'characterDevice'],
])

export function toStatus(stat: BigIntStats): FileStatus {
  const kind = KINDS.get(stat.mode & KIND_MASK) ?? 'blockDevice'
  const isDevice = kind === 'characterDevice' || kind === 'blockDevice'
  return {
    kind,
    mode: Number(stat.mode & MODE_MASK),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: Number(stat.size),
    mtime: toTime(stat.mtimeNs),
    ctime: toTime(stat.ctimeNs),
    device: stat.dev,
    inode: stat.ino,
    linkCount: Number(stat.nlink),
    deviceNumber: isDevice ? toDeviceNumber(stat.rdev) : undefined,
    bornAt: toBirth(stat.birthtimeNs / NANOSECONDS),
  }
}

/** File systems that do not tell say 1970. */
function toBirth(seconds: bigint): number | undefined {
  return seconds === 0n ? undefined : Number(seconds)
}

/** Write a status as `STATUS_FIELDS` numbers from `offset` on. */
export function packStatus(stat: BigIntStats, target: BigInt64Array, offset: number): void {
  const { mode, uid, gid, size, dev, ino, nlink } = stat
  const [mtime, ctime] = [toTime(stat.mtimeNs), toTime(stat.ctimeNs)]
  // Nanoseconds in one number would end in the year 2262.
  const times = [mtime.seconds, mtime.nanoseconds, ctime.seconds, ctime.nanoseconds].map(BigInt)
  const born = stat.birthtimeNs / NANOSECONDS
  target.set([mode, uid, gid, size, ...times, dev, ino, nlink, born], offset)
}

export function unpackStatus(packed: BigInt64Array, offset: number): FileStatus {
  const field = (index: number) => packed[offset + index] as bigint
  const mode = field(0)
  return {
    kind: KINDS.get(mode & KIND_MASK) ?? 'blockDevice',
    mode: Number(mode & MODE_MASK),
    uid: Number(field(1)),
    gid: Number(field(2)),
    size: Number(field(3)),
    mtime: { seconds: Number(field(4)), nanoseconds: Number(field(5)) },
    ctime: { seconds: Number(field(6)), nanoseconds: Number(field(7)) },
    device: BigInt.asUintN(64, field(8)),
    inode: BigInt.asUintN(64, field(9)),
    linkCount: Number(field(10)),
    bornAt: toBirth(field(11)),
  }
}

/** Seconds are rounded down, so that nanoseconds count forward before 1970 too. */
function toTime(nanoseconds: bigint): FileTime {
  const rest = ((nanoseconds % NANOSECONDS) + NANOSECONDS) % NANOSECONDS
  return { seconds: Number((nanoseconds - rest) / NANOSECONDS), nanoseconds: Number(rest) }
}
