/**
 * Verifying shares: their leaves are read from every holder and checked against the manifest; all of them,
 * or a sample in which every byte is as likely as any other.
 *
 * An audit asks a peer for a few leaves a month. This is for a person who wants to know.
 */

import { leafCount, pieceSize, type Manifest, type PackId } from '../../protocol/manifest.ts'
import { READ_SIZE_MAX } from '../../protocol/messages.ts'
import { mapPool } from '../base/pool.ts'
import { ASK_WIDTH, troubleAtPeer } from '../grid/ask-all.ts'
import type { PackLocation } from '../grid/grid.ts'
import type { PeerId } from '../ports/network.ts'
import type { CheckedPacks } from './check-packs.ts'
import { below, firstAbove } from './draw-audits.ts'
import { isShareBad } from './pack-maker.ts'
import type { Held, RepairParts, RepairProgress } from './repair-parts.ts'

/** Packs whose manifests are asked for in one go. */
const LOCATE_COUNT = 256

/** How much is read: everything, a part of all bytes, or so many of them. */
export type Sample = 'all' | { readonly fraction: number } | { readonly bytes: number }

export interface VerifyOptions {
  readonly sample: Sample
  readonly onProgress?: (progress: RepairProgress) => void
}

export interface VerifyReport {
  /** Shares that were read in full or in part, and found right. */
  readonly sharesGood: number
  readonly bad: readonly { readonly held: Held; readonly why: string }[]
  /** Shares that could not be read: their peers went away, or were too busy. */
  readonly unread: readonly Held[]
  readonly bytesRead: number
}

type VerifyParts = Pick<RepairParts, 'grid' | 'friends' | 'bad' | 'random' | 'log'>

/** Up to 1 MiB of one share at one peer. */
interface Piece {
  readonly held: Held
  readonly location: PackLocation
  readonly first: number
  readonly count: number
  readonly size: number
}

export async function verifyShares(
  parts: VerifyParts,
  { packs }: CheckedPacks,
  options: VerifyOptions,
  signal: AbortSignal,
): Promise<VerifyReport> {
  const readable = packs.filter(({ readable: shares }) => shares.size > 0)
  const total = wantedBytes(readable, options.sample)
  const run = new Run(parts, options, total, signal)
  for (let from = 0; from < readable.length; from += LOCATE_COUNT) {
    const some = readable.slice(from, from + LOCATE_COUNT)
    const located = await parts.grid.have(
      some.map(({ pack }) => pack.id),
      signal,
    )
    const pieces = some.flatMap(({ pack, readable: holders }) => {
      const location = located.get(pack.id)
      if (location !== undefined) return piecesOf({ ...location, holders })
      run.lacksManifest(pack.id, holders)
      return []
    })
    await run.read(drawPieces(pieces, options.sample, total, bytesOf(readable), parts.random))
  }
  return run.report()
}

class Run {
  readonly #parts: VerifyParts
  readonly #options: VerifyOptions
  readonly #total: number
  readonly #signal: AbortSignal
  readonly #good = new Map<string, Held>()
  readonly #bad = new Map<string, VerifyReport['bad'][number]>()
  readonly #unread = new Map<string, Held>()
  #bytesRead = 0

  constructor(parts: VerifyParts, options: VerifyOptions, total: number, signal: AbortSignal) {
    this.#parts = parts
    this.#options = options
    this.#total = total
    this.#signal = signal
  }

  /** Nobody gives the manifest any more, without which no share of the pack can be told right from wrong. */
  lacksManifest(pack: PackId, holders: PackLocation['holders']): void {
    for (const [shareNumber, peers] of holders) {
      for (const peer of peers) {
        const held = { pack, shareNumber, peer }
        this.#unread.set(keyOf(held), held)
      }
    }
  }

  /** All peers at a time, each at its own pace. */
  async read(pieces: readonly Piece[]): Promise<void> {
    const byPeer = Map.groupBy(pieces, ({ held }) => held.peer)
    await mapPool(
      byPeer.values(),
      ASK_WIDTH,
      async (some, within) => {
        for (const piece of some) await this.#one(piece, within)
      },
      this.#signal,
    )
  }

