/**
 * The internet between simulated machines: who listens where, how long bytes take, and what is cut.
 *
 * A connection is a pair of ends. Bytes between hosts that cannot reach each other wait, as TCP's do;
 * each end finds out for itself, after a while, that its connection is dead.
 */

import type { LogFields } from '../src/ports/log.ts'
import type { PeerId } from '../src/ports/network.ts'
import { Connection, RELAY_LIMIT } from './connection.ts'
import type { Life } from './life.ts'
import type { SimRandom } from './random.ts'
import type { SimScheduler } from './scheduler.ts'
import type { StreamEnd } from './stream.ts'
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

/** How long an end goes on before it takes a silent connection for dead, ms. */
const SILENCE_MS = { min: 15_000, max: 120_000 } as const

/** What the internet knows of one program that uses it. */
export interface Station {
  readonly host: string
  readonly self: PeerId
  readonly life: Life
  /** Whether this peer may connect, or open a stream. */
  admits(peer: PeerId): boolean
  /** Lead others to this station from now on. @returns whether it will */
  lead(station: Station): boolean
  /** @returns whom others are led to, while it is connected */
  behind(peer: PeerId): Station | undefined
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
  /** What was handed to the line and has not begun to leave, oldest first. */
  waiting: (() => void)[]
  /** When the bytes on their way to it have come in, virtual ms. */
  downloadFreeAt: number
  /** Hosts that nothing sent from here arrives at, each with the number of reasons. */
  readonly blocked: Map<string, number>
  /** What it allows those whom it leads to each other. */
  relay: RelayLimits
}

/** What a friend who leads others to each other allows them. */
export interface RelayLimits {
  /** Friends it leads others to, at most. */
  readonly places: number
  /** Bytes over one connection, both ways together; then it ends. */
  readonly bytes: number
  /** How long a connection may last, ms. */
  readonly ms: number
}

const NO_LIMITS: RelayLimits = { places: Infinity, bytes: Infinity, ms: Infinity }

/** Told of what one host says to another, as it hands it over; the bytes are only lent. */
export type Overhearer = (from: string, to: string, bytes: Uint8Array) => void

export class Internet {
  readonly scheduler: SimScheduler
  readonly #random: SimRandom
  readonly #trace: Trace
  readonly #hosts = new Map<string, Host>()
  readonly #stations = new Map<string, Station>()
  readonly #connections = new Set<Connection>()
  readonly #listeners: Overhearer[] = []

  constructor(scheduler: SimScheduler, random: SimRandom, trace: Trace) {
    this.scheduler = scheduler
    this.#random = random
    this.#trace = trace
  }

