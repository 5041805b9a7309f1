/**
 * Judging a roster: which statements of a set count.
 *
 * The founder may say anything. Everybody else's words count while they are admitted, as many as their
 * role allows, so that nobody fills the roster alone:
 *
 * - a peer admits and removes anybody but the founder;
 * - an invite, before it ends, admits peers, devices and recovery identities, each within its quota;
 * - a vault's recovery identity admits and removes devices of that vault;
 * - everybody may remove themselves.
 *
 * A statement takes effect at its own time, but not before its issuer's admission did: a clock that is
 * behind does not shut anybody out. Statements are judged in the order of these effective times, as in
 * Dijkstra's shortest paths: none can depend on a later one, so there is one answer for each set. A
 * removal ends the admissions that took effect before or with it, and with them the right to say more;
 * what the removed one said before still holds, and each can be removed by name.
 *
 * Format: docs/formats/roster.md, "what counts"
 */

import type { VaultId } from './ids.ts'
import type { PeerId } from './peer-id.ts'
import { isOwnNews, type Statement } from './roster-statement.ts'

/**
 * Admissions of one peer that count, and as many removals: an eighth of a roster. Who invites everybody
 * says three words for each friend: a peer, a device, a recovery identity.
 */
export const WORDS_PER_PEER_MAX = 128

/** Admissions of one invite, or by one vault's recovery identity, that count; and removals. */
export const WORDS_PER_DELEGATE_MAX = 64

/** A statement whose signature holds. */
export interface Filed {
  /** SHA-256 of the bytes, hex. */
  readonly id: string
  readonly bytes: Uint8Array
  readonly statement: Statement
}

/** An admission in force. */
export interface Admission {
  readonly id: string
  readonly statement: Statement
  /** When it took effect, milliseconds since 1970. */
  readonly time: number
  /** Issued by an invite or a recovery identity; never outranks a peer's word. */
  readonly isDelegated: boolean
  /** Bytes, after the issuer's own limit. */
  readonly quota: number | undefined
}

export interface Judgement {
  /** Never with an empty list. Ends of admissions (`expiresAt`) are left to the reader's clock. */
  readonly admissions: ReadonlyMap<PeerId, readonly Admission[]>
  /** When each was last removed. */
  readonly removedAt: ReadonlyMap<PeerId, number>
  /** Ids of admissions and removals that took effect, even if others ended them since. */
  readonly counted: ReadonlySet<string>
}

interface Due {
  readonly time: number
  readonly filed: Filed
}

/** @returns what follows from the set, whatever its order */
export function judgeStatements(founder: PeerId, all: readonly Filed[]): Judgement {
  return new Judge(founder).judge(all)
}

class Judge implements Judgement {
  readonly admissions = new Map<PeerId, readonly Admission[]>()
  readonly removedAt = new Map<PeerId, number>()
  readonly counted = new Set<string>()
  readonly #founder: PeerId
  /** When each was last removed by somebody else. */
  readonly #sentAwayAt = new Map<PeerId, number>()
  /** Sorted, the next last. */
  readonly #due: Due[] = []
  /** Statements whose issuer has no right to them yet, by issuer. */
  readonly #waiting = new Map<PeerId, Filed[]>()
  readonly #vaultQuotas = new Map<VaultId, number>()
  /** How many words of each type counted, by issuer and type. */
  readonly #wordCounts = new Map<string, number>()

  constructor(founder: PeerId) {
    this.#founder = founder
  }

  judge(all: readonly Filed[]): this {
    for (const filed of all) if (!isOwnNews(filed.statement)) this.#wait(filed)
    this.#release(this.#founder, 0)
    for (let due = this.#due.pop(); due !== undefined; due = this.#due.pop()) this.#weigh(due)
    return this
  }

  #weigh({ time, filed }: Due): void {
    const { statement } = filed
    if (!this.#mayIssue(statement)) return this.#wait(filed)
    if (!this.#hasWordsLeft(statement)) return
    this.counted.add(filed.id)
    if (statement.type === 'remove') {
      this.#remove(statement, time)
    } else if (time > (this.removedAt.get(statement.subject) ?? -1) && this.#mayReturn(statement)) {
      this.#admit(filed, time)
    }
  }

  #remove(statement: Statement, time: number): void {
    const { subject } = statement
    const staying = ofOneKind(this.admissions.get(subject) ?? []).filter(
      (admission) => !this.#reaches(statement, admission.statement),
    )
    this.removedAt.set(subject, time)
    if (statement.issuer !== subject) this.#sentAwayAt.set(subject, time)
    if (staying.length > 0) this.admissions.set(subject, staying)
    else this.admissions.delete(subject)
  }

  /** A recovery identity's removal takes a device out of its own vault, and out of no other. */
  #reaches({ issuer, subject, issuedAt }: Statement, admission: Statement): boolean {
    if (issuer === subject || this.#isPeer(issuer, issuedAt)) return true
    return this.#inForce(issuer, issuedAt).some(({ statement }) => isDeviceOf(statement, admission))
  }

  /** Whom others removed does not come back by an invite from before. */
  #mayReturn({ issuer, subject, issuedAt }: Statement): boolean {
    const sentAwayAt = this.#sentAwayAt.get(subject)
    if (sentAwayAt === undefined || this.#isPeer(issuer, issuedAt)) return true
    return this.#inForce(issuer, issuedAt).some(
      ({ statement, time }) => statement.role !== 'invite' || time > sentAwayAt,
    )
  }

