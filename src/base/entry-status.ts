/**
 * Entry status: what the change test and the tree need of one path, as a value and as bytes.
 *
 * Packed, equal statuses are equal bytes, so a scan is compared with the backupdb without making a
 * value of either. 50 bytes, big-endian:
 *
 *     0  u16   type and permission bits, as `st_mode` has them
 *     2  u32   owner
 *     6  u32   group
 *    10  u64   size; 0 for all but files and links: a folder's is the file system's own affair
 *    18  i96   modified, nanoseconds since 1970
 *    30  i96   changed, likewise
 *    42  u64   inode
 */

import type { FileKind, FileStatus, FileTime } from '../ports/files.ts'
import { assert } from './assert.ts'

/** All but sockets, which stand for a program that listens. */
export type EntryKind = Exclude<FileKind, 'socket'>

export interface EntryStatus {
  readonly kind: EntryKind
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly mtime: FileTime
  readonly ctime: FileTime
  readonly inode: bigint
}

/** As the system tells it: what `BigIntStats` of Node has, among more. */
export interface SystemStatus {
  /** With the type bits. */
  readonly mode: bigint
  readonly uid: bigint
  readonly gid: bigint
  readonly size: bigint
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly ino: bigint
}

export const PACKED_STATUS_SIZE = 50

/** Where the size lies in a packed status: 8 bytes. */
export const PACKED_SIZE_OFFSET = 10

/** Where the inode lies: 8 bytes. */
export const PACKED_INODE_OFFSET = 42

/** Where the time of modification lies: 12 bytes. */
export const PACKED_MTIME_OFFSET = 18

const MTIME_OFFSET = PACKED_MTIME_OFFSET
const CTIME_OFFSET = 30

/** The type bits of a mode (stat(2), `S_IFMT`), and the types that are backed up. */
const KIND_MASK = 0o170000
const KIND_BITS: Readonly<Record<EntryKind, number>> = {
  file: 0o100000,
  folder: 0o040000,
  symlink: 0o120000,
  fifo: 0o010000,
  characterDevice: 0o020000,
  blockDevice: 0o060000,
}
const KINDS: ReadonlyMap<number, EntryKind> = new Map(
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- its keys are kinds
  Object.entries(KIND_BITS).map(([kind, bits]) => [bits, kind as EntryKind]),
)

const MODE_MASK = 0o7777
const NANOSECONDS = 1_000_000_000n
const BITS_MIN = -(2n ** 63n)
const BITS_MAX = 2n ** 63n - 1n

/** @returns the kind by a mode's type bits; `undefined` for kinds that are not backed up */
export function kindOf(mode: number): EntryKind | undefined {
  return KINDS.get(mode & KIND_MASK)
}

/** Write a status of a kind that is backed up, packed, at an offset. */
export function packInto(target: DataView, offset: number, status: SystemStatus): void {
  const mode = Number(status.mode)
  const bits = mode & KIND_MASK
  const hasSize = bits === KIND_BITS.file || bits === KIND_BITS.symlink
  target.setUint16(offset, mode)
  target.setUint32(offset + 2, Number(status.uid))
  target.setUint32(offset + 6, Number(status.gid))
  target.setBigUint64(offset + PACKED_SIZE_OFFSET, hasSize ? status.size : 0n)
  putTime(target, offset + MTIME_OFFSET, status.mtimeNs)
  putTime(target, offset + CTIME_OFFSET, status.ctimeNs)
  target.setBigUint64(offset + PACKED_INODE_OFFSET, status.ino)
}

/** @returns 50 bytes of their own */
export function pack(status: EntryStatus): Uint8Array {
  const packed = new Uint8Array(PACKED_STATUS_SIZE)
  packInto(new DataView(packed.buffer), 0, toSystemStatus(status))
  return packed
}

/** As the system would tell it; of a kind that is not backed up the type bits are missing. */
export function toSystemStatus(
  status: Omit<EntryStatus, 'kind'> & { readonly kind: FileKind },
): SystemStatus {
  const { kind, mode, uid, gid, size, mtime, ctime, inode } = status
  const bits = kind === 'socket' ? 0 : KIND_BITS[kind]
  return {
    mode: BigInt(bits | mode),
    uid: BigInt(uid),
    gid: BigInt(gid),
    size: BigInt(size),
    mtimeNs: toNanoseconds(mtime),
    ctimeNs: toNanoseconds(ctime),
    ino: inode,
  }
}

/** @param packed - 50 bytes, or more of which the first are meant */
export function unpack(packed: Uint8Array): EntryStatus {
  const view = new DataView(packed.buffer, packed.byteOffset, PACKED_STATUS_SIZE)
  const mode = view.getUint16(0)
  const kind = kindOf(mode)
  assert(kind !== undefined, 'only what is backed up is packed')
  return {
    kind,
    mode: mode & MODE_MASK,
    uid: view.getUint32(2),
    gid: view.getUint32(6),
    size: Number(view.getBigUint64(PACKED_SIZE_OFFSET)),
    mtime: timeAt(view, MTIME_OFFSET),
    ctime: timeAt(view, CTIME_OFFSET),
    inode: view.getBigUint64(PACKED_INODE_OFFSET),
  }
}

/** @returns a packed status's kind and size, without the rest */
export function peek(packed: Uint8Array): { kind: EntryKind | undefined; size: number } {
  let size = 0
  for (let at = PACKED_SIZE_OFFSET; at < MTIME_OFFSET; at += 1)
    size = size * 256 + (packed[at] ?? 0)
  return { kind: kindOf((packed[0] ?? 0) << 8), size }
}

/** @returns what is kept of a status, or `undefined` for kinds that are not backed up */
export function toEntryStatus(status: FileStatus): EntryStatus | undefined {
  const { kind } = status
  if (kind === 'socket') return undefined
  const { mode, uid, gid, mtime, ctime, inode } = status
  const size = kind === 'file' || kind === 'symlink' ? status.size : 0
  return { kind, mode, uid, gid, size, mtime, ctime, inode }
}

/**
 * The change test.
 *
 * @returns whether nothing that would show in a snapshot, and nothing that tells of a change, differs
 */
export function isSameStatus(a: EntryStatus, b: EntryStatus): boolean {
  return (
    a.kind === b.kind &&
    a.mode === b.mode &&
    a.uid === b.uid &&
    a.gid === b.gid &&
    a.size === b.size &&
    a.inode === b.inode &&
    isSameTime(a.mtime, b.mtime) &&
    isSameTime(a.ctime, b.ctime)
  )
}

export function isSameTime(a: FileTime, b: FileTime): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds
}

function toNanoseconds({ seconds, nanoseconds }: FileTime): bigint {
  return BigInt(seconds) * NANOSECONDS + BigInt(nanoseconds)
}

function putTime(target: DataView, offset: number, time: bigint): void {
  const isUsual = time >= 0n && time <= BITS_MAX
  target.setInt32(offset, isUsual ? 0 : time < 0n && time >= BITS_MIN ? -1 : Number(time >> 64n))
  // What is beyond 64 bits falls off here.
  target.setBigUint64(offset + 4, time)
}

/** Seconds are rounded down, so that nanoseconds count forward before 1970 too. */
function timeAt(view: DataView, offset: number): FileTime {
  const time = (BigInt(view.getInt32(offset)) << 64n) | view.getBigUint64(offset + 4)
  const rest = ((time % NANOSECONDS) + NANOSECONDS) % NANOSECONDS
  return { seconds: Number((time - rest) / NANOSECONDS), nanoseconds: Number(rest) }
}
