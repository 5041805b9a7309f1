/** The repair worker of a client, put together: its database, its spool, its way to the grid. */

import { isCounted } from '../grid/standing.ts'
import type { PeerId } from '../ports/network.ts'
import type { CheckedPacks } from '../repair/check-packs.ts'
import { ClientHolderBook, ClientPackList } from '../repair/client-packs.ts'
import { LookoutFriends } from '../repair/friends.ts'
import type { RepairParts } from '../repair/repair-parts.ts'
import { localPackSource } from './local-pack-source.ts'
import type { CheckedPeer } from './upkeep-types.ts'
import type { VaultSession } from './vault-session.ts'

/**
 * @throws {GridNotFoundError}
 * @throws {HeadOutOfReachError}
 */
export async function openRepair(session: VaultSession): Promise<RepairParts> {
  const { ports, stores, keyring, lookout } = session
  const { grid, roster } = await session.link()
  const { clock, random, log, compute } = ports
  const { vault } = keyring
  return {
    vault,
    clock,
    random,
    log,
    compute,
    grid,
    list: new ClientPackList(stores),
    source: localPackSource(session, grid),
    friends: new LookoutFriends(lookout, roster),
    bad: stores.badShares,
    book: new ClientHolderBook({ ...stores, grid, clock, vault }),
  }
}

/** Everybody who lends disk, as a check met them. */
export function checkedPeers(
  { lookout }: Pick<VaultSession, 'lookout'>,
  { grid: { roster } }: Pick<RepairParts, 'grid'>,
  { friends, packs }: Pick<CheckedPacks, 'friends' | 'packs'>,
): CheckedPeer[] {
  const shares = new Map<PeerId, number>()
  for (const { held } of packs) {
    for (const { peer } of [...held.holders.values()].flat()) {
      shares.set(peer, (shares.get(peer) ?? 0) + 1)
    }
  }
  return [...friends].map(([peer, { standing, isHere }]) => {
    const { name, domain } = roster.member(peer) ?? {}
    return {
      peer,
      isHere,
      standing: lookout.standing(peer),
      isCounted: isCounted(standing),
      shares: shares.get(peer) ?? 0,
      ...(name === undefined ? {} : { name }),
      ...(domain === undefined ? {} : { domain }),
    }
  })
}