  report(): VerifyReport {
    return {
      sharesGood: this.#good.size,
      bad: [...this.#bad.values()],
      unread: [...this.#unread.values()],
      bytesRead: this.#bytesRead,
    }
  }

  async #one({ held, location, first, count, size }: Piece, signal: AbortSignal) {
    const key = keyOf(held)
    if (this.#bad.has(key) || this.#unread.has(key)) return
    const { grid, bad, friends, log } = this.#parts
    const { pack, shareNumber, peer } = held
    try {
      await grid.shares.read(peer, location, { shareNumber, run: { first, count } }, signal)
      this.#good.set(key, held)
    } catch (error) {
      const trouble = troubleAtPeer(error, signal)
      this.#good.delete(key)
      if (!isShareBad(trouble)) {
        this.#unread.set(key, held)
        return
      }
      this.#bad.set(key, { held, why: trouble.message })
      bad.note(held)
      friends.noteAudit(peer, 'failed')
      log.warn('a share is bad', { pack, share: shareNumber, peer, why: trouble.message })
    } finally {
      this.#bytesRead += size
      this.#options.onProgress?.({
        phase: 'verify',
        done: this.#good.size + this.#bad.size + this.#unread.size,
        total: 0,
        bytesDone: this.#bytesRead,
        bytesTotal: this.#total,
      })
    }
  }
}

/** Every share at every holder, in reads of up to 1 MiB. */
function piecesOf(location: PackLocation): Piece[] {
  const { id: pack, manifest, holders } = location
  const countMax = READ_SIZE_MAX / manifest.leafSize
  const leaves = leafCount(manifest)
  const pieces: Piece[] = []
  for (const [shareNumber, peers] of holders) {
    for (const peer of peers) {
      for (let first = 0; first < leaves; first += countMax) {
        const count = Math.min(countMax, leaves - first)
        const size = sizeOf(manifest, first, count)
        pieces.push({ held: { pack, shareNumber, peer }, location, first, count, size })
      }
    }
  }
  return pieces
}

/** All pieces, or single leaves of them: as many as make up this batch's part of the sample. */
function drawPieces(
  pieces: readonly Piece[],
  sample: Sample,
  wanted: number,
  whole: number,
  random: RepairParts['random'],
): readonly Piece[] {
  if (sample === 'all' || wanted >= whole) return pieces
  const ends: number[] = []
  let total = 0
  for (const { size } of pieces) ends.push((total += size))
  const drawn = new Map<string, Piece>()
  let left = total === 0 ? 0 : (wanted * total) / whole
  // What is drawn twice is read once; it counts, so that this ends.
  while (left > 0) {
    const at = below(random, total)
    const found = firstAbove(ends, at)
    const piece = pieces[found]!
    const { leafSize } = piece.location.manifest
    const first = piece.first + Math.floor((at - (ends[found]! - piece.size)) / leafSize)
    const size = sizeOf(piece.location.manifest, first, 1)
    drawn.set(`${keyOf(piece.held)} ${first}`, { ...piece, first, count: 1, size })
    left -= size
  }
  return [...drawn.values()]
}

function wantedBytes(packs: CheckedPacks['packs'], sample: Sample): number {
  const whole = bytesOf(packs)
  if (sample === 'all') return whole
  return Math.min(whole, 'bytes' in sample ? sample.bytes : sample.fraction * whole)
}

/** Of all shares at all holders that answer. */
function bytesOf(packs: CheckedPacks['packs']): number {
  return packs.reduce((sum, { pack, readable }) => {
    const copies = [...readable.values()].reduce((count, peers) => count + peers.length, 0)
    return sum + copies * pieceSize(pack.shape)
  }, 0)
}

function sizeOf(manifest: Manifest, first: number, count: number): number {
  const { leafSize } = manifest
  return Math.min(count * leafSize, pieceSize(manifest) - first * leafSize)
}

function keyOf({ pack, shareNumber, peer }: { pack: string; shareNumber: number; peer: PeerId }) {
  return `${pack} ${shareNumber} ${peer}`
}
