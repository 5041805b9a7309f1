/**
 * Fair use: what a peer grants each vault, what it vouches that it holds, and what others vouch.
 *
 * A peer whose owner said which vault is his asks the same of others: who stores here beyond a floor should
 * hold something for somebody. Above its grant a vault may go on storing for thirty days, and is told so in
 * every status; then new shares are refused, with numbers. Nothing that is here is touched for it.
 *
 * Rules: docs/fair-use.md
 */

import type { DatabaseSync } from 'node:sqlite'

import { openCredit, signAccount } from '../../protocol/account.ts'
import { FormatError } from '../../protocol/errors.ts'
import { vaultIdToBytes, type VaultId } from '../../protocol/ids.ts'
import { peerIdOf, type SigningKey } from '../../protocol/keys.ts'
import {
  CREDITS_MAX,
  fitting,
  HOLDINGS_MAX,
  type Response,
  type ResponseOf,
} from '../../protocol/messages.ts'
import type { Member } from '../../protocol/roster.ts'
import { toDatabaseError } from '../base/database-error.ts'
import { formatBytes } from '../base/size-words.ts'
import type { RosterBook } from '../grid/roster-book.ts'
import type { Clock } from '../ports/clock.ts'
import type { PeerId } from '../ports/network.ts'
import { Credits, deviceOf, type CreditFacts } from '../store/credits.ts'
import { Grace, type Patience } from '../store/grace.ts'
import type { Limits } from '../store/share-room.ts'
import type { ShareStore } from '../store/share-store.ts'
import { FLOOR_DEFAULT, grantFor, type Grant } from './grant.ts'

const DAY_MS = 24 * 3600_000

/** A credit dated further ahead of our clock is not taken: it would outrank every later one. */
const SKEW_MS_MAX = DAY_MS

/** Credits are asked of other peers so often; a month's average changes slowly. */
const NEWS_EVERY_MS = 6 * 3600_000

/** What a vault may store beyond its limit to drop things: the tree and ledger of some heads. */
const TIDY_SIZE_MIN = 64 * 1024 * 1024
/** … and of a large vault such a part of what it keeps. */
const TIDY_PART = 64

/** A grant holds for so long, by our age: it is asked for with every share. */
const GRANT_MS = 60_000

export interface FairUseParts {
  readonly clock: Clock
  readonly roster: RosterBook
  readonly shareStore: ShareStore
  /** With the tables of accounts-schema.ts. */
  readonly database: DatabaseSync
}

export interface FairUseOptions {
  /** The peer's identity; signs its accounts. */
  readonly key: SigningKey
  /** Bytes that every vault may keep here; by default 5 GB where the peer has an owner's vault, else any. */
  readonly floor?: number
  /** Bytes that a vault may store beyond its limit to drop things, at least. */
  readonly tidySize?: number
}

/** How a vault stands to its grant, as a `status` tells. */
export type GrantStatus = Pick<ResponseOf<'status'>, 'grant' | 'over' | 'released'>

/** What is held for one vault. */
export interface VaultAccount {
  readonly vault: VaultId
  /** Those in release included. */
  readonly bytes: number
  /** Whether this peer is its owner's. */
  readonly isOwn: boolean
  readonly grant: Grant
  readonly standing: GrantStatus
}

export class FairUse {
  readonly #parts: FairUseParts
  readonly #options: FairUseOptions
  readonly #self: PeerId
  readonly #credits: Credits
  readonly #grace: Grace
  readonly #grants = new Map<VaultId, { readonly grant: Grant; readonly age: number }>()
  /** Credits by devices that are members, as of an age. */
  #valid: { readonly credits: readonly CreditFacts[]; readonly age: number } | undefined
  /** Our age when others were last asked for credits. */
  #newsAge: number | undefined

  constructor(parts: FairUseParts, options: FairUseOptions) {
    this.#parts = parts
    this.#options = options
    this.#self = peerIdOf(options.key.publicKey)
    this.#credits = new Credits(parts.database)
    this.#grace = new Grace(parts.database)
  }

  /** The vault of whoever lends this peer, as the roster has it. */
  get ownVault(): VaultId | undefined {
    return this.#parts.roster.member(this.#self)?.vault
  }

