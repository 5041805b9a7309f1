/**
 * Friend list: who lends us disk, what each holds for us and we for them, and what to make of it in words.
 *
 * What our own peers hold they tell us themselves; what friends hold for each other is in the credits
 * that devices signed. A credit is shown here whatever it is worth to a peer that grants room.
 */

import { openCredit, type OpenedCredit } from '../../protocol/account.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import type { ResponseOf } from '../../protocol/messages.ts'
import type { Member } from '../../protocol/roster.ts'
import { onlineShare } from '../base/peer-record.ts'
import type { PeerId } from '../ports/network.ts'
import { verdictOf } from './friend-verdict.ts'
import type { FriendList, FriendRow, LenderRow } from './friend-types.ts'
import type { VaultSession } from './vault-session.ts'

/** What the peers told. */
interface Told {
  readonly statuses: ReadonlyMap<PeerId, ResponseOf<'status'>>
  /** What our own peers hold, by vault. */
  readonly holdings: ReadonlyMap<VaultId, number>
  readonly credits: readonly OpenedCredit[]
}

/** Ask everybody, and say how things stand. */
export async function listFriends(session: VaultSession, signal: AbortSignal): Promise<FriendList> {
  const { ports, keyring, lookout } = session
  const { grid, roster } = await session.link()
  await grid.syncRoster(signal)
  const told = await ask(session, signal)
  const now = ports.clock.now()
  const members = roster.storagePeers()
  const balances = balancesOf(told.credits, members)
  const friends = members.map((member): FriendRow => {
    const record = lookout.record(member.peer)
    const status = told.statuses.get(member.peer)
    const standing = lookout.standing(member.peer)
    const isOurs = member.vault === keyring.vault
    const balance = member.vault === undefined ? undefined : balances.get(member.vault)
    const facts = { member, record, standing, isOurs, balance, now }
    return {
      peer: member.peer,
      standing,
      isOurs,
      isReachable: status !== undefined,
      ...defined('name', member.name),
      ...defined('domain', member.domain),
      ...defined('vault', member.vault),
      ...defined('onlineShare', record && onlineShare(record)),
      ...defined('knownSince', record?.firstAt),
      ...defined('heldForUs', status?.used),
      ...defined('heldForThem', heldFor(told.holdings, member.vault)),
      ...defined('grant', status?.grant),
      ...defined('over', status?.over),
      ...defined('balance', balance),
      auditsPassed: record?.auditsPassed ?? 0,
      auditsFailed: record?.auditsFailed ?? 0,
      verdict: verdictOf(facts),
    }
  })
  const others = [...told.holdings].filter(([vault]) => vault !== keyring.vault)
  return {
    heldForOthers: sum(others.map(([, bytes]) => bytes)),
    heldByOthers: sum(friends.map(({ isOurs, heldForUs = 0 }) => (isOurs ? 0 : heldForUs))),
    ownPeers: friends.filter(({ isOurs }) => isOurs).length,
    friends,
    lendNothing: lendNothing(others, members),
  }
}

async function ask(session: VaultSession, signal: AbortSignal): Promise<Told> {
  const { keyring } = session
  const { grid, roster } = await session.link()
  const holdings = new Map<VaultId, number>()
  const credits = new Map<string, OpenedCredit>()
  // Who was not there for the roster is not waited for again.
  const { answers } = await grid.askPresent(async (peer, within) => {
    const status = await peer.status(within)
    if (roster.member(peer.peer)?.vault === keyring.vault) {
      for (const { vault, bytes } of await peer.holdings(within)) {
        const id = vaultIdFromBytes(vault)
        holdings.set(id, (holdings.get(id) ?? 0) + bytes)
      }
    }
    // All keep the same; the first that answers in full is enough.
    if (credits.size === 0) note(credits, await peer.credits([], [], within))
    return status
  }, signal)
  await session.lookout.hearOthers(grid, signal)
  const statuses = new Map(answers.map(({ peer, answer }) => [peer, answer]))
  return { statuses, holdings, credits: [...credits.values()] }
}

/** Of each vault and peer the newest. */
function note(credits: Map<string, OpenedCredit>, documents: readonly Uint8Array[]): void {
  for (const bytes of documents) {
    const credit = openCredit(bytes)
    const key = `${credit.account.vault} ${credit.account.peer}`
    if ((credits.get(key)?.issuedAt ?? -1) < credit.issuedAt) credits.set(key, credit)
  }
}

/** What the peers of each vault hold for others, and what others hold for it. */
function balancesOf(
  credits: readonly OpenedCredit[],
  members: readonly Member[],
): Map<VaultId, { held: number; stored: number }> {
  const owners = new Map(members.map(({ peer, vault }) => [peer, vault]))
  const balances = new Map<VaultId, { held: number; stored: number }>()
  const of = (vault: VaultId) => {
    const balance = balances.get(vault) ?? { held: 0, stored: 0 }
    balances.set(vault, balance)
    return balance
  }
  for (const { account, bytes } of credits) {
    const owner = owners.get(account.peer)
    if (owner === account.vault) continue
    if (owner !== undefined) of(owner).held += bytes
    of(account.vault).stored += bytes
  }
  return balances
}

/** Vaults that our own peers hold something for, and that lend nothing that anybody knows of. */
function lendNothing(
  holdings: readonly (readonly [VaultId, number])[],
  members: readonly Member[],
): LenderRow[] {
  const lenders = new Set(members.map(({ vault }) => vault))
  return holdings
    .filter(([vault, bytes]) => bytes > 0 && !lenders.has(vault))
    .map(([vault, heldForThem]) => ({ vault, heldForThem }))
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0)
}

function heldFor(
  holdings: ReadonlyMap<VaultId, number>,
  vault: VaultId | undefined,
): number | undefined {
  return vault === undefined ? undefined : holdings.get(vault)
}

/** A field that is left out where there is no value. */
function defined<Name extends string, T>(
  name: Name,
  value: T | undefined,
): { readonly [key in Name]?: T } {
  return value === undefined ? {} : ({ [name]: value } as { [key in Name]: T })
}
