/**
 * Rosters: who is in a grid, as a grow-only set of signed statements that peers merge by union.
 *
 * What counts follows from the set alone, never from the order in which statements arrived; two peers
 * with the same statements agree. The rules are in roster-judge.ts.
 *
 * Format: docs/formats/roster.md
 */

import { compare, fromHex, toHex } from './bytes.ts'
import { FormatError } from './errors.ts'
import { sha256 } from './hash.ts'
import type { VaultId } from './ids.ts'
import { TIME_MAX } from './limits.ts'
import { peerIdOf, type PeerId } from './peer-id.ts'
import {
  judgeStatements,
  ofOneKind,
  type Admission,
  type Filed,
  type Judgement,
} from './roster-judge.ts'
import {
  gridIdToBytes,
  isOwnNews,
  openStatement,
  type GridId,
  type Role,
  type Statement,
} from './roster-statement.ts'

export { WORDS_PER_DELEGATE_MAX, WORDS_PER_PEER_MAX } from './roster-judge.ts'

export {
  gridIdFromBytes,
  gridIdToBytes,
  isGridId,
  openStatement,
  signStatement,
  type GridId,
  type Role,
  type Statement,
} from './roster-statement.ts'

/** Statements a roster keeps, so that one message carries a whole roster. */
export const STATEMENTS_MAX = 1024

/** Somebody who may be served. */
export interface Member {
  readonly peer: PeerId
  /** The highest it is admitted as. */
  readonly role: Role
  /** Of a peer: the vault of whoever lends it. A peer is not that vault's device: ask the role too. */
  readonly vault?: VaultId
  /** Bytes; absent where nobody set one. */
  readonly quota?: number
  readonly name?: string
  readonly domain?: string
  /** The newest it announced, else those of its admission; the best first. */
  readonly addresses: readonly string[]
  /** Milliseconds since 1970: it said that it will be away until then; may have passed. */
  readonly awayUntil?: number
  /** It said that it is about to leave for good. */
  readonly isLeaving: boolean
}

const RANK: Readonly<Record<Role, number>> = { peer: 3, device: 2, recovery: 1, invite: 0 }

export class Roster {
  readonly grid: GridId
  /** A member with the role 'peer' unless it left; nobody else can remove it. */
  readonly founder: PeerId
  readonly #filed = new Map<string, Filed>()
  /** For each type and subject of news the id of the newest; older ones are not kept. */
  readonly #newest = new Map<string, string>()
  #judgement: Judgement | undefined
  #digest: Uint8Array | undefined
  /** Members who were asked for since the roster last changed. */
  readonly #members = new Map<PeerId, Member>()

  /** @throws {FormatError} unless `grid` is a grid id */
  constructor(grid: GridId) {
    this.grid = grid
    this.founder = peerIdOf(gridIdToBytes(grid))
  }