  /**
   * What a device of the vault may store here.
   *
   * @param isTidying - the share belongs to a head that drops things: a little goes beyond every limit then
   */
  limitsOf(vault: VaultId, quota: number | undefined, isTidying = false): Limits {
    if (isTidying) return { isGranted: (bytes) => bytes <= this.#tidyLimit(vault, quota) }
    const isGranted = (bytes: number) => this.#isGranted(vault, quota, bytes)
    return { ...(quota === undefined ? {} : { quota }), isGranted }
  }

  /** @returns why the vault may keep no more here, and what would help, for people to read */
  refusalOf(
    vault: VaultId,
    quota: number | undefined,
    why: 'quota' | 'grant',
    size: number,
  ): string {
    const kept = formatBytes(this.#kept(vault))
    const share = formatBytes(size)
    const help = '"cairn forget" and "cairn gc" free space'
    if (why === 'quota') {
      const limit = formatBytes(quota ?? 0)
      return `the quota here is ${limit}, ${kept} are kept, and ${share} more do not fit; ${help}`
    }
    const { bytes, held } = this.grantOf(vault, quota)
    return (
      `${kept} are kept here, ${formatBytes(bytes)} are granted, and 30 days of grace are over: ` +
      `the peers of this vault hold ${formatBytes(held)} for others; lend more, or ${help}`
    )
  }

  grantOf(vault: VaultId, quota: number | undefined): Grant {
    const { roster, shareStore } = this.#parts
    const age = shareStore.ages.age
    const known = this.#grants.get(vault)
    const isFresh = known !== undefined && age - known.age < GRANT_MS
    const earned = isFresh
      ? known.grant
      : grantFor({
          vault,
          floor: this.#floor,
          ownVault: this.ownVault,
          peers: roster.storagePeers(),
          credits: this.#ofMembers(age),
          keptHere: (other) => this.#kept(other),
          age,
        })
    if (!isFresh) this.#grants.set(vault, { grant: earned, age })
    return quota === undefined || quota > earned.bytes
      ? earned
      : { ...earned, bytes: quota, by: 'quota' }
  }

  /** @returns what a device of the vault should know of its grant; nothing where there is no limit */
  statusOf(vault: VaultId, quota: number | undefined): GrantStatus {
    const { clock, shareStore } = this.#parts
    const released = shareStore.released(vault)
    const told = released === 0 ? {} : { released }
    const { bytes } = this.grantOf(vault, quota)
    if (bytes === Infinity) return told
    const kept = this.#kept(vault)
    if (kept <= bytes) return { ...told, grant: bytes }
    const { age } = shareStore.ages
    const now = Math.max(0, clock.now())
    const { overAge, left } = this.#grace.of(vault, age)
    const since = Math.max(0, now - (age - (overAge ?? age)))
    const isRefused = quota !== undefined && kept > quota
    const over = { bytes: kept - bytes, since, until: isRefused ? now : now + left }
    return { ...told, grant: bytes, over }
  }

  /** The sweep's part: who is above its grant, what was held, and what nobody renewed. */
  sweep(): void {
    const { roster, shareStore } = this.#parts
    const { age } = shareStore.ages
    const quotas = quotasOf(roster)
    for (const vault of shareStore.countedByVault().keys()) this.#find(vault, quotas.get(vault))
    shareStore.byteDays.save(age)
    this.#credits.expire(age)
  }

  /** @returns this peer's signed word of what it holds for the vault */
  async account(vault: VaultId): Promise<Uint8Array> {
    const { clock, shareStore } = this.#parts
    const { capacity } = await shareStore.space()
    const { byteDays, sinceAge, untilAge } = shareStore.byteDays.spanOf(vault, shareStore.ages.age)
    const until = Math.max(0, clock.now())
    const since = Math.max(0, until - (untilAge - sinceAge))
    const account = { vault, peer: this.#self, bytesHeld: this.#kept(vault), byteDays }
    return signAccount({ ...account, since, until, capacity }, this.#options.key)
  }

  /**
   * Take credits from anywhere, and keep those that are news and made by members about members.
   *
   * @returns how many
   */
  take(credits: readonly Uint8Array[]): number {
    const news = credits.filter((bytes) => this.#takeOne(bytes)).length
    if (news > 0) this.#forgetGrants()
    return news
  }

  /** @returns whether it is time to ask others for credits; never where nobody said whose a peer is */
  isNewsDue(): boolean {
    const { roster, shareStore } = this.#parts
    const { age } = shareStore.ages
    const isDue = this.#newsAge === undefined || age - this.#newsAge >= NEWS_EVERY_MS
    if (!isDue || roster.storagePeers().every(({ vault }) => vault === undefined)) return false
    this.#newsAge = age
    return true
  }

  /** @returns names of the credits that are kept */
  known(): Uint8Array[] {
    return this.#stored(() => this.#credits.names())
  }

  /** @returns credits whose names are not among these, as many as fit into a message */
  beside(known: readonly Uint8Array[]): Uint8Array[] {
    const documents = this.#credits.documentsBeside(known)
    return fitting(documents, (bytes) => bytes.length).slice(0, CREDITS_MAX)
  }

  /** @returns what is held for whom, for the owner of this peer to see */
  holdings(): Response {
    const vaults = this.book().map(({ vault, bytes }) => ({ vault: vaultIdToBytes(vault), bytes }))
    return { type: 'holdings', vaults: vaults.slice(0, HOLDINGS_MAX) }
  }

  /** @returns every vault that something is held for, with how it stands to its grant; the most bytes first */
  book(): VaultAccount[] {
    const { roster, shareStore } = this.#parts
    const quotas = quotasOf(roster)
    return [...shareStore.countedByVault().keys()]
      .map((vault) => {
        const quota = quotas.get(vault)
        const grant = this.grantOf(vault, quota)
        const bytes = shareStore.used(vault)
        const isOwn = vault === this.ownVault
        return { vault, bytes, isOwn, grant, standing: this.statusOf(vault, quota) }
      })
      .filter(({ bytes }) => bytes > 0)
      .toSorted((a, b) => b.bytes - a.bytes)
  }

  #isGranted(vault: VaultId, quota: number | undefined, bytes: number): boolean {
    if (bytes <= this.grantOf(vault, quota).bytes) return true
    return this.#find(vault, quota, true).left > 0
  }

  /**
   * Bytes that the vault may come to by heads that drop things: a little more than its limit, or than the least
   * it came down to since it is above. So it can shrink, and cannot grow by saying that it shrinks.
   */
  #tidyLimit(vault: VaultId, quota = Infinity): number {
    const { least, left } = this.#find(vault, quota)
    const limit = left > 0 ? quota : this.grantOf(vault, quota).bytes
    const kept = this.#kept(vault)
    const base = kept > limit ? (least ?? kept) : limit
    return base + Math.max(this.#options.tidySize ?? TIDY_SIZE_MIN, base / TIDY_PART)
  }

  /** Note how the vault stands. @param isAbove - with what it wants to store */
  #find(vault: VaultId, quota: number | undefined, isAbove = false): Patience {
    const kept = this.#kept(vault)
    const isOver = isAbove || kept > this.grantOf(vault, quota).bytes
    const isHard = quota !== undefined && kept > quota
    return this.#grace.note(vault, { kept, isOver, isHard }, this.#parts.shareStore.ages.age)
  }

  #takeOne(bytes: Uint8Array): boolean {
    const { clock, roster, shareStore } = this.#parts
    try {
      const credit = openCredit(bytes)
      const { vault, peer } = credit.account
      const isOfMembers =
        this.#isByMember({ vault, device: deviceOf(credit) }) &&
        roster.member(peer)?.role === 'peer'
      if (!isOfMembers || credit.issuedAt > clock.now() + SKEW_MS_MAX) return false
      return this.#stored(() => this.#credits.keep(bytes, credit, shareStore.ages.age))
    } catch (error) {
      if (error instanceof FormatError) return false
      throw error
    }
  }

  /** @throws {DiskError} where the accounts cannot be read or written */
  #stored<T>(work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw toDatabaseError('accounts', error)
    }
  }