  #admit({ id, statement }: Filed, time: number): void {
    const { subject } = statement
    const isDelegated = !this.#isPeer(statement.issuer, statement.issuedAt)
    const quota = isDelegated ? this.#delegatedQuota(statement) : statement.quota
    const admission = { id, statement, time, isDelegated, quota }
    this.admissions.set(subject, [...(this.admissions.get(subject) ?? []), admission])
    if (statement.role !== 'peer' && statement.vault !== undefined && quota !== undefined) {
      this.#vaultQuotas.set(statement.vault, quota)
    }
    this.#release(subject, time)
  }

  #mayIssue(statement: Statement): boolean {
    const { issuer, subject, type } = statement
    if (subject === this.#founder) return issuer === this.#founder
    if (this.#isPeer(issuer, statement.issuedAt)) return true
    const own = this.#inForce(issuer, statement.issuedAt)
    if (type === 'admit') return own.some((admission) => mayAdmit(admission.statement, statement))
    return (
      own.length > 0 && (issuer === subject || own.some(mayRemove(this.admissions.get(subject))))
    )
  }

  /** Counts the word, too. The founder's are as many as there is room for. */
  #hasWordsLeft({ issuer, type, issuedAt }: Statement): boolean {
    if (issuer === this.#founder) return true
    const key = `${type} ${issuer}`
    const count = this.#wordCounts.get(key) ?? 0
    const isPeer = this.#isPeer(issuer, issuedAt)
    if (count >= (isPeer ? WORDS_PER_PEER_MAX : WORDS_PER_DELEGATE_MAX)) return false
    this.#wordCounts.set(key, count + 1)
    return true
  }

  #isPeer(issuer: PeerId, at: number): boolean {
    if (issuer === this.#founder) return true
    return this.#inForce(issuer, at).some(({ statement }) => statement.role === 'peer')
  }

  /** The issuer's admissions that had not ended when it spoke. */
  #inForce(issuer: PeerId, at: number): readonly Admission[] {
    return (this.admissions.get(issuer) ?? []).filter(
      ({ statement }) => statement.expiresAt === undefined || at < statement.expiresAt,
    )
  }

  /** An invite or a recovery identity cannot give more than was given to it or to its vault. */
  #delegatedQuota(statement: Statement): number | undefined {
    const own = this.#inForce(statement.issuer, statement.issuedAt).find((admission) =>
      mayAdmit(admission.statement, statement),
    )
    const isOfVault = own?.statement.role === 'recovery' && statement.vault !== undefined
    const ofVault = isOfVault ? this.#vaultQuotas.get(statement.vault) : undefined
    const limits = [statement.quota, own?.quota, ofVault].filter((limit) => limit !== undefined)
    return limits.length === 0 ? undefined : Math.min(...limits)
  }

  #wait(filed: Filed): void {
    const { issuer } = filed.statement
    const others = this.#waiting.get(issuer)
    if (others === undefined) this.#waiting.set(issuer, [filed])
    else others.push(filed)
  }

  /** `issuer` is admitted from `time` on: what it said is due. */
  #release(issuer: PeerId, time: number): void {
    for (const filed of this.#waiting.get(issuer) ?? []) {
      this.#insert({ time: Math.max(time, filed.statement.issuedAt), filed })
    }
    this.#waiting.delete(issuer)
  }

  #insert(due: Due): void {
    let low = 0
    let high = this.#due.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#due[middle]
      if (other !== undefined && isBefore(due, other)) low = middle + 1
      else high = middle
    }
    this.#due.splice(low, 0, due)
  }
}

/** Earlier first; removals first at the same time; then by id, which is as good as any. */
function isBefore(a: Due, b: Due): boolean {
  if (a.time !== b.time) return a.time < b.time
  const isRemoval = a.filed.statement.type === 'remove'
  if (isRemoval !== (b.filed.statement.type === 'remove')) return isRemoval
  return a.filed.id < b.filed.id
}

function mayAdmit(own: Statement, statement: Statement): boolean {
  if (own.role === 'invite') return statement.role !== 'invite'
  return isDeviceOf(own, statement)
}

/** A vault's recovery identity removes its devices, unless peers made something else of them. */
function mayRemove(subject: readonly Admission[] = []): (own: Admission) => boolean {
  return (own) =>
    subject.some(({ statement }) => isDeviceOf(own.statement, statement)) &&
    ofOneKind(subject).every(
      ({ statement, isDelegated }) => isDelegated || isDeviceOf(own.statement, statement),
    )
}

function isDeviceOf(recovery: Statement, { role, vault }: Statement): boolean {
  return recovery.role === 'recovery' && role === 'device' && vault === recovery.vault
}

/**
 * What a member is by these admissions of it. Whom a peer admitted, an invite or a recovery identity makes
 * nothing else: their words count where they say the same role and vault.
 */
export function ofOneKind(admissions: readonly Admission[]): readonly Admission[] {
  const said = admissions.filter(({ isDelegated }) => !isDelegated)
  if (said.length === 0) return admissions
  return admissions.filter(
    ({ isDelegated, statement }) =>
      !isDelegated || said.some((other) => isSameKind(statement, other.statement)),
  )
}

function isSameKind(a: Statement, b: Statement): boolean {
  return a.role === b.role && (a.role === 'peer' || a.vault === b.vault)
}
