/**
 * Needles: many secrets sought in bytes at once, in the forms in which a mistake may show them.
 *
 * One pass over the bytes, whatever the number of needles: the first four bytes of each lead to it.
 */

const SIZE_MIN = 8
const TABLE_SIZE = 2 ** 16

/** Characters of base64 that stand for bytes of the needle alone, where it begins in the middle of a group. */
const BASE64_CUT = [
  { pad: 0, skip: 0 },
  { pad: 1, skip: 2 },
  { pad: 2, skip: 3 },
] as const

interface Needle {
  /** What it is, for people. */
  readonly name: string
  readonly bytes: Buffer
}

export class Needles {
  readonly #byStart = new Map<number, Needle[]>()
  readonly #table = new Uint8Array(TABLE_SIZE)

  /**
   * Seek these bytes from now on: as they are, in hex of either case, and in base64 (or base64url) wherever they begin.
   *
   * @param bytes - 8 and more, that come nowhere by chance
   */
  add(name: string, bytes: Uint8Array): void {
    const raw = Buffer.from(bytes)
    if (raw.length < SIZE_MIN) throw new Error(`${name}: ${raw.length} bytes come by chance`)
    this.#addOne({ name, bytes: raw })
    const hex = raw.toString('hex')
    for (const text of new Set([hex, hex.toUpperCase()])) {
      this.#addOne({ name: `${name} in hex`, bytes: Buffer.from(text) })
    }
    for (const encoding of ['base64', 'base64url'] as const) {
      for (const { pad, skip } of BASE64_CUT) {
        const text = Buffer.concat([Buffer.alloc(pad), raw]).toString(encoding)
        // The last group may hold bits of what follows.
        const whole = Math.floor(((pad + raw.length) * 8) / 6)
        const inner = Buffer.from(text.slice(skip, whole))
        this.#addOne({ name: `${name} in ${encoding}`, bytes: inner })
      }
    }
  }

  /** @returns the name of a needle that is in there, if one is */
  find(bytes: Uint8Array): string | undefined {
    const table = this.#table
    let start = 0
    for (let index = 0; index < bytes.length; index++) {
      start = ((start << 8) | bytes[index]!) >>> 0
      if (table[slotOf(start)] === 0 || index < 3) continue
      const found = this.#at(bytes, index - 3, start)
      if (found !== undefined) return found
    }
    return undefined
  }

  #at(bytes: Uint8Array, from: number, start: number): string | undefined {
    for (const needle of this.#byStart.get(start) ?? []) {
      const there = bytes.subarray(from, from + needle.bytes.length)
      if (needle.bytes.equals(there)) return needle.name
    }
    return undefined
  }

  #addOne(needle: Needle): void {
    const start = needle.bytes.readUInt32BE(0)
    const known = this.#byStart.get(start) ?? []
    if (known.some(({ bytes }) => bytes.equals(needle.bytes))) return
    this.#byStart.set(start, [...known, needle])
    this.#table[slotOf(start)] = 1
  }
}

function slotOf(start: number): number {
  return (start ^ (start >>> 16)) & (TABLE_SIZE - 1)
}
