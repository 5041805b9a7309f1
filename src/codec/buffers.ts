/**
 * Large arrays, without zeros that are overwritten anyway.
 *
 * Who is done with one gives it back at once: `base/release.ts`. Left to the garbage collector, the pieces
 * of packs cost more than the codes themselves.
 */

export { release } from '../base/release.ts'

/**
 * An array to be filled: what is in it is whatever was there before.
 *
 * @returns an array with a buffer of its own, which can be handed to another thread
 */
export function unfilled(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(size).buffer)
}
