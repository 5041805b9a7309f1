/** How the backup stands, and who is there, as the client is asked for it. */

import { toHex } from '../../protocol/bytes.ts'
import type { ResponseOf } from '../../protocol/messages.ts'
import { onlineShare } from '../base/peer-record.ts'
import type { PeerStatus } from '../grid/grid.ts'
import { isTurnedAway, TURNED_AWAY_WORDS } from '../grid/turned-away.ts'
import type { PeerId } from '../ports/network.ts'
import { hindranceOf } from '../repair/explain.ts'
import { readHealth } from '../repair/health-record.ts'
import { Evidence } from '../store/evidence.ts'
import { readGridFile } from '../store/grid-file.ts'
import { lastSnapshot } from '../store/last-snapshot.ts'
import type { ClientStatus } from './client-types.ts'
import { grantWarnings } from './grant-warnings.ts'
import { friendsOf } from './friends.ts'
import { wordsOf } from './heads.ts'
import { helpersSeen } from './helpers-seen.ts'
import { placedPacks, type PlacedState } from './placed-packs.ts'
import type { VaultSession } from './vault-session.ts'
import type { WhyFriend } from './why-types.ts'

/** The share of a shorter time says nothing of a friend. */
const WATCHED_MS_MIN = 86_400_000

/** Unnoticed for longer, losses add up to a pack's: the person must be told (docs/placement.md). */
const CHECK_OVERDUE_MS = 30 * 86_400_000

/** A helper that nobody heard for so long does not help any more: it does a round every few hours. */
export const HELPER_SILENT_MS = 7 * 86_400_000

export async function runStatus(session: VaultSession, signal: AbortSignal): Promise<ClientStatus> {
  const { ports, stores, keyring } = session
  const { queue, packs, published, settings } = stores
  const file = await readGridFile(ports.disk)
  const states = file === undefined ? [] : await askPeers(session, signal)
  const here = states.filter(({ status }) => status !== undefined).map(({ peer }) => peer)
  const friends = file === undefined ? new Map<PeerId, WhyFriend>() : await friendsOf(session, here)
  const open = [...packs.inState('sealed'), ...packs.inState('safe')]
  const now = ports.clock.now()
  const last = lastSnapshot(settings)
  const lastCheck = readHealth(settings)
  // Before the first check the clock runs from when the first friend was looked for.
  const since =
    lastCheck?.checkedAt ?? Math.min(now, ...stores.peerRecords.all().map(({ firstAt }) => firstAt))
  const helpers = helpersSeen(states).map((helper) => {
    const name = friends.get(helper.peer)?.name
    return { ...helper, ...(name === undefined ? {} : { name }) }
  })
  // What a helper looks at every few hours needs no reminder.
  const isHelped = helpers.some(({ at }) => now - at < HELPER_SILENT_MS)
  return {
    vault: keyring.vault,
    device: toHex(keyring.device.publicKey),
    ...(file === undefined ? {} : { grid: file.grid }),
    sequence: published.current()?.sequence ?? 0,
    peers: states.map((state) => describePeer(state, friends.get(state.peer), now)),
    evidence: (await new Evidence(ports.disk).all()).map((found) => ({
      kind: found.kind,
      foundAt: found.foundAt,
      words: wordsOf(found),
    })),
    queue: queue.totals('waiting'),
    spool: { packs: open.length, bytes: open.reduce((sum, { size }) => sum + size, 0) },
    settling: open.reduce((sum, { number, total }) => sum + total - packs.holders(number).size, 0),
    placed: countPlaced(session, friends),
    ...(last === undefined ? {} : { lastSnapshot: last }),
    ...(lastCheck === undefined ? {} : { lastCheck }),
    helpers,
    isCheckOverdue: !isHelped && now - since > CHECK_OVERDUE_MS,
    warnings: [
      ...(areTurnedAway(states) ? [TURNED_AWAY_WORDS] : []),
      ...(file === undefined ? [] : grantWarnings(states, (await session.link()).roster)),
    ],
    now,
  }
}

/** Whether some hang up on us, and nobody answers. */
function areTurnedAway(states: readonly PeerStatus[]): boolean {
  if (states.some(({ status }) => status !== undefined)) return false
  return states.some(({ error }) => isTurnedAway(error))
}

async function askPeers(session: VaultSession, signal: AbortSignal): Promise<PeerStatus[]> {
  const { grid } = await session.link()
  const states = await grid.status(signal)
  await session.lookout.hearOthers(grid, signal)
  return states
}

function describePeer(
  { peer, status, error }: PeerStatus,
  friend: WhyFriend | undefined,
  now: number,
): ClientStatus['peers'][number] {
  const { name, house, record, standing = 'here' } = friend ?? {}
  const isWatched = record !== undefined && record.watchedMs >= WATCHED_MS_MIN
  const online = isWatched ? onlineShare(record) : undefined
  const lack = friend && hindranceOf(peer, friend, now)
  return {
    peer,
    reachable: status !== undefined,
    standing,
    ...(name === undefined ? {} : { name }),
    ...(house === undefined ? {} : { domain: house }),
    ...(status === undefined ? {} : roomOf(status)),
    ...(error === undefined ? {} : { error: error.message.replace(`${peer}: `, '') }),
    ...(record?.seenAt === undefined ? {} : { seenAt: record.seenAt }),
    ...(online === undefined ? {} : { online }),
    ...(lack === undefined ? {} : { lack }),
  }
}

/** What a peer says about room, without what else is in a status. */
function roomOf({ capacity, free, used, released, grant, over }: ResponseOf<'status'>) {
  return {
    capacity,
    free,
    used,
    ...(released === undefined ? {} : { released }),
    ...(grant === undefined ? {} : { grant }),
    ...(over === undefined ? {} : { over }),
  }
}

function countPlaced(
  { stores }: VaultSession,
  friends: ReadonlyMap<PeerId, WhyFriend>,
): Record<PlacedState, number> {
  const counts = { whole: 0, settling: 0, unsafe: 0 }
  for (const { state } of placedPacks(stores, friends)) counts[state] += 1
  return counts
}
