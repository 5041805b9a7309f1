/** Friends: the storage peers of the grid with all that is known of them here. */

import { givesNothing, isSeenLately } from '../grid/standing.ts'
import type { PeerId } from '../ports/network.ts'
import type { VaultSession } from './vault-session.ts'
import type { WhyFriend } from './why-types.ts'

/** @param here - who answered just now */
export async function friendsOf(
  session: VaultSession,
  here: Iterable<PeerId>,
): Promise<Map<PeerId, WhyFriend>> {
  const { roster, network } = await session.link()
  const answered = new Set(here)
  const members = roster.storagePeers().filter(({ peer }) => peer !== network.self)
  return new Map(
    members.map(({ peer, name, domain, awayUntil }) => {
      const record = session.lookout.record(peer)
      const friend: WhyFriend = {
        domain: roster.domain(peer),
        standing: session.lookout.standing(peer),
        isSeenLately: isSeenLately(record),
        givesNothing: givesNothing(record, session.ports.clock.now()),
        isHere: answered.has(peer),
        ...(record === undefined ? {} : { record }),
        ...(name === undefined ? {} : { name }),
        ...(domain === undefined ? {} : { house: domain }),
        ...(awayUntil === undefined ? {} : { awayUntil }),
      }
      return [peer, friend]
    }),
  )
}
