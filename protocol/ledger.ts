/**
 * Ledger: which numbered pack is which, and who was last seen holding its shares.
 *
 * A ledger is a list of immutable segments. Each names the older segments that are still needed,
 * newest first; where two segments give the same pack number, the newer one holds. Holders and
 * addresses are hints: a reader asks every peer what it has.
 *
 * Rows lie back to back in binary, sorted by pack number:
 *
 *     varint number − the one before − 1 ‖ 32 digest of the pack's CID ‖ varint base ‖ varint size
 *     ‖ u8 needed − 1 ‖ u8 total − 1 ‖ varint count of holders ‖ varint holder + 1, each
 *     ‖ in version 2: varint count of extents ‖ (varint gap ‖ varint length − 1), each
 *
 * A segment has version 2 where some row has extents (extents.ts), and version 1 otherwise.
 *
 * Packs in release have rows too, a list for each head that released some: what a cancel needs. The
 * list in the newest segment is the whole of it; those of older segments do not count.
 *
 * Format: docs/formats/ledger.md
 */

import { z } from 'zod'
import { ByteReader, ByteWriter, concat } from './bytes.ts'
import { bytesField, check, decodeCbor, encodeCbor, integer, text } from './cbor.ts'
import { FormatError } from './errors.ts'
import { extentsSize, readExtents, writeExtents, type Mapping } from './extents.ts'
import { ledgerPointerSchema, ledgerPointerToCbor, type LedgerPointer } from './ledger-pointer.ts'
import { ADDRESS_SIZE_MAX, ADDRESSES_MAX, SEQUENCE_MAX } from './limits.ts'
import {
  PACK_ID_SIZE,
  PACK_SIZE_MAX,
  packIdFromBytes,
  packIdToBytes,
  SHARE_COUNT_MAX,
  type PackId,
} from './manifest.ts'
import { peerIdOf, publicKeyOf, type PeerId } from './peer-id.ts'
import { PACK_NUMBER_MAX } from './reference.ts'

export {
  decodeLedgerPointer,
  encodeLedgerPointer,
  ledgerPointerSchema,
  ledgerPointerToCbor,
  type LedgerPointer,
} from './ledger-pointer.ts'

/** Bytes of an encoded segment, at most; merging stops before, so that every segment is one object. */
export const LEDGER_SEGMENT_SIZE_MAX = 3 * 1024 * 1024

/** Older segments one segment can name: 2 million packs, where each fills a segment. */
export const LEDGER_PREVIOUS_MAX = 32

/** Peers in one segment's table. */
export const LEDGER_PEERS_MAX = 1024

/** Heads whose releases one segment can list: one a day for almost three years, of which 30 days count. */
export const LEDGER_RELEASED_MAX = 1024

/** In a pack's holders: nobody is known to hold this share. */
export const NO_HOLDER = -1

/** The CID's first bytes, the same for every pack: CIDv1, dag-cbor, SHA-256, 32 bytes. */
const ID_PREFIX = Uint8Array.of(0x01, 0x71, 0x12, 0x20)

/** Where one numbered pack lies. */
export interface PackEntry extends Mapping {
  /** 0 to 2^48 − 1, from the device's counter. */
  readonly number: number
  readonly id: PackId
  /** Bytes of the whole pack `id`. */
  readonly size: number
  readonly needed: number
  readonly total: number
  /** By share number: the index of its holder in `peers`, or `NO_HOLDER`. At most `total`. */
  readonly holders: readonly number[]
}

export interface PeerAddresses {
  readonly peer: PeerId
  readonly multiaddrs: readonly string[]
}

/** Packs that one head released. */
export interface ReleasedPacks {
  /** Of the first head that does without them. */
  readonly sequence: number
  /** At least one, by ascending number. */
  readonly packs: readonly PackEntry[]
}

