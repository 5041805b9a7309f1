/**
 * Dialer: one connection to a peer, by whichever of its addresses answers first.
 *
 * Addresses are tried in their order, each a moment after the one before, since a home's addresses mean
 * nothing elsewhere and swallow packets there. Relays come last: they start once every direct try failed,
 * or after a head start. A direct try that is under way then goes on, so that it takes over if it succeeds.
 */

import type { Connection } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'

import { linkSignals, orAbort } from '../base/abort.ts'
import { PeerUnreachableError } from '../base/errors.ts'
import type { PeerId } from '../ports/network.ts'
import type { Targets } from './libp2p-addresses.ts'
import type { NodeParts } from './libp2p-node.ts'

/** An address that nobody answers at is given up after this long, ms. */
const ADDRESS_ANSWER_MS_MAX = 8_000

/** Who answered has proven who it is within this, ms: a few round trips of a line that is full. */
const ADDRESS_DIAL_MS_MAX = 30_000

/** The next address is tried this much later than the one before, ms: RFC 8305 has 250. */
const STAGGER_MS = 250

/** Relays wait for direct tries this long, ms: a few round trips around the world. */
const HEAD_START_MS = 1_000

/** What a dial may use beside the peer's own addresses. */
export interface DialerParts extends NodeParts {
  /** @returns where the local network says that the peer is; empty if it does not, or is not asked */
  readonly nearby: (peer: PeerId, signal: AbortSignal) => Promise<readonly Multiaddr[]>
  /** Connect through a relay, connecting to it first if need be. */
  readonly through: (
    relay: PeerId,
    known: readonly Multiaddr[],
    peer: PeerId,
    signal: AbortSignal,
  ) => Promise<Connection>
}

/** A try that several callers may wait for; it ends with the last of them. */
interface Attempt {
  readonly done: Promise<Connection>
  readonly abandon: () => void
  waiting: number
}

export class Dialer {
  readonly #parts: DialerParts
  readonly #attempts = new Map<PeerId, Attempt>()
  readonly #closed = new AbortController()

  constructor(parts: DialerParts) {
    this.#parts = parts
  }

  /**
   * @returns an open connection with the peer, proven to be it
   * @throws {PeerUnreachableError}
   * @throws the signal's reason, unchanged, once it aborts
   */
  async connect(peer: PeerId, targets: Targets, signal: AbortSignal): Promise<Connection> {
    const running = this.#attempts.get(peer)
    if (running === undefined) return await wait(this.#start(peer, targets), signal)
    try {
      return await wait(running, signal)
    } catch (error) {
      // It may have been about other addresses.
      if (signal.aborted) throw error
      return await wait(this.#attempts.get(peer) ?? this.#start(peer, targets), signal)
    }
  }

  /**
   * Connect directly, or not at all, in a connection of its own.
   *
   * @returns the first of the addresses that leads to the peer
   */
  async direct(targets: readonly Multiaddr[], signal: AbortSignal): Promise<Connection> {
    if (targets.length === 0) throw new PeerUnreachableError('not heard of nearby')
    return await race(this.#directTries(targets), signal)
  }

  /** Give up whatever is under way. */
  close(): void {
    for (const attempt of this.#attempts.values()) attempt.abandon()
    this.#closed.abort(new PeerUnreachableError('this side is closed'))
  }

  #directTries(targets: readonly Multiaddr[]): Try[] {
    return targets.map((target, index) => ({
      delayMs: index * STAGGER_MS,
      open: (within) => this.#dial(target, within),
    }))
  }

  #start(peer: PeerId, targets: Targets): Attempt {
    const controller = new AbortController()
    const { signal } = controller
    const attempt: Attempt = {
      done: this.#connect(peer, targets, signal).finally(() => this.#attempts.delete(peer)),
      // What is over is not changed by this.
      abandon: () => controller.abort(new Error('nobody waits for it any more')),
      waiting: 0,
    }
    this.#attempts.set(peer, attempt)
    return attempt
  }

  async #connect(peer: PeerId, targets: Targets, signal: AbortSignal): Promise<Connection> {
    const { direct, relays, mayBeNear } = targets
    if (direct.length === 0 && relays.size === 0) {
      throw new PeerUnreachableError(`${peer}: no address to try`)
    }
    const tries = this.#directTries(direct)
    if (mayBeNear) {
      tries.push({
        delayMs: HEAD_START_MS,
        open: async (within) => this.direct(await this.#parts.nearby(peer, within), within),
      })
    }
    const headStart = direct.length === 0 ? 0 : HEAD_START_MS + direct.length * STAGGER_MS
    const through = [...relays].map(([relay, known], index): Try => ({
      delayMs: headStart + index * STAGGER_MS,
      open: (within) => this.#parts.through(relay, known, peer, within),
      isSecondBest: true,
    }))
    return await race([...tries, ...through], signal)
  }

  async #dial(target: Multiaddr, signal: AbortSignal): Promise<Connection> {
    const timeout = AbortSignal.timeout(ADDRESS_DIAL_MS_MAX)
    const silence = new AbortController()
    const timer = setTimeout(() => silence.abort(new Error('no answer')), ADDRESS_ANSWER_MS_MAX)
    const limit = linkSignals(signal, timeout, silence.signal, this.#closed.signal)
    try {
      return await this.#parts.transportManager.dial(target, {
        signal: limit.signal,
        onProgress: ({ type }) => type.startsWith('upgrader:') && clearTimeout(timer),
      })
    } finally {
      clearTimeout(timer)
      limit.release()
    }
  }
}

