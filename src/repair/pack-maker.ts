/**
 * Making a pack again: its bytes from a source of our own as far as that goes, the rest from peers, and
 * all of it proven before anything goes out.
 *
 * Where some data shares are known here, a row of leaves costs one leaf of another share for each data share
 * that lacks it, be it its own or one of parity (pack-assembly.ts). Every leaf that comes from a peer is
 * verified against its root, and the whole is encoded again: only what gives the pack's name was the pack.
 * Bytes of our own are proven by that alone; if they were wrong, the least sure are read from peers first.
 *
 * What is trusted, and in which order: docs/adr/0060-what-repair-trusts.md
 */

import { FormatError } from '../../protocol/errors.ts'
import { pieceSize, type Manifest } from '../../protocol/manifest.ts'
import { READ_SIZE_MAX } from '../../protocol/messages.ts'
import { assert } from '../base/assert.ts'
import { PeerRefusedError } from '../base/errors.ts'
import { release, unfilled } from '../codec/buffers.ts'
import { PackMismatchError, type EncodedPack } from '../codec/encode-pack.ts'
import { troubleAtPeer } from '../grid/ask-all.ts'
import { NotEnoughSharesError, type PackLocation } from '../grid/grid.ts'
import type { Run } from '../grid/read-pack.ts'
import type { PeerId } from '../ports/network.ts'
import type { PackKind } from '../store/packs.ts'
import { fillPack, type ReadShare } from './fill-pack.ts'
import { PackAssembly } from './pack-assembly.ts'
import type { ShapedPack } from './pack-list.ts'
import { allFromPeers, type Origin, type SourcedPack } from './pack-source.ts'
import type { RepairParts } from './repair-parts.ts'

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
    sourced: SourcedPack,
    location: PackLocation | undefined,
    signal: AbortSignal,
  ): Promise<MadePack | undefined> {
    const { origin } = sourced
    if (location === undefined && sourced.gaps.length > 0) {
      throw new NotEnoughSharesError(id, { found: 0, needed: shape.needed })
    }
    const whole =
      location === undefined ? sourced.bytes : await this.#complete(location, sourced, signal)
    const leafSizes = location === undefined ? LEAF_SIZES[kind] : [location.manifest.leafSize]
    for (const leafSize of leafSizes) {
      if (whole === undefined) break
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

  /**
   * Fetch what is lacking, and what there are doubts of where the whole turns out to be wrong.
   *
   * @returns `undefined` where that is not the manifest's pack in the end
   * @throws {NotEnoughSharesError}
   */
  async #complete(
    location: PackLocation,
    sourced: SourcedPack,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const { id, manifest } = location
    const assembly = new PackAssembly(manifest, sourced)
    const holders = new Set(location.holders.keys())
    const failed = new Set<number>()
    const read: ReadShare = ({ shareNumber, run }, within) =>
      this.#fetch(location, shareNumber, run, failed, within)
    for (;;) {
      const short = await fillPack(assembly, manifest, holders, read, signal)
      if (short !== undefined) {
        throw new NotEnoughSharesError(id, { found: short.found, needed: manifest.needed })
      }
      const wrong = assembly.wrongShares()
      if (wrong.length === 0) return assembly.bytes
      this.#parts.log.info('pack not made at once', { pack: id, from: sourced.origin })
      if (!assembly.doubt(wrong)) return undefined
    }
  }

  /** A run of one share, from whichever holder gives it right; `undefined` if none does. */
  async #fetch(
    location: PackLocation,
    shareNumber: number,
    { first, count }: Run,
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

function rowsSize(manifest: Manifest, { first, count }: Run): number {
  const { leafSize } = manifest
  return Math.min(count * leafSize, pieceSize(manifest) - first * leafSize)
}
