/**
 * Not safe yet: fewer peers took their share than a head may rest on.
 */

import { CairnError } from '../base/errors.ts'
import { STANDING_WORDS, type Standing } from '../grid/standing.ts'
import type { PeerId } from '../ports/network.ts'

/** What one peer said, or did not say. */
export interface MissingPeer {
  readonly peer: PeerId
  readonly reason: string
}

/** Structurally a grid `Placement`: what is needed of it here. */
interface PlacementFacts {
  readonly happiness: number
  readonly needed: number
  readonly failures: readonly { readonly peer: PeerId; readonly error: Error }[]
  readonly passedOver: readonly { readonly peer: PeerId; readonly standing: Standing }[]
}

/** Nothing is lost: queue and spool are kept, and the next run goes on from here. */
export class NotSafeError extends CairnError {
  override readonly name = 'NotSafeError'
  /** Shares on distinct failure domains: the fewest among the packs concerned. */
  readonly happiness: number
  readonly needed: number
  readonly missing: readonly MissingPeer[]

  constructor(
    what: string,
    facts: { happiness: number; needed: number; missing: readonly MissingPeer[] },
  ) {
    const peers = facts.missing.map(({ peer, reason }) => `  ${peer}: ${reason}`)
    const more = facts.needed - facts.happiness
    super(
      [
        `Not safe yet: ${what} on ${facts.happiness} separate peers, ${facts.needed} are needed.`,
        ...(peers.length > 0 ? ['These peers did not take part:', ...peers] : []),
        `Bring ${more} of them back online, have them make room, or invite ${more} more ` +
          `${more === 1 ? 'peer' : 'peers'}; then run the same command again: the queue and the ` +
          'spool are kept.',
      ].join('\n'),
    )
    this.happiness = facts.happiness
    this.needed = facts.needed
    this.missing = facts.missing
  }

  static ofPlacements(placements: readonly PlacementFacts[], packs: number): NotSafeError {
    const worst = placements.toSorted((a, b) => a.happiness - b.happiness)[0]
    const missing = new Map<PeerId, string>()
    for (const { failures } of placements) {
      for (const { peer, error } of failures)
        missing.set(peer, error.message.replace(`${peer}: `, ''))
    }
    for (const { passedOver } of placements) {
      for (const { peer, standing } of passedOver) missing.set(peer, STANDING_WORDS[standing])
    }
    return new NotSafeError(`${packs} ${packs === 1 ? 'pack lies' : 'packs lie'}`, {
      happiness: worst?.happiness ?? 0,
      needed: worst?.needed ?? 1,
      missing: [...missing].map(([peer, reason]) => ({ peer, reason })),
    })
  }
}