async function wait(attempt: Attempt, signal: AbortSignal): Promise<Connection> {
  attempt.waiting += 1
  try {
    return await orAbort(attempt.done, signal)
  } finally {
    attempt.waiting -= 1
    if (attempt.waiting === 0) attempt.abandon()
  }
}

/** One way to try. */
interface Try {
  readonly delayMs: number
  readonly open: (signal: AbortSignal) => Promise<Connection>
  /** If it succeeds, better ones that are under way may go on. */
  readonly isSecondBest?: true
}

/**
 * @returns the first connection that opens; the others are given up, but for direct ones where it is none
 * @throws an AggregateError of what each try says, if all fail
 * @throws the signal's reason, unchanged, once it aborts
 */
async function race(tries: readonly Try[], signal: AbortSignal): Promise<Connection> {
  signal.throwIfAborted()
  const link = linkSignals(signal)
  const won = Promise.withResolvers<Connection>()
  const waiting = new Map<Try, NodeJS.Timeout>()
  const running = new Set<Try>()
  const errors: unknown[] = []
  let winner: Try | undefined

  const begin = async (one: Try): Promise<void> => {
    clearTimeout(waiting.get(one))
    waiting.delete(one)
    running.add(one)
    try {
      const connection = await one.open(link.signal)
      const isBetter = winner?.isSecondBest === true && one.isSecondBest !== true
      if (winner !== undefined && !isBetter) connection.abort(new Error('another way was faster'))
      winner ??= one
      won.resolve(connection)
    } catch (error) {
      errors.push(error)
      if (errors.length === tries.length) won.reject(allOf(errors))
    } finally {
      running.delete(one)
      const next = winner === undefined ? nextOf([...waiting.keys()], [...running]) : undefined
      if (next !== undefined) void begin(next)
    }
  }

  for (const one of tries)
    waiting.set(
      one,
      setTimeout(() => void begin(one), one.delayMs),
    )
  try {
    return await orAbort(won.promise, signal)
  } finally {
    for (const timer of waiting.values()) clearTimeout(timer)
    waiting.clear()
    // A direct try may go on beside a relay; it ends by itself.
    if (winner?.isSecondBest !== true) link.abort(new Error('another way was faster'))
    link.release()
  }
}

/** @returns what need not wait for its turn after a failure: no relay while a direct try is under way */
function nextOf(waiting: readonly Try[], running: readonly Try[]): Try | undefined {
  const best = waiting.find(({ isSecondBest }) => isSecondBest !== true)
  const isTrying = running.some(({ isSecondBest }) => isSecondBest !== true)
  return best ?? (isTrying ? undefined : waiting[0])
}

function allOf(errors: readonly unknown[]): unknown {
  return errors.length === 1 ? errors[0] : new AggregateError(errors, 'all failed')
}
