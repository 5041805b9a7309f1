/**
 * Seeded: bytes and choices that only a seed decides, so that a demo can be told twice.
 */

import { createCipheriv, createHash } from 'node:crypto'

const LETTERS = 'etaoinshrdlucmfwygpb'

export class Seeded {
  readonly #stream: ReturnType<typeof createCipheriv>

  /** @param label - another label, another independent stream */
  constructor(seed: number, label: string) {
    const key = createHash('sha256').update(`cairn demo ${seed} ${label}`).digest()
    this.#stream = createCipheriv('chacha20', key, Buffer.alloc(16))
  }

  /** Incompressible. */
  bytes(length: number): Buffer {
    return this.#stream.update(Buffer.alloc(length))
  }

  /** @returns a whole number, 0 ≤ number < limit ≤ 2³² */
  below(limit: number): number {
    return Math.floor((this.bytes(4).readUInt32BE() / 2 ** 32) * limit)
  }

  between(min: number, max: number): number {
    return min + this.below(max - min + 1)
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)]
    if (item === undefined) throw new RangeError('nothing to pick from')
    return item
  }

  word(): string {
    const bytes = this.bytes(this.between(2, 9))
    return [...bytes].map((byte) => LETTERS[byte % LETTERS.length]).join('')
  }

  /** Prose of a kind: compresses like text does. */
  text(size: number): Buffer {
    const words = Array.from({ length: 200 }, () => this.word())
    const picks = this.bytes(Math.ceil(size / 3))
    let text = ''
    for (let at = 0; text.length < size; at = (at + 1) % picks.length) {
      text += words[(picks[at] ?? 0) % words.length] + ((picks[at] ?? 0) % 11 === 0 ? '.\n' : ' ')
    }
    return Buffer.from(text.slice(0, size), 'latin1')
  }
}
