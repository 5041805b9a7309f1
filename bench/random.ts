/**
 * Random for benches: bytes and choices that only a seed and a label decide, at memory speed.
 *
 * The bytes are AES-256-CTR of zeros under a key hashed from seed and label, so every machine and every
 * version of the runtime draws the same.
 */

import { createCipheriv, createHash } from 'node:crypto'

/** Words drawn at once: large enough that the cipher's start costs nothing. */
const BATCH_WORDS = 16_384

export class Random {
  readonly #stream: ReturnType<typeof createCipheriv>
  #batch = new Uint32Array(0)
  #next = 0

  /** @param label - another label, another independent stream */
  constructor(seed: number, label: string) {
    const key = createHash('sha256').update(`cairn bench ${seed} ${label}`).digest()
    this.#stream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16))
  }

  /** Incompressible, an array of its own. */
  bytes(length: number): Buffer {
    return this.#stream.update(Buffer.alloc(length))
  }

  /** @returns a whole number, 0 ≤ number < 2³² */
  word(): number {
    if (this.#next === this.#batch.length) {
      const bytes = this.bytes(BATCH_WORDS * 4)
      this.#batch = Uint32Array.from({ length: BATCH_WORDS }, (_, at) => bytes.readUInt32LE(at * 4))
      this.#next = 0
    }
    return this.#batch[this.#next++] ?? 0
  }

  /** @returns a number, 0 ≤ number < 1 */
  fraction(): number {
    return this.word() / 2 ** 32
  }

  /** @returns a whole number, 0 ≤ number < limit ≤ 2⁵³ */
  below(limit: number): number {
    const high = limit > 2 ** 32 ? this.word() : 0
    const fraction = (high + this.fraction()) / (limit > 2 ** 32 ? 2 ** 32 : 1)
    return Math.min(limit - 1, Math.floor(fraction * limit))
  }

  /** @returns a whole number, both ends included */
  between(min: number, max: number): number {
    return min + this.below(max - min + 1)
  }

  /** @param share - of one, how often `true` comes */
  isOnce(share: number): boolean {
    return this.fraction() < share
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  /** @returns normally distributed around 0 with deviation 1 */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.fraction()))
    return radius * Math.cos(2 * Math.PI * this.fraction())
  }

  /** @returns log-normally distributed: half of them below the median */
  logNormal(median: number, sigma: number): number {
    return median * Math.exp(sigma * this.normal())
  }

  /** @returns `count` different numbers below `limit`, in the order drawn */
  distinct(count: number, limit: number): number[] {
    const drawn = new Set<number>()
    while (drawn.size < Math.min(count, limit)) drawn.add(this.below(limit))
    return [...drawn]
  }
}
