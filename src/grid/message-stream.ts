/**
 * Message stream: frames and bodies over one byte stream, watched for silence and slowness.
 *
 * Both ends use it: the grid to ask, the peer to answer. It knows nothing of what is said.
 */

import { FormatError } from '../../protocol/errors.ts'
import { encodeFramePieces, FRAME_HEADER_SIZE, FrameReader } from '../../protocol/frame.ts'
import { BODY_FRAME_SIZE_MAX } from '../../protocol/messages.ts'
import { Watchdog, type PaceLimits } from '../base/deadline.ts'
import { PeerTimeoutError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { ByteStream, PeerId } from '../ports/network.ts'

/**
 * Bytes handed over at once: half of a body's largest frame, with its header. Larger pieces cost less
 * (64 KiB take a third more CPU), and a slow line is seen to move only once one has gone: at the rate
 * that bodies must keep up, in 32 seconds.
 */
const WRITE_SIZE_MAX = BODY_FRAME_SIZE_MAX / 2 + FRAME_HEADER_SIZE

export class MessageStream {
  readonly remote: PeerId
  readonly #stream: ByteStream
  readonly #clock: Clock
  readonly #frames: FrameReader
  readonly #onMove: () => void
  #watchdog: Watchdog | undefined

  /** @param onMove - told whenever bytes came, or went */
  constructor(stream: ByteStream, clock: Clock, onMove: () => void = () => undefined) {
    this.remote = stream.remote
    this.#stream = stream
    this.#clock = clock
    this.#onMove = onMove
    this.#frames = new FrameReader(stream.source, (size) => this.#touch(size))
  }

  /**
   * Do `work` on this stream within limits of pace. If they are missed, or the signal aborts, the
   * stream is reset, since nobody knows any more where in it a message starts.
   *
   * @throws {PeerTimeoutError}
   * @throws the signal's reason, unchanged, once it aborts
   */
  async within<T>(limits: PaceLimits, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const late = () =>
      new PeerTimeoutError(`${this.remote}: silent for ${limits.idleMs} ms, or too slow`)
    const watchdog = new Watchdog(this.#clock, limits, signal, late)
    this.#watchdog = watchdog
    try {
      return await watchdog.guard(work)
    } finally {
      if (!watchdog.hasEnded) this.reset()
      this.#watchdog = undefined
    }
  }

  /**
   * Write one frame.
   *
   * @param turn - waited for before every piece of half a body's frame
   */
  async send(payload: Uint8Array, turn?: () => Promise<void>): Promise<void> {
    for (const piece of encodeFramePieces(payload, WRITE_SIZE_MAX)) {
      const { length } = piece
      await turn?.()
      await this.#stream.write(piece)
      this.#touch(length)
    }
  }

  /**
   * Write a body: raw frames of bounded size.
   *
   * @param isWanted - asked before every frame; the body is broken off once it says no
   * @returns bytes of each frame that went out
   */
  async *sendBody(bytes: Uint8Array, isWanted: () => boolean = () => true): AsyncGenerator<number> {
    for (let from = 0; from < bytes.length && isWanted(); from += BODY_FRAME_SIZE_MAX) {
      const part = bytes.subarray(from, from + BODY_FRAME_SIZE_MAX)
      await this.send(part)
      yield part.length
    }
  }

  /**
   * @returns the next frame's payload; `undefined` if the other side ended its writing
   * @throws {FormatError} for a bad frame
   */
  async receive(): Promise<Uint8Array | undefined> {
    const length = await this.#frames.open()
    return length === undefined ? undefined : await this.#frames.payload()
  }

  /**
   * Read a body of exactly `size` bytes.
   *
   * @returns its parts as they arrive, views of what the stream gave
   * @throws {FormatError} if its frames do not add up to that, or are larger than a body's may be
   */
  async *receiveBody(size: number): AsyncGenerator<Uint8Array> {
    for (let rest = size; rest > 0;) {
      const length = await this.#frames.open()
      if (length === undefined) throw new FormatError(`body: ended ${rest} bytes early`)
      if (length > Math.min(rest, BODY_FRAME_SIZE_MAX)) {
        throw new FormatError(`body: a frame of ${length} bytes`)
      }
      rest -= length
      for (let left = length; left > 0;) {
        const part = await this.#frames.part()
        left -= part.length
        yield part
      }
    }
  }

  /** Say that nothing more will be written. */
  end(): Promise<void> {
    return this.#stream.end()
  }

  reset(): void {
    this.#stream.reset()
  }

  #touch(size: number): void {
    this.#watchdog?.touch(size)
    this.#onMove()
  }
}
