/**
 * Bytes: joining, comparing, writing as text, and reading and writing numbers.
 *
 * All numbers are big-endian, except that a varint is unsigned LEB128: seven bits a byte, lowest
 * first, in as few bytes as the number needs.
 */

import { FormatError } from './errors.ts'

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'
const VARINT_SIZE_MAX = 8 // 53 bits, seven a byte
const ZIGZAG_MIN = -(2 ** 52)
const ZIGZAG_MAX = 2 ** 52 - 1

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @returns all parts in order, in an array of its own */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  let size = 0
  for (const part of parts) size += part.length
  const joined = new Uint8Array(size)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Not in constant time: for public bytes only. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}

/** @returns negative, zero or positive, as `a` sorts before, with or after `b` byte by byte */
export function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const difference = (a[index] ?? 0) - (b[index] ?? 0)
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

/** Lower case. */
export function toHex(bytes: Uint8Array): string {
  return bytes.toHex()
}

/** @throws {FormatError} unless `text` is pairs of lower-case hex digits */
export function fromHex(text: string): Uint8Array {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text))
    throw new FormatError('not lower-case hex')
  const bytes = new Uint8Array(text.length / 2)
  for (let index = 0; index < bytes.length; index++) {
    bytes[index] = Number.parseInt(text.slice(2 * index, 2 * index + 2), 16)
  }
  return bytes
}

export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** @throws {FormatError} unless the bytes are valid UTF-8; a byte order mark is kept as it is */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new FormatError('not valid UTF-8', { cause })
  }
}

/** RFC 4648 base32 in lower case, without padding. */
export function toBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    bits += 8
    for (; bits >= 5; bits -= 5) text += BASE32[(held >>> (bits - 5)) & 31]
  }
  return bits > 0 ? text + BASE32[(held << (5 - bits)) & 31] : text
}

/** @throws {FormatError} for a foreign character, an impossible length, or bits left over that are not zero */
export function fromBase32(text: string): Uint8Array {
  const bytes = new Uint8Array(Math.floor((text.length * 5) / 8))
  let at = 0
  let bits = 0
  let held = 0
  for (const character of text) {
    const value = BASE32.indexOf(character)
    if (value < 0) throw new FormatError('not lower-case base32')
    held = ((held << 5) | value) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = held >>> bits
  }
  if (bits >= 5 || (held & ((1 << bits) - 1)) !== 0) throw new FormatError('base32 ends badly')
  return bytes
}

/** Reads numbers and runs of bytes from the front. Everything throws {FormatError} on short input. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Bytes not yet read. */
  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  u8(): number {
    return this.#view.getUint8(this.#advance(1))
  }

  u16(): number {
    return this.#view.getUint16(this.#advance(2))
  }

  u32(): number {
    return this.#view.getUint32(this.#advance(4))
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8))
  }

  /** A u64 up to 2^53 − 1. */
  safeU64(): number {
    const value = this.u64()
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new FormatError(`${value} is above 2^53 − 1`)
    return Number(value)
  }

  /** Unsigned LEB128 up to 2^53 − 1; a longer form than needed is refused. */
  varint(): number {
    let value = 0
    let scale = 1
    for (let size = 1; size <= VARINT_SIZE_MAX; size++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      scale *= 128
      if (byte >= 0x80) continue
      if (byte === 0 && size > 1) throw new FormatError('varint is longer than it needs to be')
      if (value > Number.MAX_SAFE_INTEGER) break
      return value
    }
    throw new FormatError('varint is above 2^53 − 1')
  }

  /** A signed varint: 0, −1, 1, −2 … are 0, 1, 2, 3 …; −2^52 to 2^52 − 1. */
  zigzag(): number {
    const value = this.varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  /** @returns the next `length` bytes, a view */
  take(length: number): Uint8Array {
    const start = this.#advance(length)
    return this.#bytes.subarray(start, start + length)
  }

  /** @throws {FormatError} if bytes are left */
  end(): void {
    if (this.remaining > 0) throw new FormatError(`${this.remaining} bytes left over`)
  }

  #advance(length: number): number {
    if (!Number.isSafeInteger(length) || length < 0)
      throw new FormatError(`impossible length ${length}`)
    if (length > this.remaining) {
      throw new FormatError(`${length} bytes wanted, ${this.remaining} left`)
    }
    const start = this.#at
    this.#at += length
    return start
  }
}

/** Writes what {@link ByteReader} reads. Numbers out of range are a {FormatError}, never wrapped. */
export class ByteWriter {
  #bytes = new Uint8Array(256)
  #view = new DataView(this.#bytes.buffer)
  #size = 0

  /** Bytes written so far. */
  get size(): number {
    return this.#size
  }

  u8(value: number): this {
    this.#check(value, 0xff)
    const start = this.#grow(1) // first: growing renews the view
    this.#view.setUint8(start, value)
    return this
  }

  u16(value: number): this {
    this.#check(value, 0xffff)
    const start = this.#grow(2) // first: growing renews the view
    this.#view.setUint16(start, value)
    return this
  }

  u32(value: number): this {
    this.#check(value, 0xffff_ffff)
    const start = this.#grow(4) // first: growing renews the view
    this.#view.setUint32(start, value)
    return this
  }

  u64(value: number | bigint): this {
    if (typeof value === 'number') this.#check(value, Number.MAX_SAFE_INTEGER)
    const big = BigInt(value)
    if (big < 0n || big >= 1n << 64n) throw new FormatError(`${big} does not fit 64 bits`)
    const start = this.#grow(8) // first: growing renews the view
    this.#view.setBigUint64(start, big)
    return this
  }

  varint(value: number): this {
    this.#check(value, Number.MAX_SAFE_INTEGER)
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.u8((rest % 128) | 0x80)
    return this.u8(rest)
  }

  zigzag(value: number): this {
    if (!Number.isInteger(value) || value < ZIGZAG_MIN || value > ZIGZAG_MAX) {
      throw new FormatError(`${value} is no integer of 53 bits`)
    }
    return this.varint(value < 0 ? -2 * value - 1 : 2 * value)
  }

  /** Copies the bytes. */
  put(bytes: Uint8Array): this {
    const start = this.#grow(bytes.length)
    this.#bytes.set(bytes, start)
    return this
  }

  /** @returns what was written, an array of its own */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#size)
  }

  #check(value: number, max: number): void {
    if (!Number.isInteger(value) || value < 0 || value > max) {
      throw new FormatError(`${value} is not an integer from 0 to ${max}`)
    }
  }

  #grow(length: number): number {
    const start = this.#size
    this.#size += length
    if (this.#size > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#size, 2 * this.#bytes.length))
      larger.set(this.#bytes.subarray(0, start))
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return start
  }
}
