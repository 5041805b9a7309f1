/** NodeRandom: the operating system's random bytes. */

import { randomBytes } from 'node:crypto'

import { assert } from '../base/assert.ts'
import type { Random } from '../ports/random.ts'

/** From this length on, zeros only mean a broken generator (chance 2^-128), never luck. */
const CHECKED_LENGTH_MIN = 16

export class NodeRandom implements Random {
  /** @throws {AssertionError} the system gave zeros only: better to stop than to seal with them */
  bytes(length: number): Uint8Array {
    // A copy, as small Buffers share one pool.
    const bytes = new Uint8Array(randomBytes(length))
    assertRandom(bytes)
    return bytes
  }
}

/** @throws {AssertionError} */
export function assertRandom(bytes: Uint8Array): void {
  const isSuspect = bytes.length >= CHECKED_LENGTH_MIN && bytes.every((byte) => byte === 0)
  assert(!isSuspect, 'the system’s random generator works')
}
