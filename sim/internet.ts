/**
 * The internet between simulated machines: who listens where, how long bytes take, and what is cut.
 *
 * A connection is a pair of ends. Bytes between hosts that cannot reach each other wait, as TCP's do;
 * each end finds out for itself, after a while, that its connection is dead.
 */

import type { LogFields } from '../src/ports/log.ts'
import type { PeerId } from '../src/ports/network.ts'
import type { Life } from './life.ts'
import type { SimRandom } from './random.ts'
import type { SimScheduler } from './scheduler.ts'
import { StreamEnd, type StreamEndParts, type Wire } from './stream.ts'
import type { Trace } from './trace.ts'

/** A machine's line to the rest of the world. */
export interface Line {
  /** One way, from this host to the middle of the internet, ms. */
  latencyMs: number
  /** Bytes per second. */
  upload: number
  download: number
}

const DEFAULT_LINE: Line = { latencyMs: 8, upload: 4_000_000, download: 12_000_000 }

/** Why there is no stream, where the other side is there and lets us in. */
export const NOT_SERVED = 'does not serve this protocol'

/** How long an end goes on before it takes a silent connection for dead, ms. */
const SILENCE_MS = { min: 15_000, max: 120_000 } as const

/** What the internet knows of one program that uses it. */
export interface Station {
  readonly host: string
  readonly self: PeerId
  readonly life: Life
  /** Whether this peer may connect, or open a stream. */
  admits(peer: PeerId): boolean
  /** A stream was opened by the other side. @returns whether somebody serves the protocol */
  accept(protocol: string, stream: StreamEnd): boolean
  /** The connection is there, as seen from this station. */
  connected(connection: Connection): void
  /** The connection is gone, as seen from this station. */
  disconnected(connection: Connection): void
}

interface Host {
  readonly line: Line
  /** When the bytes handed to the line so far have left, virtual ms. */
  uploadFreeAt: number
  /** Hosts that nothing sent from here arrives at. */
  readonly blocked: Set<string>
}

export class Internet {
  readonly scheduler: SimScheduler
  readonly #random: SimRandom
  readonly #trace: Trace
  readonly #hosts = new Map<string, Host>()
  readonly #stations = new Map<string, Station>()
  readonly #connections = new Set<Connection>()

  constructor(scheduler: SimScheduler, random: SimRandom, trace: Trace) {
    this.scheduler = scheduler
    this.#random = random
    this.#trace = trace
  }

