/**
 * Large arrays, without what makes them dear: zeros that are overwritten, and waiting for the collector.
 *
 * A pack becomes several times its size in pieces. Left to the garbage collector they cost more than the
 * codes themselves: it runs after every 64 MB of them. Whoever knows that an array is done with gives it
 * back at once.
 */

/**
 * An array to be filled: what is in it is whatever was there before.
 *
 * @returns an array with a buffer of its own, which can be handed to another thread
 */
export function unfilled(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer)
}

/** Free the array's memory now. It is empty from then on, as is every other view of its buffer. */
export function release(bytes: Uint8Array): void {
  if (bytes.buffer instanceof ArrayBuffer && !bytes.buffer.detached) bytes.buffer.transfer(0)
}
