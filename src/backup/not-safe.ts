/**
 * Not safe yet: fewer peers took their share than a head may rest on.
 */

import { CairnError } from '../base/errors.ts'
import { STANDING_WORDS, type Standing } from '../grid/standing.ts'
import { isTurnedAway, TURNED_AWAY_WORDS } from '../grid/turned-away.ts'
import type { PeerId } from '../ports/network.ts'

/** What one peer said, or did not say. */
export interface MissingPeer {
  readonly peer: PeerId
  /** What friends call it, on one line. */
  readonly name: string
  readonly reason: string
  /** It hung up on us, as on a stranger. */
  readonly isTurnedAway?: boolean
}

/** Structurally a grid `Placement`: what is needed of it here. */
interface PlacementFacts {
  readonly happiness: number
  readonly needed: number
  readonly failures: readonly { readonly peer: PeerId; readonly error: Error }[]
  readonly passedOver: readonly { readonly peer: PeerId; readonly standing: Standing }[]
}

/** Structurally a roster: what friends call each other. */
interface Names {
  nameOf(peer: PeerId): string
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
    const { missing } = facts
    const peers = missing.map(({ name, reason }) => `  ${name}: ${reason}`)
    const more = facts.needed - facts.happiness
    const areAllClosed = missing.length > 0 && missing.every((one) => one.isTurnedAway === true)
    super(
      [
        `Not safe yet: ${what} on ${facts.happiness} separate ` +
          `${facts.happiness === 1 ? 'peer' : 'peers'}, ${facts.needed} are needed.`,
        ...(peers.length > 0 ? ['These peers did not take part:', ...peers] : []),
        areAllClosed
          ? `${TURNED_AWAY_WORDS} The queue and the spool are kept.`
          : `Bring ${more} of them back online, have them make room, or invite ${more} more ` +
            `${more === 1 ? 'peer' : 'peers'}; then run the same command again: the queue and the ` +
            'spool are kept.',
      ].join('\n'),
    )
    this.happiness = facts.happiness
    this.needed = facts.needed
    this.missing = missing
  }

  static ofPlacements(
    placements: readonly PlacementFacts[],
    packs: number,
    roster: Names,
  ): NotSafeError {
    const worst = placements.toSorted((a, b) => a.happiness - b.happiness)[0]
    const missing = new Map<PeerId, MissingPeer>()
    for (const { failures } of placements) {
      for (const failure of failures) missing.set(failure.peer, missingPeer(failure, roster))
    }
    for (const { passedOver } of placements) {
      for (const { peer, standing } of passedOver) {
        missing.set(peer, { peer, name: roster.nameOf(peer), reason: STANDING_WORDS[standing] })
      }
    }
    return new NotSafeError(`${packs} ${packs === 1 ? 'pack lies' : 'packs lie'}`, {
      happiness: worst?.happiness ?? 0,
      needed: worst?.needed ?? 1,
      missing: [...missing.values()],
    })
  }
}

export function missingPeer(
  { peer, error }: { readonly peer: PeerId; readonly error: Error },
  roster: Names,
): MissingPeer {
  const reason = error.message.replace(`${peer}: `, '')
  const name = roster.nameOf(peer)
  return { peer, name, reason, ...(isTurnedAway(error) ? { isTurnedAway: true } : {}) }
}
