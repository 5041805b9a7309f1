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
import { onlineShare, type PeerRecord } from '../base/peer-record.ts'
import { formatBytes } from '../base/size-words.ts'
import { UNTRUSTED_MS, type Standing } from '../grid/standing.ts'
import type { PeerId } from '../ports/network.ts'
import { learnRoster } from './accounts.ts'
import type { FriendList, FriendRow, LenderRow } from './friend-types.ts'
import type { VaultSession } from './vault-session.ts'

const DAY_MS = 86_400_000

/** Who is known for less than two weeks is new. */
const NEW_MS = 14 * DAY_MS

/** Holding so much of what one stores is fair: peers come and go. The inverse of what peers grant. */
const FAIR_PART = 1 / 1.2

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
  await learnRoster(grid, signal)
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
  const { answers } = await grid.askEverybody(async (peer, within) => {
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

interface VerdictFacts {
  readonly member: Member
  readonly record: PeerRecord | undefined
  readonly standing: Standing
  readonly isOurs: boolean
  readonly balance: { readonly held: number; readonly stored: number } | undefined
  readonly now: number
}

/** @returns what to make of a friend, for people to read */
function verdictOf({ member, record, standing, isOurs, balance, now }: VerdictFacts): string {
  const days = (ms: number) => inDays(ms)
  switch (standing) {
    case 'gone':
      return `given up: silent for ${days(record?.silentMs ?? 0)}`
    case 'leaving':
      return 'is leaving: what it holds moves elsewhere'
    case 'vacation':
      return `on vacation for ${days((member.awayUntil ?? now) - now)} more`
    case 'untrusted':
      return `failed ${failuresOf(record, now)} audits within a month: gets no new shares`
    case 'quiet':
      return `silent for ${days(record?.silentMs ?? 0)}`
    default:
  }
  if (isOurs) return 'yours'
  if (member.vault === undefined) return 'lends, and did not say whose it is'
  const { held = 0, stored = 0 } = balance ?? {}
  const numbers = `${formatBytes(held)} for ${formatBytes(stored)}`
  const known = now - (record?.firstAt ?? now)
  if (known < NEW_MS) return `new, ${days(known)}`
  if (held >= FAIR_PART * stored) return `carries its share: holds ${numbers}`
  return `holds less than it stores: ${numbers}`
}

function failuresOf(record: PeerRecord | undefined, now: number): number {
  const times = [record?.failedAt, record?.failedBeforeAt]
  return times.filter((at) => at !== undefined && now - at < UNTRUSTED_MS).length
}

function inDays(ms: number): string {
  const days = Math.max(0, Math.floor(ms / DAY_MS))
  return `${days} ${days === 1 ? 'day' : 'days'}`
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
