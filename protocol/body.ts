/**
 * Bodies: the bytes that follow a message, as raw frames that add up to the size it named.
 *
 * Format: docs/formats/messages.md
 */

import { FormatError } from './errors.ts'

/** Most bytes of a body in one frame: small enough to share a connection with other streams. */
export const BODY_FRAME_SIZE_MAX = 256 * 1024

/** A body with more or fewer bytes than its message named, or a frame of it that is too large. */
export class BodySizeError extends FormatError {
  override readonly name = 'BodySizeError'
}

/** @returns the payloads of a body's frames, views; none for an empty body */
export function* splitBody(body: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < body.length; start += BODY_FRAME_SIZE_MAX) {
    yield body.subarray(start, start + BODY_FRAME_SIZE_MAX)
  }
}

/**
 * Take a body from a stream's frames, and leave what follows it.
 *
 * @param frames - of the stream, after the message; it is not closed here
 * @param size - bytes that the message named, already checked against its limit
 * @returns the body in order, in parts of any size
 * @throws {BodySizeError}
 */
export async function* readBody(
  frames: AsyncIterator<Uint8Array>,
  size: number,
): AsyncGenerator<Uint8Array> {
  for (let left = size; left > 0;) {
    // oxlint-disable-next-line no-await-in-loop -- one frame after another is what a stream is
    const { done, value } = await frames.next()
    if (done === true) throw new BodySizeError(`body ends ${left} bytes early`)
    if (value.length > BODY_FRAME_SIZE_MAX) throw new BodySizeError('frame of a body is too large')
    if (value.length > left) throw new BodySizeError(`body goes on after its ${size} bytes`)
    left -= value.length
    yield value
  }
}
