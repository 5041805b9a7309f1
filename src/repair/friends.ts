/**
 * Friends as the lookout sees them: how everybody who lends disk stands, for those who judge packs.
 */

import type { AuditOutcome } from '../base/peer-record.ts'
import type { RosterBook } from '../grid/roster-book.ts'
import type { PeerId } from '../ports/network.ts'
import type { Lookout } from './lookout.ts'
import type { FriendFacts } from './pack-health.ts'
import type { Friends } from './repair-parts.ts'

export class LookoutFriends implements Friends {
  readonly #lookout: Pick<Lookout, 'facts' | 'audited'>
  readonly #roster: Pick<RosterBook, 'candidates'>

  constructor(lookout: Pick<Lookout, 'facts' | 'audited'>, roster: Pick<RosterBook, 'candidates'>) {
    this.#lookout = lookout
    this.#roster = roster
  }

  facts(answered: ReadonlySet<PeerId>): ReadonlyMap<PeerId, FriendFacts> {
    return new Map(
      this.#roster.candidates().map(({ peer, domain }) => {
        const isHere = answered.has(peer)
        return [peer, { ...this.#lookout.facts(peer), domain, isHere }]
      }),
    )
  }

  noteAudit(peer: PeerId, outcome: AuditOutcome): void {
    this.#lookout.audited(peer, outcome)
  }
}
