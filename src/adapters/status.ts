/** The system's status of a file, as the port has it, and packed to cross between threads. */

import type { BigIntStats } from 'node:fs'

import type { FileKind, FileStatus, FileTime } from '../ports/files.ts'

/** Numbers that a packed status takes. */
export const STATUS_FIELDS = 9

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
  return {
    kind: KINDS.get(stat.mode & KIND_MASK) ?? 'blockDevice',
    mode: Number(stat.mode & MODE_MASK),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    size: Number(stat.size),
    mtime: toTime(stat.mtimeNs),
    ctime: toTime(stat.ctimeNs),
    device: stat.dev,
    inode: stat.ino,
    linkCount: Number(stat.nlink),
  }
}

/** Write a status as `STATUS_FIELDS` numbers from `offset` on. */
export function packStatus(stat: BigIntStats, target: BigInt64Array, offset: number): void {
  const { mode, uid, gid, size, mtimeNs, ctimeNs, dev, ino, nlink } = stat
  target.set([mode, uid, gid, size, mtimeNs, ctimeNs, dev, ino, nlink], offset)
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
    mtime: toTime(field(4)),
    ctime: toTime(field(5)),
    device: BigInt.asUintN(64, field(6)),
    inode: BigInt.asUintN(64, field(7)),
    linkCount: Number(field(8)),
  }
}

/** Seconds are rounded down, so that nanoseconds count forward before 1970 too. */
function toTime(nanoseconds: bigint): FileTime {
  const rest = ((nanoseconds % NANOSECONDS) + NANOSECONDS) % NANOSECONDS
  return { seconds: Number((nanoseconds - rest) / NANOSECONDS), nanoseconds: Number(rest) }
}
