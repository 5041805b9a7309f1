/**
 * Allowances: how much of this peer each member may have, so that a hostile one slows nobody but itself.
 *
 * Each member has buckets of its own: for work, for bytes read, for bytes sent in vain, for statements
 * that are news. Who asks for more work waits, and is told `busy` where the wait would be long; who reads
 * more lets others go first (lanes.ts). An honest client meets none of them: docs/limits.md has the
 * reasons, and what was measured.
 */

import type { VaultId } from '../../protocol/ids.ts'
import type { Request } from '../../protocol/messages.ts'
import type { Member } from '../../protocol/roster.ts'
import { linkSignals } from '../base/abort.ts'
import { Semaphore } from '../base/semaphore.ts'
import { TokenBucket, type BucketLimits } from '../base/token-bucket.ts'
import type { Clock } from '../ports/clock.ts'
import type { PeerId } from '../ports/network.ts'
import type { Lane } from './lanes.ts'

const KIB = 1024
const MIB = 1024 * KIB
const HOUR_S = 3600
const DAY_S = 24 * HOUR_S

/** Longest wait for an answer's turn, ms; beyond it `busy`. Askers give up after 30 s. */
export const TURN_MS_MAX = 20_000

/** One unit of work: a fifth of a millisecond of a processor, about. A tenth of it, after two seconds' worth. */
export const WORK: BucketLimits = { rate: 500, burst: 10_000 }

/** How often in a day a vault's shares here are read in the foreground: a restore, and a check of everything. */
export const READS_PER_DAY = 2

/** Bytes read in the foreground by a member whose vault keeps little or nothing here. */
export const READ_BURST_MIN = MIB

/** The same for a storage peer: what audits of everybody's shares take in a year. Repairs have time. */
export const READ_BURST_PEER = 16 * MIB

/** Answers with bytes that one member has under way: as many as one client asks for. The others wait. */
export const READS_PER_PEER_MAX = 4

/** Of these in the background: there are few places for all. */
export const READS_BEHIND_MAX = 1

/** Bytes of pieces that came to nothing: broken off, or not what was named. A line that breaks has them too. */
export const WASTE: BucketLimits = { rate: 32 * KIB, burst: 64 * MIB }

/** Statements that are news, verified for one member: all there can be twice over, and as many in an hour. */
export const STATEMENTS: BucketLimits = { rate: 2048 / HOUR_S, burst: 2048 }

/** Payload bytes that cost one unit of work to take apart. */
const BYTES_PER_WORK = 8 * KIB

/** Bytes of an answer that cost one unit: it is put together, checked, and fills the line. */
const ANSWER_BYTES_PER_WORK = KIB

/** Packs that one unit of work looks up. */
const PACKS_PER_WORK = 32

/** What a request costs beyond its bytes: two signatures and a synced file are twenty looks at the accounts. */
const WORK_OF: Readonly<Partial<Record<Request['type'], number>>> = {
  publish: 20,
  release: 20,
  put: 10,
  renew: 10,
  account: 10,
  read: 2,
}

/** A credit has three signatures. */
const WORK_OF_CREDIT = 5

const TOO_LONG = new Error('the turn did not come in time')

/** How often what a vault holds is looked up anew, ms. */
const RESIZE_MS = 10_000

export interface AllowanceParts {
  readonly clock: Clock
  /** Bytes that are kept here for a vault. */
  readonly held: (vault: VaultId) => number
}

interface Allowance {
  readonly work: TokenBucket
  readonly reading: TokenBucket
  readonly waste: TokenBucket
  readonly statements: TokenBucket
  readonly reads: Semaphore
  readonly behind: Semaphore
  /** Reads under way or waiting. */
  readers: number
  resizedAt: number
}

export class Allowances {
  readonly #parts: AllowanceParts
  readonly #of = new Map<PeerId, Allowance>()

  constructor(parts: AllowanceParts) {
    this.#parts = parts
  }

  /** Members of whom anything is remembered. */
  get size(): number {
    return this.#of.size
  }

  /**
   * Wait until a message of this size may be looked at.
   *
   * @returns whether it may; else the wait would be too long
   * @throws the signal's reason, unchanged, if it aborts while waiting
   */
  async message(peer: PeerId, size: number, signal: AbortSignal): Promise<boolean> {
    const cost = 1 + size / BYTES_PER_WORK
    return await this.#wait(this.#allowance(peer).work.take(cost, TURN_MS_MAX), signal)
  }