export interface LedgerSegment {
  /** 2 where rows have extents. */
  readonly version: 1 | 2
  /** Older segments still needed, newest first. */
  readonly previous: readonly LedgerPointer[]
  /** By ascending number. */
  readonly packs: readonly PackEntry[]
  /** What `holders` point into. */
  readonly peers: readonly PeerId[]
  /** By ascending sequence, no pack twice. In the newest segment all that is in release. */
  readonly released: readonly ReleasedPacks[]
  /** Last known addresses, of any peers. */
  readonly addresses: readonly PeerAddresses[]
}

const schema = z.strictObject({
  version: z.literal([1, 2]),
  previous: z.array(ledgerPointerSchema).max(LEDGER_PREVIOUS_MAX),
  packs: bytesField(0, LEDGER_SEGMENT_SIZE_MAX),
  peers: bytesField(0, 32 * LEDGER_PEERS_MAX),
  released: z
    .array(z.tuple([integer(1, SEQUENCE_MAX), bytesField(1, LEDGER_SEGMENT_SIZE_MAX)]))
    .max(LEDGER_RELEASED_MAX),
  addresses: z
    .array(z.tuple([bytesField(32, 32), z.array(text(ADDRESS_SIZE_MAX)).max(ADDRESSES_MAX)]))
    .max(LEDGER_PEERS_MAX),
})

/**
 * @param segment - packs and releases in any order; they are sorted
 * @throws {FormatError} for values out of range, a number given twice, or too many bytes
 */
export function encodeLedgerSegment(segment: LedgerSegment): Uint8Array {
  const shape = { version: segment.version, peerCount: segment.peers.length }
  const body = {
    version: segment.version,
    previous: segment.previous.map(ledgerPointerToCbor),
    packs: encodeRows(segment.packs, shape),
    peers: concat(...segment.peers.map(publicKeyOf)),
    released: encodeReleased(segment.released, shape),
    addresses: segment.addresses.map((row) => [publicKeyOf(row.peer), row.multiaddrs]),
  }
  check(body, schema, 'ledger')
  const bytes = encodeCbor(body)
  if (bytes.length > LEDGER_SEGMENT_SIZE_MAX) {
    throw new FormatError(`ledger: ${bytes.length} bytes, at most ${LEDGER_SEGMENT_SIZE_MAX}`)
  }
  return bytes
}

/** @throws {FormatError} */
export function decodeLedgerSegment(bytes: Uint8Array): LedgerSegment {
  const body = decodeCbor(bytes, schema, { format: 'ledger', sizeMax: LEDGER_SEGMENT_SIZE_MAX })
  const peers = decodePeers(body.peers)
  const shape = { version: body.version, peerCount: peers.length }
  return {
    version: body.version,
    previous: body.previous,
    packs: decodeRows(body.packs, shape),
    peers,
    released: decodeReleased(body.released, shape),
    addresses: body.addresses.map(([key, multiaddrs]) => ({ peer: peerIdOf(key), multiaddrs })),
  }
}

/**
 * Which older segments to write into the new one, so that a ledger of N packs is a handful of
 * segments and each pack is written again about log₂ N times in its life.
 *
 * Like carrying in a binary counter: an older segment is taken in while it is not larger than what
 * has been gathered. Segments that stay are each larger than everything newer together, so they are
 * few; and one that would make the new segment too large for one object ends the merging.
 *
 * @param addedSize - bytes of the new rows
 * @param sizes - bytes of the older segments, newest first
 * @returns how many of them to merge, from the newest
 */
export function segmentsToMerge(addedSize: number, sizes: readonly number[]): number {
  let gathered = addedSize
  let merged = 0
  for (const size of sizes) {
    const isLarger = size > gathered
    if (gathered + size > LEDGER_SEGMENT_SIZE_MAX) break
    if (isLarger && sizes.length - merged < LEDGER_PREVIOUS_MAX) break
    gathered += size
    merged += 1
  }
  return merged
}

/** What decides how a row is written. */
interface RowShape {
  readonly version: LedgerSegment['version']
  readonly peerCount: number
}

function encodeReleased(
  released: readonly ReleasedPacks[],
  shape: RowShape,
): [number, Uint8Array][] {
  checkReleased(released)
  return released
    .toSorted((a, b) => a.sequence - b.sequence)
    .map(({ sequence, packs }) => [sequence, encodeRows(packs, shape)])
}

