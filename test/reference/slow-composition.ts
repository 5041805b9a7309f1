/**
 * The slow twin of src/codec/compose-deltas.ts and reverse-delta.ts: every byte of a version on its own,
 * with where it came from.
 */

import { DeltaReader } from '../../src/codec/rdiff.ts'

/** Byte `offset` of the original, or byte `offset` of a buffer that a delta lies in. */
export interface Origin {
  readonly source: 'original' | ArrayBufferLike
  readonly offset: number
}

export function slowOriginal(size: number): Origin[] {
  return Array.from({ length: size }, (_, offset) => ({ source: 'original', offset }))
}

export function slowFollowedBy(before: readonly Origin[], delta: readonly Uint8Array[]): Origin[] {
  const reader = new DeltaReader()
  return delta
    .flatMap((part) => reader.push(part))
    .flatMap((op) =>
      op.type === 'copy' ? before.slice(op.start, op.start + op.length) : originsOf(op.bytes),
    )
}

export function originsOf(bytes: Uint8Array): Origin[] {
  return Array.from({ length: bytes.length }, (_, at) => ({
    source: bytes.buffer,
    offset: bytes.byteOffset + at,
  }))
}

export function isSameOrigin(a: Origin, b: Origin): boolean {
  return a.source === b.source && a.offset === b.offset
}

/** @returns how many runs the file has, each going on in its source */
export function slowRunCount(file: readonly Origin[]): number {
  return file.filter((origin, at) => {
    const before = file[at - 1]
    return before?.source !== origin.source || before.offset + 1 !== origin.offset
  }).length
}

/** @returns offsets in the original that `older` needs and `newer` does not have, ascending, once each */
export function slowFetched(older: readonly Origin[], newer: readonly Origin[]): number[] {
  const missing = older.filter(
    (origin) => origin.source === 'original' && !newer.some((other) => isSameOrigin(origin, other)),
  )
  return [...new Set(missing.map(({ offset }) => offset))].toSorted((a, b) => a - b)
}
