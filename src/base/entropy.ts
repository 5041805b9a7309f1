/**
 * Entropy: whether the random generator works, before anything rests on it.
 *
 * It cannot be proven that bytes are random; that they are zeros, all alike, or the same twice can be
 * seen, and is how generators break: a device that is not there, an image that is started again.
 */

import type { Random } from '../ports/random.ts'
import { DiskError } from './errors.ts'

const SAMPLE_SIZE = 32

/** Kinds of bytes among 32 random ones: fewer than this come once in 10^30 samples. */
const KINDS_MIN = 8

/** This machine's random generator does not work; nothing was made with it. */
export class EntropyError extends DiskError {
  override readonly name = 'EntropyError'
}

/** @throws {EntropyError} it gives nothing, or bytes that nobody would guess wrong */
export function assertEntropy(random: Random): void {
  const [first, second] = [sample(random), sample(random)]
  const isFine =
    isVaried(first) && isVaried(second) && !first.every((byte, at) => byte === second[at])
  if (!isFine) {
    throw new EntropyError(
      'The random generator of this machine does not work: it gives the same bytes again and again. ' +
        'Nothing was started or changed, since keys made from them would be no secret',
    )
  }
}

function sample(random: Random): Uint8Array {
  try {
    return random.bytes(SAMPLE_SIZE)
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new EntropyError(`The random generator of this machine does not work: ${why}`, { cause })
  }
}

function isVaried(bytes: Uint8Array): boolean {
  return bytes.length === SAMPLE_SIZE && new Set(bytes).size >= KINDS_MIN
}
