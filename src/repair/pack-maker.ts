/**
 * Making a pack again: its bytes from a source of our own as far as that goes, the rest from peers, and
 * all of it proven before anything goes out.
 *
 * The code works on every column of bytes for itself: row r of any k shares gives row r of all. So where
 * some data shares are known here, a row costs one leaf of another share for each data share that lacks
 * it, be it its own or one of parity. Every leaf that comes from a peer is verified against its root, and
 * the whole is encoded again: only what gives the pack's name was the pack. Bytes of our own are proven by
 * that alone, and if they were wrong the whole is read from peers.
 *
 * What is trusted, and in which order: docs/adr/0060-what-repair-trusts.md
 */

import type { Extent } from '../../protocol/extents.ts'
import { FormatError } from '../../protocol/errors.ts'
import { pieceSize, type Manifest } from '../../protocol/manifest.ts'
import { READ_SIZE_MAX } from '../../protocol/messages.ts'
import { assert } from '../base/assert.ts'
import { PeerRefusedError } from '../base/errors.ts'
import { mapPool } from '../base/pool.ts'
import { release, unfilled } from '../codec/buffers.ts'
import { PackMismatchError, type EncodedPack } from '../codec/encode-pack.ts'
import { decodePieces, type Piece } from '../codec/erasure.ts'
import { troubleAtPeer } from '../grid/ask-all.ts'
import { NotEnoughSharesError, type PackLocation } from '../grid/grid.ts'
import type { PeerId } from '../ports/network.ts'
import type { PackKind } from '../store/packs.ts'
import type { ShapedPack } from './pack-list.ts'
import { allFromPeers, type Origin, type SourcedPack } from './pack-source.ts'
import type { RepairParts } from './repair-parts.ts'
import { rowsToFill, type Rows } from './rows-to-fill.ts'

/** Stretches of rows fetched at a time, each up to 1 MiB of k shares. */
const FILL_WIDTH = 2

/** What leaves of metadata and of content have, where no manifest is there to tell (src/backup/uploader.ts). */
const LEAF_SIZES: Readonly<Record<PackKind, readonly number[]>> = {
  ledger: [4096, 16_384],
  metadata: [4096, 16_384],
  data: [16_384, 4096],
  delta: [16_384, 4096],
}

export interface MadePack {
  readonly encoded: EncodedPack
  readonly origin: Origin
}

export class PackMaker {
  readonly #parts: Pick<RepairParts, 'grid' | 'compute' | 'source' | 'bad' | 'log'>
  /** Bytes of pieces that peers gave, wrong and superfluous ones included. */
  bytesRead = 0

  constructor(parts: Pick<RepairParts, 'grid' | 'compute' | 'source' | 'bad' | 'log'>) {
    this.#parts = parts
  }

  /** What our own sources give of it. */
  async source(
    pack: ShapedPack,
    location: PackLocation | undefined,
    signal: AbortSignal,
  ): Promise<SourcedPack | undefined> {
    const sourced = await this.#parts.source?.make(pack, location, signal)
    this.bytesRead += sourced?.bytesRead ?? 0
    return sourced
  }

  /**
   * Fill what a source could not make, and encode.
   *
   * @returns `undefined` where the result is not that pack: then what the source made was wrong
   * @throws {NotEnoughSharesError}
   */
  async finish(
    { id, kind, shape }: ShapedPack,
    { bytes, gaps, origin }: SourcedPack,
    location: PackLocation | undefined,
    signal: AbortSignal,
  ): Promise<MadePack | undefined> {
    if (location === undefined && gaps.length > 0) {
      throw new NotEnoughSharesError(id, { found: 0, needed: shape.needed })
    }
    const whole = location === undefined ? bytes : await this.#fill(location, bytes, gaps, signal)
    const leafSizes = location === undefined ? LEAF_SIZES[kind] : [location.manifest.leafSize]
    for (const leafSize of leafSizes) {
      const encoded = await this.#encode(whole.slice(0, shape.size), { ...shape, leafSize })
      if (encoded.id === id) {
        release(whole)
        return { encoded, origin }
      }
      for (const piece of encoded.pieces) release(piece)
    }
    this.#parts.log.warn('made another pack', { pack: id, from: origin })
    return undefined
  }

  /**
   * All pieces of a pack, from what peers hold of it.
   *
   * @throws {NotEnoughSharesError}
   * @throws {PackMismatchError} the shares that peers hold do not belong together
   */
  async fromPeers(
    pack: ShapedPack,
    location: PackLocation | undefined,
    signal: AbortSignal,
  ): Promise<MadePack> {
    const made = await this.finish(pack, allFromPeers(pack.shape), location, signal)
    if (made !== undefined) return made
    throw new PackMismatchError(`${pack.id}: its shares do not belong together`)
  }

  /** @returns one share as its holder gives it, verified leaf by leaf; `undefined` if nobody does */
  async copy(
    location: PackLocation,
    shareNumber: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const { manifest } = location
    const size = pieceSize(manifest)
    const piece = unfilled(size)
    const countMax = READ_SIZE_MAX / manifest.leafSize
    const failed = new Set<number>()
    for (let first = 0; first * manifest.leafSize < size; first += countMax) {
      const left = Math.ceil(size / manifest.leafSize) - first
      const run = { first, count: Math.min(left, countMax) }
      const bytes = await this.#fetch(location, shareNumber, run, failed, signal)
      if (bytes === undefined) return undefined
      piece.set(bytes, first * manifest.leafSize)
    }
    return piece
  }