  addHost(name: string, line: Partial<Line> = {}): void {
    this.#hosts.set(name, {
      line: { ...DEFAULT_LINE, ...line },
      uploadFreeAt: 0,
      blocked: new Set(),
    })
  }

  line(host: string): Line {
    return this.#host(host).line
  }

  listen(address: string, station: Station): void {
    this.#stations.set(address, station)
  }

  /** @returns the program that listens there now */
  stationAt(address: string): Station | undefined {
    const station = this.#stations.get(address)
    return station?.life.isOver === true ? undefined : station
  }

  /** A station is closed: it listens no more and its connections end. */
  leave(station: Station): void {
    for (const [address, one] of this.#stations) {
      if (one === station) this.#stations.delete(address)
    }
    for (const connection of this.#connectionsOf(station)) connection.close(station)
  }

  connect(dialer: Station, listener: Station): Connection {
    const connection = new Connection(this, dialer, listener)
    this.#connections.add(connection)
    for (const side of [dialer, listener]) side.connected(connection)
    if (!this.canTalk(dialer.host, listener.host)) this.#doubt(connection)
    return connection
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection)
  }

  /** Whether bytes sent there arrive. */
  reaches(from: string, to: string): boolean {
    return from === to || !this.#host(from).blocked.has(to)
  }

  canTalk(a: string, b: string): boolean {
    return this.reaches(a, b) && this.reaches(b, a)
  }

  /** Nothing passes between these hosts and all others. */
  split(hosts: readonly string[]): void {
    const others = [...this.#hosts.keys()].filter((name) => !hosts.includes(name))
    for (const one of hosts) {
      for (const other of others) {
        this.block(one, other)
        this.block(other, one)
      }
    }
  }

  /** Nothing sent from one host arrives at the other; the way back may be open. */
  block(from: string, to: string): void {
    if (!this.reaches(from, to)) return
    this.#host(from).blocked.add(to)
    for (const connection of this.#connections) {
      if (connection.joins(from, to)) this.#doubt(connection)
    }
  }

  /** Everything passes again; what waited arrives now. */
  heal(): void {
    for (const host of this.#hosts.values()) host.blocked.clear()
    for (const connection of this.#connections) connection.release()
  }

  /**
   * A machine's programs are gone. After a kill the others hear of it as fast as light; after a power
   * cut only when they have waited long enough, or when the machine is back and knows nothing.
   */
  vanish(host: string, isPowerCut: boolean): void {
    for (const [address, station] of this.#stations) {
      if (station.host === host) this.#stations.delete(address)
    }
    for (const connection of this.#connections) {
      const other = connection.across(host)
      if (other === undefined) continue
      if (isPowerCut) this.#doubt(connection)
      else this.#endLater(connection, other)
    }
  }

  /** A machine is back: it answers the packets of connections it forgot with a reset. */
  returned(host: string): void {
    for (const connection of this.#connections) {
      const other = connection.across(host)
      if (other !== undefined && connection.isHalfDead) this.#endLater(connection, other)
    }
  }

  /** Break every connection between two hosts, as a router that lost its state. */
  disturb(a: string, b: string): void {
    for (const connection of this.#connections) {
      if (connection.joins(a, b)) connection.breakBoth('the connection broke')
    }
  }

  /** @returns when bytes handed over now will have arrived, virtual ms from now */
  travelMs(from: string, to: string, size: number): number {
    const { elapsed } = this.scheduler
    const source = this.#host(from)
    const target = this.#host(to)
    const rate = Math.min(source.line.upload, target.line.download) / 1000
    source.uploadFreeAt = Math.max(elapsed, source.uploadFreeAt) + size / rate
    const latencyMs = source.line.latencyMs + target.line.latencyMs
    return source.uploadFreeAt - elapsed + latencyMs * (1 + 0.2 * this.#random.unit())
  }

  /** @returns a random stream of this connection's own chance */
  draw(label: string): SimRandom {
    return this.#random.fork(`${label} ${this.#random.u32()}`)
  }

  note(host: string, event: string, fields: LogFields): void {
    this.#trace.add(host, event, fields)
  }

  /** Both ends will give up a connection that stays silent. */
  #doubt(connection: Connection): void {
    for (const side of connection.sides) {
      const ms = this.#random.between(SILENCE_MS.min, SILENCE_MS.max)
      this.scheduler.after(ms, () => {
        if (connection.isSilent) connection.breakSide(side, 'the connection timed out')
      })
    }
  }

  #endLater(connection: Connection, side: Station): void {
    const host = connection.sides.find((one) => one !== side)?.host ?? side.host
    this.scheduler.after(this.travelMs(host, side.host, 0), () => {
      if (this.canTalk(host, side.host)) connection.breakSide(side, 'the other side is gone')
      else this.#doubt(connection)
    })
  }

  #connectionsOf(station: Station): Connection[] {
    return [...this.#connections].filter((connection) => connection.sides.includes(station))
  }

  #host(name: string): Host {
    const host = this.#hosts.get(name)
    if (host === undefined) throw new Error(`no host ${name}`)
    return host
  }
}

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
    const ms = this.#internet.travelMs(this.#from.host, this.#to.host, size)
    this.#lastAt = Math.max(this.#lastAt, scheduler.elapsed + ms)
    scheduler.after(this.#lastAt - scheduler.elapsed, () => {
      const isOpen = this.#internet.reaches(this.#from.host, this.#to.host)
      if (isOpen && !this.isHolding) this.#deliver(size, deliver)
      else this.#held.push(() => this.#deliver(size, deliver))
    })
  }

  release(): void {
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

/** A connection between two programs, as each of them sees it. */
export class Connection {
  readonly sides: readonly [Station, Station]
  readonly #internet: Internet
  readonly #random: SimRandom
  readonly #lanes: readonly [Lane, Lane]
  readonly #alive = new Set<Station>()
  readonly #streams = new Map<StreamEnd, Station>()
  readonly #openings = new Map<StreamEnd, Opening>()

  constructor(internet: Internet, dialer: Station, listener: Station) {
    this.#internet = internet
    this.sides = [dialer, listener]
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

  /** Nothing can come through any more. */
  get isSilent(): boolean {
    const [dialer, listener] = this.sides
    return this.isHalfDead || !this.#internet.canTalk(dialer.host, listener.host)
  }

  joins(a: string, b: string): boolean {
    const [dialer, listener] = this.sides
    return (dialer.host === a && listener.host === b) || (dialer.host === b && listener.host === a)
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
    if (this.#alive.size === 0) this.#internet.forget(this)
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
    }
  }

  #lane(from: Station): Lane {
    return this.#lanes[from === this.sides[0] ? 0 : 1]
  }
}
