/**
 * Place order: which peer is asked next to take a share of a pack.
 *
 * One share per failure domain first, then per peer; among equals rendezvous hashing decides: every
 * peer has a rank for every pack, hash(pack, peer), that nobody has to agree on or remember, and a
 * peer that comes or goes moves only its own shares.
 */

import { compare, utf8 } from '../../protocol/bytes.ts'
import { taggedHash } from '../../protocol/hash.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { PeerId } from '../ports/network.ts'

export interface Candidate {
  readonly peer: PeerId
  /** What fails together with it: a household, a provider. A peer without one is its own. */
  readonly domain: string
}

/** Candidates for the shares of one pack, each handed out at most once. */
export class PlaceOrder {
  readonly #waiting: Candidate[]
  /** Shares placed, or being placed, in each domain. */
  readonly #loads = new Map<string, number>()

  /**
   * @param candidates - every peer that may take a share
   * @param holders - those that hold a share of this pack already; they get no other
   * @param counted - everybody whose shares count, where that is more than the candidates: the domains of
   *   holders who may take no share now are taken all the same
   */
  constructor(
    pack: PackId,
    candidates: readonly Candidate[],
    holders: Iterable<PeerId>,
    counted: readonly Candidate[] = candidates,
  ) {
    const holding = new Set(holders)
    this.#waiting = rendezvous(pack, candidates).filter(({ peer }) => !holding.has(peer))
    for (const { peer, domain } of counted) if (holding.has(peer)) this.#load(domain, 1)
  }

  /** @returns the best peer not handed out yet: least loaded domain first, then by rank */
  next(): Candidate | undefined {
    const load = ({ domain }: Candidate) => this.#loads.get(domain) ?? 0
    const loadMin = Math.min(...this.#waiting.map(load))
    const index = this.#waiting.findIndex((candidate) => load(candidate) === loadMin)
    const [candidate] = index < 0 ? [] : this.#waiting.splice(index, 1)
    if (candidate !== undefined) this.#load(candidate.domain, 1)
    return candidate
  }

  /** The candidate did not take its share, so its domain is as free as before. */
  failed(candidate: Candidate): void {
    this.#load(candidate.domain, -1)
  }

  #load(domain: string, change: number): void {
    this.#loads.set(domain, (this.#loads.get(domain) ?? 0) + change)
  }
}

/** @returns the candidates by their rank for this pack, highest first */
export function rendezvous(pack: PackId, candidates: readonly Candidate[]): Candidate[] {
  return candidates
    .map((candidate) => ({
      candidate,
      rank: taggedHash('cairn/place/1', utf8(pack), utf8(candidate.peer)),
    }))
    .toSorted((a, b) => compare(b.rank, a.rank))
    .map(({ candidate }) => candidate)
}
