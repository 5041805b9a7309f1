/**
 * Mending one pack: its missing shares are made, by the cheapest means, and given to peers that have none
 * of it, on failure domains of their own first.
 *
 * Only missing shares go out, so there are never more than n that count. Each is noted as soon as its peer
 * has it; cut off before, the next run finds it by asking (S20).
 */

import { pieceSize } from '../../protocol/manifest.ts'
import { assert } from '../base/assert.ts'
import type { CairnError } from '../base/errors.ts'
import { PeerRefusedError } from '../base/errors.ts'
import { mapPool } from '../base/pool.ts'
import { release } from '../base/release.ts'
import { troubleAtPeer } from '../grid/ask-all.ts'
import type { PackLocation } from '../grid/locate-packs.ts'
import { PlaceOrder, type Candidate } from '../grid/place-order.ts'
import { PLACE_WIDTH } from '../grid/place-pack.ts'
import type { PeerId } from '../ports/network.ts'
import type { FriendFacts, PackHealth } from './pack-health.ts'
import { PackMaker } from './pack-maker.ts'
import { canMove, sharesToPlace, type Means } from './repair-plan.ts'
import type { RepairParts } from './repair-parts.ts'

export interface Mended {
  readonly means: Means
  /** Share number → the peer that took it. */
  readonly placed: ReadonlyMap<number, PeerId>
  /** Bytes of pieces, each way. */
  readonly bytesRead: number
  readonly bytesSent: number
  readonly failures: readonly { readonly peer: PeerId; readonly error: CairnError }[]
}

/** Shares of one pack, made, with the manifest that goes with them. */
interface Made {
  readonly means: Means
  readonly manifest: Uint8Array
  readonly pieces: ReadonlyMap<number, Uint8Array>
}

export class PackMender {
  readonly #parts: RepairParts
  readonly #friends: ReadonlyMap<PeerId, FriendFacts>
  readonly #full = new Map<PeerId, CairnError>()

  /** Bytes of pieces that came and went in all, also for packs that could not be mended. */
  bytesRead = 0
  bytesSent = 0

  /** Peers that said they have no room, and how. */
  get full(): ReadonlyMap<PeerId, CairnError> {
    return this.#full
  }

  constructor(parts: RepairParts, friends: ReadonlyMap<PeerId, FriendFacts>) {
    this.#parts = parts
    this.#friends = friends
  }

  /**
   * @param location - holders as they answered just now; `undefined` where nobody holds anything
   * @throws {NotEnoughSharesError} nothing was sent
   * @throws {PackMismatchError} likewise
   */
  async mend(
    health: PackHealth,
    location: PackLocation | undefined,
    signal: AbortSignal,
  ): Promise<Mended> {
    const order = this.#order(health)
    const shares = sharesToPlace(health)
    const maker = new PackMaker(this.#parts)
    const made = await this.#make(health, shares, location, maker, signal).finally(() => {
      this.bytesRead += maker.bytesRead
    })
    const placed = new Map<number, PeerId>()
    const failures: Mended['failures'][number][] = []
    let bytesSent = 0
    const put = async (shareNumber: number, within: AbortSignal): Promise<void> => {
      const piece = made.pieces.get(shareNumber)
      assert(piece !== undefined, 'every share that is to be placed was made')
      const { vault, grid, book } = this.#parts
      const share = { vault, manifest: made.manifest, shareNumber, piece }
      for (let next = order.next(); next !== undefined; next = order.next()) {
        try {
          await grid.shares.put(next.peer, share, within, (size) => (bytesSent += size))
          placed.set(shareNumber, next.peer)
          book.placed(health.pack, shareNumber, next.peer)
          return
        } catch (error) {
          const trouble = troubleAtPeer(error, within)
          failures.push({ peer: next.peer, error: trouble })
          if (isFull(trouble)) this.#full.set(next.peer, trouble)
          order.failed(next)
        }
      }
    }
    try {
      await mapPool(shares, PLACE_WIDTH, put, signal)
    } finally {
      this.bytesSent += bytesSent
      for (const piece of made.pieces.values()) release(piece)
    }
    return { means: made.means, placed, bytesRead: maker.bytesRead, bytesSent, failures }
  }

  #order({ pack, live, takers }: PackHealth): PlaceOrder {
    const holders = [...new Set([...live.values()].flat())]
    const open = this.#candidates(takers)
    return new PlaceOrder(pack.id, open, holders, [...open, ...this.#candidates(holders)])
  }

  #candidates(peers: readonly PeerId[]): Candidate[] {
    return peers.flatMap((peer) => {
      const domain = this.#friends.get(peer)?.domain
      return domain === undefined ? [] : [{ peer, domain }]
    })
  }

  async #make(
    health: PackHealth,
    shares: readonly number[],
    location: PackLocation | undefined,
    maker: PackMaker,
    signal: AbortSignal,
  ): Promise<Made> {
    const { pack } = health
    const sourced = await maker.source(pack, location, signal)
    const lacking = sourced?.gaps.reduce((sum, { length }) => sum + length, 0) ?? pack.shape.size
    const moved = shares.length * pieceSize(pack.shape)
    if (location !== undefined && canMove(health, shares) && moved < lacking) {
      const copied = await this.#copy(location, shares, maker, signal)
      if (copied !== undefined) return copied
    }
    const made = sourced && (await maker.finish(pack, sourced, location, signal))
    const { encoded, origin } = made ?? (await maker.fromPeers(pack, location, signal))
    const pieces = new Map<number, Uint8Array>()
    for (const [share, piece] of encoded.pieces.entries()) {
      if (shares.includes(share)) pieces.set(share, piece)
      else release(piece)
    }
    return { means: origin, manifest: encoded.manifestBytes, pieces }
  }

  /** @returns `undefined` where one of them turns out to be bad: then all are made from others */
  async #copy(
    location: PackLocation,
    shares: readonly number[],
    maker: PackMaker,
    signal: AbortSignal,
  ): Promise<Made | undefined> {
    const pieces = new Map<number, Uint8Array>()
    for (const share of shares) {
      const piece = await maker.copy(location, share, signal)
      if (piece === undefined) return undefined
      pieces.set(share, piece)
    }
    return { means: 'leaver', manifest: location.manifestBytes, pieces }
  }
}

function isFull(error: CairnError): boolean {
  return error instanceof PeerRefusedError && (error.code === 'full' || error.code === 'quota')
}
