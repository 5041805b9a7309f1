/**
 * File extras: what a file has beyond what every file has, as extras of its attributes.
 *
 * Format: docs/formats/page.md, "What the extras are"
 */

import { ByteReader, ByteWriter, compare } from './bytes.ts'
import { FormatError } from './errors.ts'
import { EXTRA_SIZE_MAX } from './tree.ts'
import type { Extra } from './tree.ts'

/** Types of extras. */
export const FILE_EXTRA = { xattrs: 1, linked: 2, holes: 3 } as const

/** Longest name of an extended attribute, bytes: as Linux has it. */
export const XATTR_NAME_SIZE_MAX = 255

/** Bytes of all extended attributes of one file with their names; the rest is for other extras. */
export const XATTRS_SIZE_MAX = 49_152

/** Most holes that are told one by one. */
export const HOLES_MAX = 512

/** An extended attribute: `user.comment`, a POSIX ACL, a capability. */
export interface Xattr {
  /** 1–255 bytes without 0x00. */
  readonly name: Uint8Array
  readonly value: Uint8Array
}

/** A stretch of a file that is zeros without room on the disk. */
export interface Hole {
  /** Bytes. */
  readonly offset: number
  /** At least 1. */
  readonly size: number
}

/** What a list of extras says. */
export interface FileExtras {
  /** Names ascending byte by byte. */
  readonly xattrs: readonly Xattr[]
  /** The file has several names: the file system that its inode is of, by its device number. */
  readonly linkedOn?: bigint | undefined
  /** Ascending and apart; empty for a sparse file with too many holes to tell; absent for one without. */
  readonly holes?: readonly Hole[] | undefined
}

/**
 * @returns extras, types ascending
 * @throws {FormatError} for what no reader would take
 */
export function encodeFileExtras({ xattrs, linkedOn, holes }: FileExtras): Extra[] {
  const extra: Extra[] = []
  if (xattrs.length > 0) extra.push({ type: FILE_EXTRA.xattrs, bytes: encodeXattrs(xattrs) })
  if (linkedOn !== undefined) {
    extra.push({ type: FILE_EXTRA.linked, bytes: new ByteWriter().u64(linkedOn).finish() })
  }
  if (holes !== undefined) extra.push({ type: FILE_EXTRA.holes, bytes: encodeHoles(holes) })
  return extra
}

/**
 * @param extra - may hold types that are unknown here
 * @throws {FormatError}
 */
export function decodeFileExtras(extra: readonly Extra[]): FileExtras {
  const bytesOf = (wanted: number) => extra.find(({ type }) => type === wanted)?.bytes
  const xattrs = bytesOf(FILE_EXTRA.xattrs)
  const linked = bytesOf(FILE_EXTRA.linked)
  const holes = bytesOf(FILE_EXTRA.holes)
  return {
    xattrs: xattrs === undefined ? [] : decodeXattrs(xattrs),
    ...(linked === undefined ? {} : { linkedOn: decodeLinked(linked) }),
    ...(holes === undefined ? {} : { holes: decodeHoles(holes) }),
  }
}

/**
 * Sort extended attributes and leave out what is beyond the bound, the largest first.
 *
 * @returns what fits, and the names of what does not
 */
export function fitXattrs(xattrs: readonly Xattr[]): {
  readonly kept: readonly Xattr[]
  readonly left: readonly Uint8Array[]
} {
  const left: Uint8Array[] = []
  let kept = [...xattrs]
  let size = kept.reduce((sum, xattr) => sum + sizeOf(xattr), 0)
  for (const largest of xattrs.toSorted((a, b) => sizeOf(b) - sizeOf(a))) {
    if (size <= XATTRS_SIZE_MAX) break
    size -= sizeOf(largest)
    kept = kept.filter((xattr) => xattr !== largest)
    left.push(largest.name)
  }
  return { kept: kept.toSorted((a, b) => compare(a.name, b.name)), left }
}

/** With room for two lengths. */
function sizeOf({ name, value }: Xattr): number {
  return name.length + value.length + 5
}

function encodeXattrs(xattrs: readonly Xattr[]): Uint8Array {
  checkXattrs(xattrs)
  const writer = new ByteWriter()
  for (const { name, value } of xattrs) {
    writer.varint(name.length).put(name).varint(value.length).put(value)
  }
  return writer.finish()
}

function decodeXattrs(bytes: Uint8Array): readonly Xattr[] {
  const reader = new ByteReader(bytes)
  const xattrs: Xattr[] = []
  while (reader.remaining > 0) {
    const name = reader.take(reader.varint()).slice()
    xattrs.push({ name, value: reader.take(reader.varint()).slice() })
  }
  if (xattrs.length === 0) throw new FormatError('xattrs: none')
  checkXattrs(xattrs)
  return xattrs
}

function checkXattrs(xattrs: readonly Xattr[]): void {
  let before = new Uint8Array(0)
  for (const { name, value } of xattrs) {
    const isSound = name.length > 0 && name.length <= XATTR_NAME_SIZE_MAX && !name.includes(0)
    if (!isSound || value.length > EXTRA_SIZE_MAX) throw new FormatError('xattrs: name or size')
    if (compare(before, name) >= 0) throw new FormatError('xattrs: out of order')
    before = name.slice()
  }
}

function decodeLinked(bytes: Uint8Array): bigint {
  const reader = new ByteReader(bytes)
  const device = reader.u64()
  reader.end()
  return device
}

function encodeHoles(holes: readonly Hole[]): Uint8Array {
  if (holes.length > HOLES_MAX) throw new FormatError(`holes: ${holes.length}`)
  const writer = new ByteWriter()
  let end = 0
  for (const [index, { offset, size }] of holes.entries()) {
    checkHole({ offset, size }, index === 0 ? 0 : end + 1)
    writer.varint(offset - end).varint(size)
    end = offset + size
  }
  return writer.finish()
}

function decodeHoles(bytes: Uint8Array): readonly Hole[] {
  const reader = new ByteReader(bytes)
  const holes: Hole[] = []
  let end = 0
  while (reader.remaining > 0) {
    const hole = { offset: end + reader.varint(), size: reader.varint() }
    checkHole(hole, holes.length === 0 ? 0 : end + 1)
    holes.push(hole)
    end = hole.offset + hole.size
  }
  if (holes.length > HOLES_MAX) throw new FormatError(`holes: ${holes.length}`)
  return holes
}

/** Holes that touch would be one. */
function checkHole({ offset, size }: Hole, offsetMin: number): void {
  const isSound = offset >= offsetMin && size > 0 && Number.isSafeInteger(offset + size)
  if (!isSound) throw new FormatError(`holes: ${size} bytes at ${offset}`)
}
