/**
 * Streams: many small generators in one array, each with a seed of its own.
 *
 * Every friend and every house has its own stream, so that one more friend in a world changes nothing for
 * the others: two worlds are then compared with the same luck. The generator is xoshiro128**, filled by
 * splitmix32; nothing is allocated by a draw.
 *
 * Source: David Blackman and Sebastiano Vigna, "Scrambled linear pseudorandom number generators" (2021)
 */

const UNIT = 1 / 4294967296

export class Streams {
  readonly #state: Int32Array

  constructor(count: number) {
    this.#state = new Int32Array(4 * count)
  }

  /** Begin a stream anew; what it is for is told by numbers, never by where it lies. */
  seed(stream: number, seed: number, run: number, purpose: number): void {
    let at = mix(mix(mix(seed | 0) ^ run) ^ purpose)
    for (let word = 0; word < 4; word += 1) {
      at = (at + 0x9e3779b9) | 0
      this.#state[4 * stream + word] = mix(at)
    }
  }

  /** @returns 0 < x < 1, with 32 bits */
  unit(stream: number): number {
    const state = this.#state
    const at = 4 * stream
    const s1 = state[at + 1]!
    const product = Math.imul(s1, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const s2 = state[at + 2]! ^ state[at]!
    const s3 = state[at + 3]! ^ s1
    state[at + 1] = s1 ^ s2
    state[at] = state[at]! ^ s3
    state[at + 2] = s2 ^ (s1 << 9)
    state[at + 3] = (s3 << 11) | (s3 >>> 21)
    return (result + 0.5) * UNIT
  }

  /** @returns a waiting time with this mean */
  exponential(stream: number, mean: number): number {
    return -mean * Math.log(this.unit(stream))
  }

  /** @returns 0 … bound − 1 */
  below(stream: number, bound: number): number {
    return Math.floor(this.unit(stream) * bound)
  }
}

/** splitmix32's finalizer: every bit of the input moves every bit of the output. */
function mix(value: number): number {
  let z = (value + 0x9e3779b9) | 0
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad)
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
  return z ^ (z >>> 15)
}