  /** As `message`, for what a request costs beyond its bytes. */
  async request(member: Member, request: Request, signal: AbortSignal): Promise<boolean> {
    const { work, waste } = this.#allowance(member.peer)
    const cost = workOf(request)
    if (!(await this.#wait(work.take(cost, TURN_MS_MAX), signal))) return false
    // What came to nothing is paid for before more is taken.
    return request.type !== 'put' || (await this.#wait(waste.take(0, TURN_MS_MAX), signal))
  }

  /** An answer of so many bytes is on its way: whoever asks next waits until it is paid for. */
  answered(peer: PeerId, size: number): void {
    this.#allowance(peer).work.take(size / ANSWER_BYTES_PER_WORK)
  }

  /**
   * Read for a member when its turn has come.
   *
   * @param sizeMax - bytes that the answer may have
   * @param work - reads and sends them in the lane it is given
   * @returns what the work gives; `undefined`, and it was not begun, where the wait was too long
   * @throws the signal's reason, unchanged, if it aborts while waiting
   */
  async read<T>(
    member: Member,
    sizeMax: number,
    signal: AbortSignal,
    work: (lane: Lane) => Promise<T>,
  ): Promise<T | undefined> {
    const allowance = this.#allowance(member.peer)
    this.#resize(allowance, member)
    const { reading, reads, behind } = allowance
    allowance.readers += 1
    const patience = this.#patience(signal)
    const begin = async (lane: Lane): Promise<T> => {
      patience.stop()
      return await work(lane)
    }
    try {
      return await reads.run(async () => {
        if (reading.take(sizeMax, 0) !== undefined) return await begin('foreground')
        return await behind.run(() => begin('background'), patience.signal)
      }, patience.signal)
    } catch (error) {
      if (error !== TOO_LONG) throw error
      return undefined
    } finally {
      patience.stop()
      allowance.readers -= 1
    }
  }

  /** Of the bytes that an answer could have had in the foreground it had fewer. */
  unread(peer: PeerId, size: number): void {
    this.#allowance(peer).reading.giveBack(size)
  }

  /** Bytes of a piece arrived that is not kept. */
  wasted(peer: PeerId, size: number): void {
    this.#allowance(peer).waste.take(size)
  }

  /** @returns how many of so many statements that are news may be verified now */
  statements(peer: PeerId, count: number): number {
    return this.#allowance(peer).statements.takeSome(count)
  }

  /** A signal that also aborts once a wait is too long, unless that is stopped before. */
  #patience(signal: AbortSignal): { readonly signal: AbortSignal; readonly stop: () => void } {
    const wait = linkSignals(signal)
    const timer = linkSignals(signal)
    const late = this.#parts.clock.sleep(TURN_MS_MAX, timer.signal)
    late.then(
      () => wait.abort(TOO_LONG),
      () => undefined,
    )
    const stop = (): void => {
      timer.abort(TOO_LONG)
      wait.release()
    }
    return { signal: wait.signal, stop }
  }

  async #wait(ms: number | undefined, signal: AbortSignal): Promise<boolean> {
    if (ms === undefined) return false
    if (ms > 0) await this.#parts.clock.sleep(ms, signal)
    return true
  }

  #allowance(peer: PeerId): Allowance {
    const known = this.#of.get(peer)
    if (known !== undefined) return known
    this.#forgetIdle()
    const { clock } = this.#parts
    const made: Allowance = {
      work: new TokenBucket(clock, WORK),
      reading: new TokenBucket(clock, readLimits('device', 0)),
      waste: new TokenBucket(clock, WASTE),
      statements: new TokenBucket(clock, STATEMENTS),
      reads: new Semaphore(READS_PER_PEER_MAX),
      behind: new Semaphore(READS_BEHIND_MAX),
      readers: 0,
      resizedAt: -Infinity,
    }
    this.#of.set(peer, made)
    return made
  }

  /** Full buckets say nothing that new ones would not. */
  #forgetIdle(): void {
    for (const [peer, { work, reading, waste, statements, readers }] of this.#of) {
      const isIdle = [work, reading, waste, statements].every(({ isFull }) => isFull)
      if (isIdle && readers === 0) this.#of.delete(peer)
    }
  }

  #resize(allowance: Allowance, { role, vault }: Member): void {
    const now = this.#parts.clock.monotonic()
    if (now < allowance.resizedAt + RESIZE_MS) return
    allowance.resizedAt = now
    const held = vault === undefined ? 0 : this.#parts.held(vault)
    allowance.reading.resize(readLimits(role, held))
  }
}

/** What a vault keeps here goes first twice a day; a peer reads for others, and has the night. */
export function readLimits(role: Member['role'], held: number): BucketLimits {
  const burst = role === 'peer' ? READ_BURST_PEER : READ_BURST_MIN + READS_PER_DAY * held
  return { rate: burst / DAY_S, burst }
}

function workOf(request: Request): number {
  const packs = 'packs' in request ? request.packs.length : 0
  const credits = request.type === 'credits' ? request.credits.length : 0
  return (WORK_OF[request.type] ?? 0) + packs / PACKS_PER_WORK + credits * WORK_OF_CREDIT
}