  /**
   * @param bytes - one statement, from anywhere
   * @returns whether the roster changed: false for statements it has, older news, statements of
   *   another grid, bytes that are no statement, and when it is full
   */
  add(bytes: Uint8Array): boolean {
    // Gossip brings what is known again and again: a hash tells so without the signature.
    const id = toHex(sha256(bytes))
    if (this.#filed.has(id)) return false
    const filed = this.#file(id, bytes)
    if (filed === undefined || !this.#hasRoom()) return false
    if (isOwnNews(filed.statement) && !this.#supersede(filed)) return false
    this.#filed.set(filed.id, filed)
    this.#changed()
    return true
  }

  /** Whether this very statement is held. */
  has(bytes: Uint8Array): boolean {
    return this.#filed.has(toHex(sha256(bytes)))
  }

  /** @returns 32 bytes: the same for the same statements, those that have no effect left aside */
  digest(): Uint8Array {
    this.#digest ??= this.#digestOfUsed()
    return this.#digest
  }

  #digestOfUsed(): Uint8Array {
    const used = [...this.#filed.values()].filter((filed) => this.#hasUse(filed))
    return sha256(...used.map(({ id }) => fromHex(id)).toSorted(compare))
  }

  /** Does the statement count here, or say something of somebody who does? */
  isOfUse(bytes: Uint8Array): boolean {
    const filed = this.#filed.get(toHex(sha256(bytes)))
    return filed !== undefined && this.#hasUse(filed)
  }

  /**
   * @returns every statement, in an order that equal sets share: those that count come first, and fit
   *   into a message whatever strangers say
   */
  statements(): Uint8Array[] {
    const [used, others]: [Uint8Array[], Uint8Array[]] = [[], []]
    for (const filed of this.#filed.values())
      (this.#hasUse(filed) ? used : others).push(filed.bytes)
    return [...used.toSorted(compare), ...others.toSorted(compare)]
  }

  /**
   * @param now - milliseconds since 1970
   * @returns what is known of `peer`, or undefined if it is not, or no longer, admitted
   */
  member(peer: PeerId, now: number): Member | undefined {
    const all = this.#judged().admissions.get(peer) ?? []
    const isKept = all.length > 0 && all.every(({ statement }) => statement.expiresAt === undefined)
    if (!isKept) return this.#find(peer, now)
    // Asked for with every message.
    const known = this.#members.get(peer) ?? this.#find(peer, now)
    if (known !== undefined) this.#members.set(peer, known)
    return known
  }

  #find(peer: PeerId, now: number): Member | undefined {
    const inForce = (this.#judged().admissions.get(peer) ?? []).filter(
      ({ statement }) => statement.expiresAt === undefined || now < statement.expiresAt,
    )
    const admissions = ofOneKind(inForce).toSorted(byRank)
    const isFounder = peer === this.founder && !this.#judged().removedAt.has(peer)
    if (admissions.length === 0 && !isFounder) return undefined
    return this.#describe(peer, admissions)
  }

  /** @returns all members, sorted by peer id */
  members(now: number): Member[] {
    const peers = new Set([this.founder, ...this.#judged().admissions.keys()])
    return [...peers].toSorted().flatMap((peer) => this.member(peer, now) ?? [])
  }

  isAdmitted(peer: PeerId, now: number): boolean {
    return this.member(peer, now) !== undefined
  }

  /**
   * The time to write into a new statement about `subject`, so that it comes after every removal of
   * the subject, even one by a clock that is ahead.
   *
   * @param now - milliseconds since 1970
   */
  issueTime(subject: PeerId, now: number): number {
    return Math.max(now, (this.#judged().removedAt.get(subject) ?? -1) + 1)
  }

  /**
   * The time to write into the subject's own news, so that they take the place of those before, even
   * where its clock was ahead.
   */
  newsTime(type: 'addresses' | 'presence', subject: PeerId, now: number): number {
    const before = this.#news(type, subject)?.issuedAt ?? -1
    return Math.min(TIME_MAX, Math.max(this.issueTime(subject, now), before + 1))
  }

  #describe(peer: PeerId, admissions: readonly Admission[]): Member {
    const first = <T>(pick: (admission: Admission) => T | undefined): T | undefined =>
      admissions.map(pick).find((value) => value !== undefined)
    const isFounder = peer === this.founder
    const vault = first(({ statement }) => statement.vault)
    const quota = first((admission) => admission.quota)
    const name = first(({ statement }) => statement.name)
    const domain = first(({ statement }) => statement.domain)
    const announced = this.#news('addresses', peer)?.addresses
    const { awayUntil, isLeaving } = this.#presence(peer) ?? {}
    return {
      peer,
      role: isFounder ? 'peer' : (admissions[0]?.statement.role ?? 'peer'),
      ...(vault === undefined ? {} : { vault }),
      ...(quota === undefined ? {} : { quota }),
      ...(name === undefined ? {} : { name }),
      ...(domain === undefined ? {} : { domain }),
      addresses: announced ?? first(({ statement }) => statement.addresses) ?? [],
      ...(awayUntil === undefined ? {} : { awayUntil }),
      isLeaving: isLeaving ?? false,
    }
  }

  #file(id: string, bytes: Uint8Array): Filed | undefined {
    try {
      const statement = openStatement(bytes)
      if (statement.grid !== this.grid) return undefined
      return { id, bytes: bytes.slice(), statement }
    } catch (error) {
      if (error instanceof FormatError) return undefined
      throw error
    }
  }

  #news(type: Statement['type'], peer: PeerId): Statement | undefined {
    return this.#filed.get(this.#newest.get(`${type} ${peer}`) ?? '')?.statement
  }

  /** Who left and was admitted again is not leaving any more. */
  #presence(peer: PeerId): Statement | undefined {
    const newest = this.#news('presence', peer)
    const isOver = (newest?.issuedAt ?? 0) <= (this.#judged().removedAt.get(peer) ?? -1)
    return isOver ? undefined : newest
  }

  /** The newest only: addresses change whenever a laptop moves, and older ones have no use. */
  #supersede({ id, statement }: Filed): boolean {
    const key = `${statement.type} ${statement.subject}`
    const heldId = this.#newest.get(key)
    const held = heldId === undefined ? undefined : this.#filed.get(heldId)?.statement
    if (heldId !== undefined && held !== undefined) {
      const isNewer =
        statement.issuedAt > held.issuedAt || (statement.issuedAt === held.issuedAt && id > heldId)
      if (!isNewer) return false
      this.#filed.delete(heldId)
    }
    this.#newest.set(key, id)
    return true
  }

  /** Makes room by forgetting what counts for nothing, as a flood of strangers' statements would. */
  #hasRoom(): boolean {
    if (this.#filed.size < STATEMENTS_MAX) return true
    const useless = [...this.#filed.values()].filter((filed) => !this.#hasUse(filed))
    for (const { id } of useless) this.#forget(id)
    return this.#filed.size < STATEMENTS_MAX
  }

  #hasUse({ id, statement }: Filed): boolean {
    const { counted, admissions } = this.#judged()
    if (!isOwnNews(statement)) return counted.has(id)
    return statement.subject === this.founder || admissions.has(statement.subject)
  }

  #forget(id: string): void {
    const statement = this.#filed.get(id)?.statement
    this.#filed.delete(id)
    const key = `${statement?.type} ${statement?.subject}`
    if (this.#newest.get(key) === id) this.#newest.delete(key)
    this.#changed()
  }

  #changed(): void {
    this.#judgement = undefined
    this.#digest = undefined
    this.#members.clear()
  }

  #judged(): Judgement {
    this.#judgement ??= judgeStatements(this.founder, [...this.#filed.values()])
    return this.#judgement
  }
}

/** The highest role first; then a peer's word before an invite's; then the newest. */
function byRank(a: Admission, b: Admission): number {
  return (
    RANK[b.statement.role ?? 'invite'] - RANK[a.statement.role ?? 'invite'] ||
    Number(a.isDelegated) - Number(b.isDelegated) ||
    b.time - a.time ||
    (a.id < b.id ? -1 : 1)
  )
}
