/**
 * A stream between two simulated machines: two ends, each with what has arrived and what waits to go.
 *
 * At most a window of bytes is under way or unread in one direction; a writer beyond it waits for the
 * reader. Bytes are cut into chunks as chance has it.
 */

import { StreamResetError } from '../src/base/errors.ts'
import type { ByteStream, PeerId } from '../src/ports/network.ts'
import type { Life } from './life.ts'
import type { SimRandom } from './random.ts'

/** As yamux: bytes that may be sent beyond what was read. */
const WINDOW_SIZE = 256 * 1024

/** Largest chunk that arrives at once, bytes. */
const CHUNK_SIZE_MAX = 64 * 1024

/** How an end reaches the other one: in order, or never. */
export interface Wire {
  send(size: number, deliver: () => void): void
}

interface Outgoing {
  /** `undefined`: the end of the writing. */
  rest: Uint8Array | undefined
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

interface Reader {
  readonly resolve: (result: IteratorResult<Uint8Array>) => void
  readonly reject: (error: Error) => void
}

export interface StreamEndParts {
  readonly remote: PeerId
  readonly wire: Wire
  readonly life: Life
  readonly random: SimRandom
  /** Called once, when both directions are over. */
  readonly onClosed: (end: StreamEnd) => void
  /** Told of all bytes that are written here, before they are cut. */
  readonly onWrite: (bytes: Uint8Array) => void
}

export class StreamEnd implements ByteStream {
  readonly remote: PeerId
  readonly source: AsyncIterable<Uint8Array>
  readonly #wire: Wire
  readonly #life: Life
  readonly #random: SimRandom
  readonly #onClosed: (end: StreamEnd) => void
  readonly #onWrite: (bytes: Uint8Array) => void
  #other: StreamEnd | undefined
  /** Sent and not yet read over there, bytes. */
  #unread = 0
  readonly #outbox: Outgoing[] = []
  #hasEnded = false
  readonly #inbox: Uint8Array[] = []
  #hasRemoteEnded = false
  #ignoresInput = false
  #isIterated = false
  #reader: Reader | undefined
  #error: StreamResetError | undefined
  #isClosed = false

  constructor(parts: StreamEndParts) {
    this.remote = parts.remote
    this.#wire = parts.wire
    this.#life = parts.life
    this.#random = parts.random
    this.#onClosed = parts.onClosed
    this.#onWrite = parts.onWrite
    this.source = { [Symbol.asyncIterator]: () => this.#iterate() }
  }

  /** Two ends that belong together. */
  static pair(left: StreamEndParts, right: StreamEndParts): readonly [StreamEnd, StreamEnd] {
    const ends = [new StreamEnd(left), new StreamEnd(right)] as const
    ends[0].#other = ends[1]
    ends[1].#other = ends[0]
    return ends
  }

  write(bytes: Uint8Array): Promise<void> {
    if (!this.#life.isOver) this.#onWrite(bytes)
    return this.#enqueue(bytes)
  }

  async end(): Promise<void> {
    if (this.#hasEnded || this.#error !== undefined) return
    this.#hasEnded = true
    await this.#enqueue(undefined)
  }

  reset(): void {
    if (this.#error !== undefined || this.#isClosed || this.#life.isOver) return
    this.#wire.send(0, () => this.#other?.break('reset by the other side'))
    this.break('reset by this side')
  }

  /** The stream is broken as seen from here. */
  break(why: string): void {
    if (this.#error !== undefined || this.#isClosed) return
    this.#error = new StreamResetError(why)
    this.#inbox.length = 0
    this.#other?.credit(0)
    if (!this.#life.isOver) {
      this.#reader?.reject(this.#error)
      for (const item of this.#outbox) item.reject(this.#error)
    }
    this.#reader = undefined
    this.#outbox.length = 0
    this.#close()
  }

  /** The other end has read `size` more bytes. */
  credit(size: number): void {
    this.#unread -= size
    this.#flush()
  }

  #enqueue(rest: Uint8Array | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#life.isOver) return
      if (this.#error !== undefined) return reject(this.#error)
      if (rest !== undefined && this.#hasEnded) {
        return reject(new StreamResetError('the writing has ended'))
      }
      this.#outbox.push({ rest, resolve, reject })
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#life.isOver || this.#error !== undefined) return
    for (let item = this.#outbox[0]; item !== undefined; item = this.#outbox[0]) {
      if (item.rest === undefined) {
        this.#wire.send(0, () => this.#other?.arriveEnd())
      } else if (!this.#sendSome(item, item.rest)) return
      if (item.rest !== undefined && item.rest.length > 0) continue
      this.#outbox.shift()
      const { resolve } = item
      void this.#life.pass(this.#random.unit()).then(resolve)
      if (item.rest === undefined) this.#closeIfOver()
    }
  }

  /** @returns whether anything could go */
  #sendSome(item: Outgoing, rest: Uint8Array): boolean {
    if (rest.length === 0) return true
    const room = WINDOW_SIZE - this.#unread
    if (room <= 0) return false
    const size = Math.min(room, rest.length, this.#chunkSize())
    const chunk = rest.slice(0, size)
    item.rest = rest.subarray(size)
    this.#unread += size
    this.#wire.send(size, () => this.#other?.arrive(chunk))
    return true
  }

  #chunkSize(): number {
    const draw = this.#random.unit()
    if (draw < 0.03) return this.#random.between(1, 16)
    if (draw < 0.15) return this.#random.between(1, 1500)
    return this.#random.between(CHUNK_SIZE_MAX / 2, CHUNK_SIZE_MAX)
  }

  /** A chunk comes out of the wire. */
  arrive(chunk: Uint8Array): void {
    if (this.#life.isOver || this.#error !== undefined) return
    if (this.#ignoresInput) return this.#other?.credit(chunk.length)
    const reader = this.#reader
    if (reader === undefined) {
      this.#inbox.push(chunk)
      return
    }
    this.#reader = undefined
    this.#other?.credit(chunk.length)
    reader.resolve({ done: false, value: chunk })
  }

  /** The end of the other side's writing comes out of the wire. */
  arriveEnd(): void {
    if (this.#life.isOver || this.#error !== undefined) return
    this.#hasRemoteEnded = true
    const reader = this.#reader
    this.#reader = undefined
    reader?.resolve({ done: true, value: undefined })
    this.#closeIfOver()
  }

  #iterate(): AsyncIterator<Uint8Array> {
    if (this.#isIterated) throw new Error('a stream is read once')
    this.#isIterated = true
    let isDone = false
    return {
      next: () =>
        new Promise((resolve, reject) => {
          if (this.#life.isOver) return
          if (isDone) return resolve({ done: true, value: undefined })
          if (this.#error !== undefined) {
            isDone = true
            return reject(this.#error)
          }
          const chunk = this.#inbox.shift()
          if (chunk !== undefined) {
            this.#other?.credit(chunk.length)
            resolve({ done: false, value: chunk })
            this.#closeIfOver()
          } else if (this.#hasRemoteEnded) {
            isDone = true
            resolve({ done: true, value: undefined })
          } else this.#reader = { resolve, reject }
        }),
      return: () => {
        isDone = true
        this.#ignoresInput = true
        for (const chunk of this.#inbox.splice(0)) this.#other?.credit(chunk.length)
        this.#closeIfOver()
        return Promise.resolve({ done: true, value: undefined })
      },
    }
  }

  #closeIfOver(): void {
    const isWritten = this.#hasEnded && this.#outbox.length === 0
    const isRead = this.#hasRemoteEnded && this.#inbox.length === 0
    if (isWritten && isRead) this.#close()
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#onClosed(this)
  }
}
