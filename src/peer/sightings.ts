/**
 * Sightings: how long ago this peer heard each other member, to tell those who ask.
 *
 * A friend that one of us cannot reach may be there all the same: a router, a provider, a one-way loss
 * stands between the two. So nobody gives a peer up on its own word alone (docs/placement.md). Kept in
 * memory: a peer that was started again hears everybody who is there within minutes, by its gossip.
 */

import type { Clock } from '../ports/clock.ts'
import type { PeerId } from '../ports/network.ts'

/** Members remembered: more than a roster admits at a time. */
const SIGHTINGS_MAX = 2048

export class Sightings {
  readonly #clock: Clock
  /** The latest heard come last. */
  readonly #heardAt = new Map<PeerId, { readonly wall: number; readonly monotonic: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  heard(peer: PeerId): void {
    this.#heardAt.delete(peer)
    this.#heardAt.set(peer, { wall: this.#clock.now(), monotonic: this.#clock.monotonic() })
    const [oldest] = this.#heardAt.size > SIGHTINGS_MAX ? this.#heardAt.keys() : []
    if (oldest !== undefined) this.#heardAt.delete(oldest)
  }

  /** @returns milliseconds since it was last heard; `undefined` if it was not since this peer started */
  age(peer: PeerId): number | undefined {
    const heardAt = this.#heardAt.get(peer)
    if (heardAt === undefined) return undefined
    const { wall, monotonic } = heardAt
    // One stands still while this machine sleeps, the other may be set back. Too long a time does no harm.
    return Math.round(Math.max(this.#clock.now() - wall, this.#clock.monotonic() - monotonic))
  }
}