  addHost(name: string, line: Partial<Line> = {}): void {
    this.#hosts.set(name, {
      line: { ...DEFAULT_LINE, ...line },
      uploadFreeAt: 0,
      waiting: [],
      downloadFreeAt: 0,
      blocked: new Map(),
      relay: NO_LIMITS,
    })
  }

  /** From now on this host leads others to each other within limits only. */
  limitRelay(host: string, limits: RelayLimits): void {
    this.#host(host).relay = limits
  }

  relayLimits(host: string): RelayLimits {
    return this.#host(host).relay
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

  /**
   * A station is closed: it listens no more and its connections end. Or it is elsewhere: then the others
   * only find out when they have waited long enough.
   */
  leave(station: Station, how: 'closed' | 'elsewhere' = 'closed'): void {
    for (const [address, one] of this.#stations) {
      if (one === station) this.#stations.delete(address)
    }
    for (const connection of this.#connectionsOf(station)) {
      if (how === 'closed') connection.close(station)
      else {
        connection.breakSide(station, 'this side moved')
        this.#doubt(connection)
      }
    }
    this.#endThrough((via) => via === station)
  }

  /** @param via - who leads the one to the other */
  connect(dialer: Station, listener: Station, via?: Station): Connection {
    const connection = new Connection(this, dialer, listener, via)
    this.#connections.add(connection)
    for (const side of [dialer, listener]) side.connected(connection)
    if (connection.isSilent) this.#doubt(connection)
    const { ms } = via === undefined ? NO_LIMITS : this.relayLimits(via.host)
    if (ms < Infinity) this.scheduler.after(ms, () => connection.breakBoth(RELAY_LIMIT))
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

  /** Whether nothing passes on some way. */
  get isCut(): boolean {
    return [...this.#hosts.values()].some(({ blocked }) => blocked.size > 0)
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
    const { blocked } = this.#host(from)
    const reasons = blocked.get(to) ?? 0
    blocked.set(to, reasons + 1)
    if (reasons > 0) return
    for (const connection of this.#connections) {
      if (connection.joins(from, to)) this.#doubt(connection)
    }
  }

  /** One reason less why nothing passes this way; after the last one, what waited arrives. */
  unblock(from: string, to: string): void {
    const { blocked } = this.#host(from)
    const reasons = blocked.get(to) ?? 0
    if (reasons > 1) blocked.set(to, reasons - 1)
    else blocked.delete(to)
    if (reasons !== 1) return
    for (const connection of this.#connections) {
      if (connection.joins(from, to)) connection.release()
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
    this.#forgetUnsent(host)
    for (const [address, station] of this.#stations) {
      if (station.host === host) this.#stations.delete(address)
    }
    for (const connection of this.#connections) {
      const other = connection.across(host)
      if (other === undefined) continue
      if (connection.isDead) this.forget(connection)
      else if (isPowerCut) this.#doubt(connection)
      else this.#endLater(connection, other)
    }
    this.#endThrough((via) => via.host === host)
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

  /** @returns how long a packet from one to the other is under way, once it has left, ms */
  latencyMs(from: string, to: string): number {
    const latencyMs = this.line(from).latencyMs + this.line(to).latencyMs
    return latencyMs * (1 + 0.2 * this.#random.unit())
  }

  /**
   * Have bytes pass the line of one and then that of the other.
   *
   * They take their place on the second when they leave the first: what waits in line there for minutes
   * keeps nobody waiting here.
   *
   * @param onLeave - told when they begin to leave, in the order of the calls: how long they take from there, ms
   */
  carry(from: string, to: string, size: number, onLeave: (ms: number) => void): void {
    const { elapsed } = this.scheduler
    const source = this.#host(from)
    const beginsAt = Math.max(elapsed, source.uploadFreeAt)
    const sentMs = (size / source.line.upload) * 1000
    source.uploadFreeAt = beginsAt + sentMs
    const { waiting } = source
    waiting.push(() => onLeave(this.#arriveAfter(from, to, size, sentMs)))
    const leave = (): void => waiting.shift()?.()
    if (beginsAt > elapsed || waiting.length > 1) {
      this.scheduler.after(beginsAt - elapsed, leave)
    } else leave()
  }

  /** @returns a random stream of this connection's own chance */
  draw(label: string): SimRandom {
    return this.#random.fork(`${label} ${this.#random.u32()}`)
  }

  /** Hear all that is said from now on. */
  overhear(listener: Overhearer): void {
    this.#listeners.push(listener)
  }

  said(from: string, to: string, bytes: Uint8Array): void {
    for (const listener of this.#listeners) listener(from, to, bytes)
  }

  note(host: string, event: string, fields: LogFields): void {
    this.#trace.add(host, event, fields)
  }

  /** What has not left goes with the program, and keeps the next one from nothing. */
  #forgetUnsent(name: string): void {
    const host = this.#host(name)
    host.waiting.length = 0
    host.waiting = []
    host.uploadFreeAt = this.scheduler.elapsed
  }

  /** Who led the one to the other is gone: both hear of it, as their streams to it end. */
  #endThrough(isGone: (via: Station) => boolean): void {
    for (const connection of this.#connections) {
      const { via } = connection
      if (via !== undefined && isGone(via)) connection.breakBoth('the relay is gone')
    }
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
    this.scheduler.after(this.latencyMs(host, side.host), () => {
      if (this.canTalk(host, side.host)) connection.breakSide(side, 'the other side is gone')
      else this.#doubt(connection)
    })
  }

  /** @returns ms from now on, as the bytes leave, until the last of them is there */
  #arriveAfter(from: string, to: string, size: number, sentMs: number): number {
    const { elapsed } = this.scheduler
    const target = this.#host(to)
    // They come in while they go out; the narrow line of one friend keeps no other waiting, at either end.
    target.downloadFreeAt =
      Math.max(elapsed, target.downloadFreeAt) + (size / target.line.download) * 1000
    return Math.max(sentMs, target.downloadFreeAt - elapsed) + this.latencyMs(from, to)
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