  /** @returns the pack with zeros behind it, up to a whole number of pieces */
  async #fill(
    location: PackLocation,
    bytes: Uint8Array,
    gaps: readonly Extent[],
    signal: AbortSignal,
  ): Promise<Uint8Array> {
    const { manifest } = location
    const whole = unfilled(manifest.needed * pieceSize(manifest))
    whole.set(bytes.subarray(0, manifest.size))
    whole.fill(0, manifest.size)
    release(bytes)
    const failed = new Set<number>()
    await mapPool(
      rowsToFill(manifest, gaps),
      FILL_WIDTH,
      (rows, within) => this.#fillRows(location, whole, rows, failed, within),
      signal,
    )
    return whole
  }

  async #fillRows(
    location: PackLocation,
    whole: Uint8Array,
    rows: Rows,
    failed: Set<number>,
    signal: AbortSignal,
  ): Promise<void> {
    const { id, manifest } = location
    const { needed, total } = manifest
    const parity = Array.from({ length: total - needed }, (_, index) => needed + index)
    // The data shares themselves first, since they need no arithmetic; always in the same order, so that
    // as few different shares are read as can be.
    const choices = [...rows.wanted, ...parity].filter((share) => location.holders.has(share))
    const take = async (_: number, within: AbortSignal): Promise<Piece[]> => {
      for (let next = choices.shift(); next !== undefined; next = choices.shift()) {
        const bytes = await this.#fetch(location, next, rows, failed, within)
        if (bytes !== undefined) return [{ index: next, bytes }]
      }
      return []
    }
    const fetched = (await mapPool(rows.wanted, needed, take, signal)).flat()
    if (fetched.length < rows.wanted.length) {
      const known = needed - rows.wanted.length
      throw new NotEnoughSharesError(id, { found: known + fetched.length, needed })
    }
    const from = rows.first * manifest.leafSize
    const size = rowsSize(manifest, rows)
    const slice = (share: number) => {
      const start = share * pieceSize(manifest) + from
      return whole.subarray(start, start + size)
    }
    const here = Array.from({ length: needed }, (_, share) => share)
      .filter((share) => !rows.wanted.includes(share))
      .map((index) => ({ index, bytes: slice(index) }))
    const data = decodePieces([...here, ...fetched], manifest)
    for (const share of rows.wanted) {
      const piece = data[share]
      assert(piece !== undefined, 'decoding gives every data share')
      slice(share).set(piece)
    }
  }

  /** A run of one share, from whichever holder gives it right; `undefined` if none does. */
  async #fetch(
    location: PackLocation,
    shareNumber: number,
    { first, count }: Pick<Rows, 'first' | 'count'>,
    failed: Set<number>,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    if (failed.has(shareNumber)) return undefined
    const { grid, bad } = this.#parts
    const { id: pack } = location
    for (const peer of location.holders.get(shareNumber) ?? []) {
      if (bad.has({ pack, shareNumber, peer })) continue
      try {
        const leaves = { shareNumber, run: { first, count } }
        const bytes = await grid.shares.read(peer, location, leaves, signal)
        this.bytesRead += bytes.length
        return bytes
      } catch (error) {
        const trouble = troubleAtPeer(error, signal)
        if (isShareBad(trouble)) this.#noteBad(location, shareNumber, peer, trouble)
        // It came, and was thrown away.
        if (trouble instanceof FormatError)
          this.bytesRead += rowsSize(location.manifest, { first, count })
      }
    }
    failed.add(shareNumber)
    return undefined
  }

  #noteBad({ id }: PackLocation, shareNumber: number, peer: PeerId, error: Error): void {
    this.#parts.bad.note({ pack: id, shareNumber, peer })
    this.#parts.log.warn('a share is bad', {
      pack: id,
      share: shareNumber,
      peer,
      error: error.name,
      why: error.message,
    })
  }

  async #encode(
    bytes: Uint8Array,
    params: { readonly needed: number; readonly total: number; readonly leafSize: number },
  ): Promise<EncodedPack> {
    const { needed, total, leafSize } = params
    const run = await this.#parts.compute.open('encodePack', { needed, total, leafSize })
    try {
      const outputs = await run.push({ bytes, size: bytes.length })
      const [encoded] = [...outputs, ...(await run.close())]
      assert(encoded !== undefined, 'encoding one pack gives one encoded pack')
      return encoded
    } catch (error) {
      run.cancel()
      throw error
    }
  }
}

/** Whether a holder's answer says that the share is not what it should be there, or not there at all. */
export function isShareBad(error: Error): boolean {
  if (error instanceof PeerRefusedError) return error.code === 'not-found'
  return error instanceof FormatError
}

function rowsSize(manifest: Manifest, { first, count }: Pick<Rows, 'first' | 'count'>): number {
  const { leafSize } = manifest
  return Math.min(count * leafSize, pieceSize(manifest) - first * leafSize)
}
