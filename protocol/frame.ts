/**
 * Frames: whole messages over a stream of bytes.
 *
 * A frame is a 4-byte big-endian length and then that many bytes of payload, at least one. Streams
 * split and join bytes as they please; payloads come out exactly as they went in.
 *
 * Format: docs/formats/frame.md
 */

import { FormatError } from './errors.ts'

export const FRAME_HEADER_SIZE = 4
const BUFFER_SIZE_MIN = 4096

/** Largest payload, bytes: one request's worth of blocks with their Merkle paths, rounded up. */
export const PAYLOAD_SIZE_MAX = 1_114_112

/** A length above {@link PAYLOAD_SIZE_MAX}. */
export class FrameTooLongError extends FormatError {
  override readonly name = 'FrameTooLongError'
}

/** The stream ended inside a frame. */
export class FrameTruncatedError extends FormatError {
  override readonly name = 'FrameTruncatedError'
}

/**
 * @param payload - 1 to {@link PAYLOAD_SIZE_MAX} bytes
 * @throws {FormatError} for an empty payload
 * @throws {FrameTooLongError}
 */
export function encodeFrame(payload: Uint8Array): Uint8Array {
  checkLength(payload.length)
  const frame = new Uint8Array(FRAME_HEADER_SIZE + payload.length)
  new DataView(frame.buffer).setUint32(0, payload.length)
  frame.set(payload, FRAME_HEADER_SIZE)
  return frame
}

/**
 * A frame in pieces, for streams that take so much at a time. None of them is the payload's own memory.
 *
 * @param sizeMax - of a piece, bytes, more than {@link FRAME_HEADER_SIZE}
 * @throws what {@link encodeFrame} throws
 */
export function* encodeFramePieces(payload: Uint8Array, sizeMax: number): Generator<Uint8Array> {
  checkLength(payload.length)
  const first = new Uint8Array(Math.min(sizeMax, FRAME_HEADER_SIZE + payload.length))
  new DataView(first.buffer).setUint32(0, payload.length)
  const start = first.length - FRAME_HEADER_SIZE
  first.set(payload.subarray(0, start), FRAME_HEADER_SIZE)
  yield first
  for (let from = start; from < payload.length; from += sizeMax) {
    yield payload.slice(from, from + sizeMax)
  }
}

/**
 * Read payloads until the stream ends.
 *
 * Takes from `chunks` only when the next payload is asked for, so a slow reader slows the writer.
 * Holds at most twice what has arrived of one frame, and copies each byte a bounded number of times,
 * however small the chunks are.
 *
 * @param chunks - the bytes of zero or more frames, split anywhere
 * @returns each payload in order, as an array of its own
 * @throws {FrameTooLongError} once an oversized length is read, before its payload is buffered
 * @throws {FrameTruncatedError} when the stream ends inside a frame
 * @throws {FormatError} for a length of 0
 */
export async function* decodeFrames(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const frames = new FrameReader(chunks)
  try {
    while ((await frames.open()) !== undefined) yield await frames.payload()
  } finally {
    await frames.close()
  }
}

/**
 * Reads frames one by one, whole or, where they are large, piece by piece as they arrive.
 *
 * Throws what {@link decodeFrames} throws.
 */
export class FrameReader {
  readonly #chunks: AsyncIterator<Uint8Array>
  readonly #onArrived: ((size: number) => void) | undefined
  /** What has arrived and was not taken yet, a view. */
  #rest: Uint8Array = new Uint8Array(0)
  /** Bytes of the open frame that were not taken yet. */
  #left = 0

  /**
   * @param chunks - the bytes of zero or more frames, split anywhere
   * @param onArrived - told of the bytes of each chunk that is taken
   */
  constructor(chunks: AsyncIterable<Uint8Array>, onArrived?: (size: number) => void) {
    this.#chunks = chunks[Symbol.asyncIterator]()
    this.#onArrived = onArrived
  }

  /**
   * Begin with the next frame; the one before must have been taken whole.
   *
   * @returns the length of its payload, bytes; `undefined` if the stream ended
   */
  async open(): Promise<number | undefined> {
    if (this.#rest.length === 0 && !(await this.#more())) return undefined
    if (this.#rest.length < FRAME_HEADER_SIZE) return await this.#openInPieces()
    this.#left = readLength(this.#rest)
    this.#rest = this.#rest.subarray(FRAME_HEADER_SIZE)
    return this.#left
  }

  async #openInPieces(): Promise<number | undefined> {
    const header = new Gatherer(FRAME_HEADER_SIZE)
    while (!header.isFull) {
      if (this.#rest.length === 0 && !(await this.#more())) {
        if (header.isEmpty) return undefined
        throw new FrameTruncatedError('inside a frame')
      }
      this.#rest = header.take(this.#rest)
    }
    this.#left = readLength(header.finish())
    return this.#left
  }

  /**
   * Take what is here of the open frame, or wait for more of it.
   *
   * @returns one byte or more, a view of what the stream gave
   */
  async part(): Promise<Uint8Array> {
    while (this.#rest.length === 0) {
      if (!(await this.#more())) throw new FrameTruncatedError('inside a frame')
    }
    const part = this.#rest.subarray(0, this.#left)
    this.#rest = this.#rest.subarray(part.length)
    this.#left -= part.length
    return part
  }

  /** Take the whole open frame. @returns an array of its own */
  async payload(): Promise<Uint8Array> {
    if (this.#rest.length >= this.#left) return (await this.part()).slice()
    const payload = new Gatherer(this.#left)
    while (!payload.isFull) payload.take(await this.part())
    return payload.finish()
  }

  /** Take no more from the stream. */
  async close(): Promise<void> {
    await this.#chunks.return?.()
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next()
    if (done === true) return false
    this.#rest = value
    this.#onArrived?.(value.length)
    return true
  }
}

function readLength(header: Uint8Array): number {
  const length = new DataView(header.buffer, header.byteOffset).getUint32(0)
  checkLength(length)
  return length
}

function checkLength(length: number): void {
  if (length === 0) throw new FormatError('frame: length 0')
  if (length > PAYLOAD_SIZE_MAX) throw new FrameTooLongError(`${length} bytes`)
}

/** Gathers a known number of bytes; its buffer grows with what arrives, not with what is promised. */
class Gatherer {
  readonly #size: number
  #buffer = new Uint8Array(0)
  #filled = 0

  constructor(size: number) {
    this.#size = size
  }

  get isFull(): boolean {
    return this.#filled === this.#size
  }

  get isEmpty(): boolean {
    return this.#filled === 0
  }

  /** @returns what it had no use for, a view */
  take(bytes: Uint8Array): Uint8Array {
    const part = bytes.subarray(0, this.#size - this.#filled)
    this.#reserve(this.#filled + part.length)
    this.#buffer.set(part, this.#filled)
    this.#filled += part.length
    return bytes.subarray(part.length)
  }

  /** @returns all the bytes; the gatherer starts afresh */
  finish(): Uint8Array {
    const bytes = this.#buffer
    this.#buffer = new Uint8Array(0)
    this.#filled = 0
    return bytes
  }

  #reserve(length: number): void {
    if (length <= this.#buffer.length) return
    const doubled = Math.max(length, 2 * this.#buffer.length, BUFFER_SIZE_MIN)
    const larger = new Uint8Array(Math.min(this.#size, doubled))
    larger.set(this.#buffer.subarray(0, this.#filled))
    this.#buffer = larger
  }
}