  #forgetGrants(): void {
    this.#grants.clear()
    this.#valid = undefined
  }

  /** Asked once for all vaults: the roster takes its time over each. */
  #ofMembers(age: number): readonly CreditFacts[] {
    if (this.#valid === undefined || age - this.#valid.age >= GRANT_MS) {
      const credits = this.#credits.all().filter((credit) => this.#isByMember(credit))
      this.#valid = { credits, age }
    }
    return this.#valid.credits
  }

  #isByMember({ vault, device }: Pick<CreditFacts, 'vault' | 'device'>): boolean {
    const member = this.#parts.roster.member(device)
    return member?.role === 'device' && member.vault === vault
  }

  #kept(vault: VaultId): number {
    const { shareStore } = this.#parts
    return shareStore.used(vault) - shareStore.released(vault)
  }

  get #floor(): number {
    return this.#options.floor ?? (this.ownVault === undefined ? Infinity : FLOOR_DEFAULT)
  }
}

/** Of each vault the quota of its devices, where all of them have one: the most that one has. */
function quotasOf(roster: RosterBook): Map<VaultId, number | undefined> {
  const quotas = new Map<VaultId, number | undefined>()
  for (const { role, vault, quota } of roster.members()) {
    if (role !== 'device' || vault === undefined) continue
    const other = quotas.has(vault) ? quotas.get(vault) : 0
    const isAny = quota === undefined || other === undefined
    quotas.set(vault, isAny ? undefined : Math.max(other, quota))
  }
  return quotas
}

/** Whether the member may see what this peer holds for whom: a device of its owner. */
export function isOwner(member: Member, ownVault: VaultId | undefined): boolean {
  return ownVault !== undefined && member.role === 'device' && member.vault === ownVault
}
