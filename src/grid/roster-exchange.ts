/** Exchanging rosters: with every peer, and with those that are learnt of on the way. */

import { equal } from '../../protocol/bytes.ts'
import type { PeerId } from '../ports/network.ts'
import { askAll, type PeerFailure } from './ask-all.ts'
import type { PeerSession } from './peer-session.ts'
import type { RosterBook } from './roster-book.ts'

export interface ExchangeParts {
  readonly roster: RosterBook
  /** Sessions with every storage peer of the roster as it is then. */
  readonly sessions: () => readonly PeerSession[]
  /** Told after each round who answered. */
  readonly onRound: (round: Omit<Exchanged, 'news'>) => void
}

export interface Exchanged {
  /** Statements that were new to us. */
  readonly news: number
  readonly answered: readonly PeerId[]
  readonly failures: readonly PeerFailure[]
}

/** @throws only the signal's reason, or what is wrong with our own state */
export async function exchangeRosters(
  { roster, sessions, onRound }: ExchangeParts,
  signal: AbortSignal,
): Promise<Exchanged> {
  const asked = new Set<PeerId>()
  const [answered, failures]: [PeerId[], PeerFailure[]] = [[], []]
  let news = 0
  for (;;) {
    const others = sessions().filter(({ peer }) => !asked.has(peer))
    if (others.length === 0) return { news, answered, failures }
    for (const session of others) asked.add(session.peer)
    const round = await askAll(
      others,
      async (session, within) => {
        session.forgive()
        // Most know the same.
        const { digest } = await session.news([], within)
        if (equal(digest, roster.digest())) return
        // What a peer lacks is known only once it told what it has.
        const told = await session.roster([], within)
        news += await roster.merge(told)
        const lacking = roster.statementsBeside(told)
        if (lacking.length > 0) await session.roster(lacking, within)
      },
      signal,
    )
    const here = round.answers.map(({ peer }) => peer)
    onRound({ answered: here, failures: round.failures })
    answered.push(...here)
    failures.push(...round.failures)
  }
}