function decodeReleased(
  released: readonly (readonly [number, Uint8Array])[],
  shape: RowShape,
): ReleasedPacks[] {
  const decoded = released.map(([sequence, rows], index) => {
    if (sequence <= (released[index - 1]?.[0] ?? 0)) {
      throw new FormatError('ledger: releases are not in order')
    }
    return { sequence, packs: decodeRows(rows, shape) }
  })
  checkReleased(decoded)
  return decoded
}

function checkReleased(released: readonly ReleasedPacks[]): void {
  const numbers = released.flatMap(({ packs }) => packs.map(({ number }) => number))
  const sequences = released.map(({ sequence }) => sequence)
  for (const values of [numbers, sequences]) {
    if (new Set(values).size !== values.length) throw new FormatError('ledger: released twice')
  }
}

function encodeRows(packs: readonly PackEntry[], { version, peerCount }: RowShape): Uint8Array {
  const writer = new ByteWriter()
  let next = 0
  for (const pack of packs.toSorted((a, b) => a.number - b.number)) {
    checkRow(pack, peerCount)
    if (pack.number < next) throw new FormatError(`ledger: pack ${pack.number} is given twice`)
    writer.varint(pack.number - next)
    writer.put(packIdToBytes(pack.id).subarray(ID_PREFIX.length))
    writer.varint(pack.base).varint(pack.size)
    writer
      .u8(pack.needed - 1)
      .u8(pack.total - 1)
      .varint(pack.holders.length)
    for (const holder of pack.holders) writer.varint(holder + 1)
    if (version > 1) writeExtents(writer, pack.extents)
    else if (pack.extents !== undefined) throw new FormatError('ledger: extents in version 1')
    next = pack.number + 1
  }
  return writer.finish()
}

function decodeRows(bytes: Uint8Array, { version, peerCount }: RowShape): PackEntry[] {
  const reader = new ByteReader(bytes)
  const packs: PackEntry[] = []
  for (let next = 0; reader.remaining > 0;) {
    const row = decodeRow(reader, next)
    const pack = { ...row, extents: version > 1 ? readExtents(reader) : undefined }
    checkRow(pack, peerCount)
    packs.push(pack)
    next = pack.number + 1
  }
  return packs
}

function decodeRow(reader: ByteReader, next: number): Omit<PackEntry, 'extents'> {
  const number = next + reader.varint()
  const id = packIdFromBytes(concat(ID_PREFIX, reader.take(PACK_ID_SIZE - ID_PREFIX.length)))
  const base = reader.varint()
  const size = reader.varint()
  const needed = reader.u8() + 1
  const total = reader.u8() + 1
  const holderCount = reader.varint()
  if (holderCount > total) throw new FormatError('ledger: more holders than shares')
  const holders = Array.from({ length: holderCount }, () => reader.varint() - 1)
  return { number, id, base, size, needed, total, holders }
}

function checkRow(pack: PackEntry, peerCount: number): void {
  const isGood =
    isInside(pack.number, 0, PACK_NUMBER_MAX) &&
    isInside(pack.size, 1, PACK_SIZE_MAX) &&
    isInside(pack.base, 0, pack.size - Math.max(1, extentsSize(pack.extents ?? []))) &&
    isInside(pack.total, 1, SHARE_COUNT_MAX) &&
    isInside(pack.needed, 1, pack.total) &&
    pack.holders.length <= pack.total &&
    pack.holders.every((holder) => isInside(holder, NO_HOLDER, peerCount - 1))
  if (!isGood) throw new FormatError(`ledger: pack ${pack.number} has a field out of range`)
}

function isInside(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max
}

function decodePeers(keys: Uint8Array): PeerId[] {
  if (keys.length % 32 !== 0) throw new FormatError('ledger: half a peer in the table')
  return Array.from({ length: keys.length / 32 }, (_, index) =>
    peerIdOf(keys.subarray(32 * index, 32 * index + 32)),
  )
}
