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
  /** Monotonic ms; the latest heard come last. */
  readonly #heardAt = new Map<PeerId, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  heard(peer: PeerId): void {
    this.#heardAt.delete(peer)
    this.#heardAt.set(peer, this.#clock.monotonic())
    const [oldest] = this.#heardAt.size > SIGHTINGS_MAX ? this.#heardAt.keys() : []
    if (oldest !== undefined) this.#heardAt.delete(oldest)
  }

  /** @returns milliseconds since it was last heard; `undefined` if it was not since this peer started */
  age(peer: PeerId): number | undefined {
    const heardAt = this.#heardAt.get(peer)
    return heardAt === undefined ? undefined : Math.round(this.#clock.monotonic() - heardAt)
  }
}
