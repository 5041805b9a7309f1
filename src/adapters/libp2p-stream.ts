/**
 * Libp2pStream: one libp2p stream as our ByteStream.
 *
 * Three habits of libp2p's own readers and writers would break the port's promises, so this class
 * listens to a stream's events itself:
 * - Its iterator pushes whatever arrives into memory; we pause the stream once enough is waiting, and
 *   the muxer's window then stops the writer.
 * - A connection that breaks ends a stream as if all had been read; we take only the remote's own
 *   end of writing (`remoteCloseWrite`) for an end, and everything else for a reset.
 * - Its `onDrain` promise, once kept, is kept for ever; we wait for each `drain` afresh.
 */

import type { Stream, StreamCloseEvent, StreamMessageEvent } from '@libp2p/interface'

import { assert } from '../base/assert.ts'
import { StreamResetError } from '../base/errors.ts'
import type { ByteStream, PeerId } from '../ports/network.ts'

/** Bytes that may wait for a reader before the stream is paused. */
const WAITING_SIZE_MAX = 256 * 1024

/** Largest piece handed to libp2p at once, bytes: measured best for noise and yamux. */
const PIECE_SIZE_MAX = 256 * 1024

export class Libp2pStream implements ByteStream {
  readonly remote: PeerId
  readonly source: AsyncIterable<Uint8Array>
  readonly #stream: Stream
  readonly #explain: () => string | undefined
  readonly #waiting: Uint8Array[] = []
  #waitingSize = 0
  /** The remote said that nothing more comes; what is waiting is all. */
  #isEnded: boolean
  #isIterated = false
  #broken: StreamResetError | undefined
  /** Wakes whoever waits for bytes, the end or trouble. */
  #wakeReader: (() => void) | undefined
  /** Wakes whoever waits for room or trouble. */
  #wakeWriter: (() => void) | undefined

  /**
   * @param stream - negotiated, and nobody else's from now on
   * @param explain - what is known of the connection that may explain why it broke
   */
  constructor(remote: PeerId, stream: Stream, explain: () => string | undefined) {
    this.remote = remote
    this.#stream = stream
    this.#explain = explain
    this.source = { [Symbol.asyncIterator]: () => this.#iterate() }
    // Between its negotiation and now the remote may have ended it, or the connection may be gone.
    if (stream.status !== 'open') this.#broken = new StreamResetError('the stream broke at once')
    this.#isEnded = this.#broken === undefined && stream.remoteWriteStatus === 'closed'

    stream.addEventListener('drain', () => this.#wakeWriter?.())
    stream.addEventListener('remoteCloseWrite', () => this.#onEnd())
    stream.addEventListener('close', (event) => this.#onClose(event))
    // Last, as it sets waiting bytes flowing.
    stream.addEventListener('message', (event) => this.#onMessage(event))
    if (this.#isEnded) stream.resume()
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let offset = 0; offset < bytes.length; offset += PIECE_SIZE_MAX) {
      // No copy: layers below may hold on to a piece after there is room again, but nobody changes it.
      await this.#writePiece(bytes.subarray(offset, offset + PIECE_SIZE_MAX))
    }
    this.#throwIfBroken()
  }

  async end(): Promise<void> {
    this.#throwIfBroken()
    try {
      await this.#stream.close()
    } catch (error) {
      throw this.#breakDown('the stream broke before its end was sent', error)
    }
  }

  reset(): void {
    if (this.#isOver()) return
    this.#isEnded = false
    this.#breakDown('reset by us')
    this.#stream.abort(new Error('reset'))
  }

  /** Called once the stream is closed both ways, or broken. */
  onceClosed(listener: () => void): void {
    if (this.#isOver()) listener()
    else this.#stream.addEventListener('close', listener, { once: true })
  }

  #isOver(): boolean {
    return this.#stream.status !== 'open' && this.#stream.status !== 'closing'
  }

  async #writePiece(piece: Uint8Array): Promise<void> {
    this.#throwIfBroken()
    try {
      this.#stream.send(piece)
    } catch (error) {
      throw this.#breakDown('the stream cannot be written', error)
    }
    while (this.#stream.writableNeedsDrain || this.#stream.writeBufferLength > 0) {
      assert(this.#wakeWriter === undefined, 'writes to a stream follow one another')
      const woken = Promise.withResolvers<void>()
      this.#wakeWriter = woken.resolve
      await woken.promise
      this.#wakeWriter = undefined
      this.#throwIfBroken()
    }
  }

  async *#iterate(): AsyncGenerator<Uint8Array, void, undefined> {
    assert(!this.#isIterated, 'a stream is read by one reader, once')
    this.#isIterated = true
    for (;;) {
      const chunk = this.#waiting.shift()
      if (chunk !== undefined) {
        this.#waitingSize -= chunk.length
        this.#resumeIfLow()
        yield chunk
      } else if (this.#isEnded) {
        return
      } else {
        this.#throwIfBroken()
        const woken = Promise.withResolvers<void>()
        this.#wakeReader = woken.resolve
        await woken.promise
        this.#wakeReader = undefined
      }
    }
  }

  #onMessage({ data }: StreamMessageEvent): void {
    // As it lies in memory: joining the parts of a list would copy each byte once more.
    for (const { buffer, byteOffset, byteLength } of data instanceof Uint8Array ? [data] : data) {
      // A plain view: what comes from a socket is a Buffer, whose `slice` is none.
      this.#waiting.push(new Uint8Array(buffer, byteOffset, byteLength))
      this.#waitingSize += byteLength
    }
    // After the end the rest must come out at once: a closed stream gives nothing any more.
    if (this.#waitingSize >= WAITING_SIZE_MAX && !this.#isEnded) this.#stream.pause()
    this.#wakeReader?.()
  }

  /** All that will ever come is here, or in libp2p's buffer of at most one window. */
  #onEnd(): void {
    this.#isEnded = true
    if (this.#stream.readStatus === 'paused') this.#stream.resume()
    this.#wakeReader?.()
  }

  #onClose({ error, local }: StreamCloseEvent): void {
    const how = local === true ? 'reset by us' : 'reset by the other side'
    const isWhole = this.#isEnded && error === undefined
    if (!isWhole) this.#breakDown(error === undefined ? 'the connection broke' : how, error)
    this.#wakeReader?.()
    this.#wakeWriter?.()
  }

  #resumeIfLow(): void {
    const isLow = this.#waitingSize < WAITING_SIZE_MAX / 2
    if (isLow && this.#stream.readStatus === 'paused') this.#stream.resume()
  }

  /** From now on the stream is broken; the first cause counts. What the remote had ended stays whole. */
  #breakDown(message: string, cause?: unknown): StreamResetError {
    this.#broken ??= new StreamResetError(this.#words(message), { cause })
    if (!this.#isEnded) {
      this.#waiting.length = 0
      this.#waitingSize = 0
    }
    this.#wakeReader?.()
    this.#wakeWriter?.()
    return this.#broken
  }

  #words(message: string): string {
    const why = this.#explain()
    return `${this.remote}: ${message}${why === undefined ? '' : ` (${why})`}`
  }

  #throwIfBroken(): void {
    if (this.#broken !== undefined) throw this.#broken
  }
}
