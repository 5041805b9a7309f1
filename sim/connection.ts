/**
 * A connection between two programs, as each of them sees it, with its streams.
 *
 * Bytes keep their order in each direction, and wait while the way is blocked.
 */

import type { Internet, Station } from './internet.ts'
import type { SimRandom } from './random.ts'
import { StreamEnd, type StreamEndParts, type Wire } from './stream.ts'

/** Why there is no stream, where the other side is there and lets us in. */
export const NOT_SERVED = 'does not serve this protocol'

/** Why a connection ended, where the friend in the middle allows no more. */
export const RELAY_LIMIT = 'the relay allows no more'

/** One direction of a connection: ordered, and held up while the way is blocked. */
class Lane implements Wire {
  readonly #internet: Internet
  readonly #connection: Connection
  readonly #from: Station
  readonly #to: Station
  #lastAt = 0
  readonly #held: (() => void)[] = []

  constructor(internet: Internet, connection: Connection, from: Station, to: Station) {
    this.#internet = internet
    this.#connection = connection
    this.#from = from
    this.#to = to
  }

  get isHolding(): boolean {
    return this.#held.length > 0
  }

  send(size: number, deliver: () => void): void {
    const { scheduler } = this.#internet
    if (!this.#connection.allows(size)) return
    const arrive = (): void => {
      const isOpen = this.#connection.reaches(this.#from, this.#to)
      if (isOpen && !this.isHolding) this.#deliver(size, deliver)
      else this.#held.push(() => this.#deliver(size, deliver))
    }
    this.#internet.carry(this.#from.host, this.#to.host, size, (ms) => {
      this.#lastAt = Math.max(this.#lastAt, scheduler.elapsed + ms)
      scheduler.after(this.#lastAt - scheduler.elapsed, arrive)
    })
  }

  /** What waited arrives, unless the way is blocked for another reason. */
  release(): void {
    if (!this.#connection.reaches(this.#from, this.#to)) return
    for (const deliver of this.#held.splice(0)) deliver()
  }

  #deliver(size: number, deliver: () => void): void {
    if (!this.#connection.isAlive(this.#from) && !this.#connection.isAlive(this.#to)) return
    this.#internet.note(this.#to.host, 'net.arrive', { from: this.#from.host, size })
    deliver()
  }
}

interface Opening {
  readonly side: Station
  readonly answer: (stream: StreamEnd | string) => void
}

export class Connection {
  readonly sides: readonly [Station, Station]
  /** Who leads the one to the other, if somebody does. */
  readonly via: Station | undefined
  readonly #internet: Internet
  readonly #random: SimRandom
  readonly #lanes: readonly [Lane, Lane]
  readonly #alive = new Set<Station>()
  readonly #streams = new Map<StreamEnd, Station>()
  readonly #openings = new Map<StreamEnd, Opening>()
  #bytes = 0

  constructor(internet: Internet, dialer: Station, listener: Station, via?: Station) {
    this.#internet = internet
    this.sides = [dialer, listener]
    this.via = via
    this.#random = internet.draw(`${dialer.host} ${listener.host}`)
    this.#lanes = [
      new Lane(internet, this, dialer, listener),
      new Lane(internet, this, listener, dialer),
    ]
    this.#alive.add(dialer).add(listener)
  }

  isAlive(side: Station): boolean {
    return this.#alive.has(side) && !side.life.isOver
  }

  /** One side has broken it, or has lost its memory. */
  get isHalfDead(): boolean {
    return this.sides.some((side) => !this.isAlive(side))
  }

  /** Neither side knows of it any more. */
  get isDead(): boolean {
    return !this.sides.some((side) => this.isAlive(side))
  }

  /** Nothing can come through any more. */
  get isSilent(): boolean {
    const [dialer, listener] = this.sides
    return this.isHalfDead || !this.reaches(dialer, listener) || !this.reaches(listener, dialer)
  }

  /** Whether so many bytes more may pass; else the friend in the middle has ended it. */
  allows(size: number): boolean {
    if (this.via === undefined) return true
    this.#bytes += size
    if (this.#bytes <= this.#internet.relayLimits(this.via.host).bytes) return true
    this.breakBoth(RELAY_LIMIT)
    return false
  }

  /** Whether what one side sends arrives. */
  reaches(from: Station, to: Station): boolean {
    const { via } = this
    if (via === undefined) return this.#internet.reaches(from.host, to.host)
    return this.#internet.reaches(from.host, via.host) && this.#internet.reaches(via.host, to.host)
  }

  joins(a: string, b: string): boolean {
    const hosts = this.sides.map(({ host }) => host)
    if (this.via === undefined) return hosts.includes(a) && hosts.includes(b) && a !== b
    // Either half of the way.
    const isHalf = (one: string, other: string) => one === this.via?.host && hosts.includes(other)
    return isHalf(a, b) || isHalf(b, a)
  }

  /** @returns the side that is not on this host, if the other one is */
  across(host: string): Station | undefined {
    const [dialer, listener] = this.sides
    if (dialer.host === host) return listener
    return listener.host === host ? dialer : undefined
  }

  other(side: Station): Station {
    const [dialer, listener] = this.sides
    return side === dialer ? listener : dialer
  }

  /**
   * Open a stream from one side to the other.
   *
   * @param answer - told once: the stream, or why there is none
   */
  open(from: Station, protocol: string, answer: (stream: StreamEnd | string) => void): void {
    const to = this.other(from)
    const lane = this.#lane(from)
    const back = this.#lane(to)
    const [near, far] = StreamEnd.pair(this.#end(from, lane), this.#end(to, back))
    this.#openings.set(near, { side: from, answer })

    lane.send(protocol.length, () => {
      if (!this.isAlive(to)) return this.breakSide(from, 'the other side is gone')
      const isAdmitted = to.admits(from.self)
      const isTaken = isAdmitted && to.accept(protocol, far)
      if (isTaken) this.#streams.set(far, to)
      this.#internet.note(to.host, 'net.open', { from: from.host, protocol, isTaken })
      back.send(0, () => {
        if (!this.#openings.delete(near)) return
        if (isTaken) this.#streams.set(near, from)
        answer(isTaken ? near : isAdmitted ? NOT_SERVED : 'does not let us in')
      })
    })
  }

  /** One side hangs up; the other hears of it. */
  close(side: Station): void {
    if (!this.isAlive(side)) return
    const other = this.other(side)
    this.#lane(side).send(0, () => this.breakSide(other, 'the other side hung up'))
    this.breakSide(side, 'this side hung up')
  }

  breakBoth(why: string): void {
    for (const side of this.sides) this.breakSide(side, why)
  }

  breakSide(side: Station, why: string): void {
    if (!this.#alive.delete(side)) return
    this.#internet.note(side.host, 'net.broken', { with: this.other(side).host, why })
    for (const [stream, owner] of this.#streams) if (owner === side) stream.break(why)
    for (const [stream, opening] of this.#openings) {
      if (opening.side === side && this.#openings.delete(stream)) opening.answer(why)
    }
    if (!side.life.isOver) side.disconnected(this)
    if (this.isDead) this.#internet.forget(this)
  }

  release(): void {
    for (const lane of this.#lanes) lane.release()
  }

  #end(side: Station, wire: Wire): StreamEndParts {
    return {
      remote: this.other(side).self,
      wire,
      life: side.life,
      random: this.#random,
      onClosed: (end) => this.#streams.delete(end),
      onWrite: (bytes) => this.#internet.said(side.host, this.other(side).host, bytes),
    }
  }

  #lane(from: Station): Lane {
    return this.#lanes[from === this.sides[0] ? 0 : 1]
  }
}
