/**
 * Pickles, as far as an index of FileStorage needs them: whole numbers, byte strings, pairs and None.
 *
 * Format: https://docs.python.org/3/library/pickletools.html
 */

import { concat } from '../../../protocol/bytes.ts'

export type Pickled = number | Uint8Array | null | readonly Pickled[]

/** Opcodes. */
const OP = {
  proto: 0x80,
  binInt: 0x4a,
  binInt1: 0x4b,
  binInt2: 0x4d,
  long1: 0x8a,
  binString: 0x54,
  shortBinString: 0x55,
  binBytes: 0x42,
  shortBinBytes: 0x43,
  none: 0x4e,
  tuple2: 0x86,
  mark: 0x28,
  tuple: 0x74,
  binPut: 0x71,
  longBinPut: 0x72,
  memoize: 0x94,
  frame: 0x95,
  stop: 0x2e,
} as const

/** Protocol 3 is the first that knows byte strings, and what ZODB writes. */
const PROTOCOL = 3

const MARK = Symbol('mark')

/** What is written next stands behind what is there; `undefined` is anything this does not know. */
export class PickleReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** @returns the next pickle's value; undefined if it is cut off or holds something else */
  next(): Pickled | undefined {
    const stack: (Pickled | typeof MARK)[] = []
    try {
      for (;;) {
        const op = this.#take(1, (at) => this.#view.getUint8(at))
        if (op === OP.stop) {
          const [value] = stack
          return stack.length === 1 && value !== MARK ? value : undefined
        }
        if (!this.#do(op, stack)) return undefined
      }
    } catch (error) {
      if (error instanceof RangeError) return undefined
      throw error
    }
  }

  #do(op: number, stack: (Pickled | typeof MARK)[]): boolean {
    switch (op) {
      case OP.proto:
      case OP.binPut:
        this.#skip(1)
        return true
      case OP.longBinPut:
        this.#skip(4)
        return true
      case OP.frame:
        this.#skip(8)
        return true
      case OP.memoize:
        return true
      case OP.binInt1:
        stack.push(this.#take(1, (at) => this.#view.getUint8(at)))
        return true
      case OP.binInt2:
        stack.push(this.#take(2, (at) => this.#view.getUint16(at, true)))
        return true
      case OP.binInt:
        stack.push(this.#take(4, (at) => this.#view.getInt32(at, true)))
        return true
      case OP.long1:
        return this.#long(stack)
      case OP.shortBinBytes:
      case OP.shortBinString:
        stack.push(this.#string(this.#take(1, (at) => this.#view.getUint8(at))))
        return true
      case OP.binBytes:
      case OP.binString:
        stack.push(this.#string(this.#take(4, (at) => this.#view.getUint32(at, true))))
        return true
      case OP.none:
        stack.push(null)
        return true
      case OP.mark:
        stack.push(MARK)
        return true
      case OP.tuple2:
        return pushTuple(stack, stack.splice(-2), 2)
      case OP.tuple: {
        const items = stack.splice(stack.lastIndexOf(MARK) + 1)
        return stack.pop() === MARK && pushTuple(stack, items, items.length)
      }
      default:
        return false
    }
  }

  /** Little-endian two's complement, as many bytes as it takes. */
  #long(stack: (Pickled | typeof MARK)[]): boolean {
    const bytes = this.#string(this.#take(1, (at) => this.#view.getUint8(at)))
    const value = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0)
    const isNegative = (bytes.at(-1) ?? 0) >= 0x80
    if (isNegative || !Number.isSafeInteger(value)) return false
    stack.push(value)
    return true
  }

  #string(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw new RangeError('the pickle is cut off')
    const string = this.#bytes.subarray(this.#at, this.#at + length)
    this.#at += length
    return string
  }

  #take(size: number, read: (at: number) => number): number {
    const value = read(this.#at)
    this.#at += size
    return value
  }

  #skip(size: number): void {
    this.#string(size)
  }
}

function pushTuple(
  stack: (Pickled | typeof MARK)[],
  items: readonly (Pickled | typeof MARK)[],
  count: number,
): boolean {
  const values = items.filter((item) => item !== MARK)
  if (values.length !== count) return false
  stack.push(values)
  return true
}

/** @param value - whole, from 0 to 2^53 − 1 */
export function pickleNumber(value: number): Uint8Array {
  return pickle(numberOps(value))
}

export function picklePair(first: Uint8Array, second: Uint8Array): Uint8Array {
  return pickle(bytesOps(first), bytesOps(second), Uint8Array.of(OP.tuple2))
}

export function pickleNone(): Uint8Array {
  return pickle(Uint8Array.of(OP.none))
}

function pickle(...ops: readonly Uint8Array[]): Uint8Array {
  return concat(Uint8Array.of(OP.proto, PROTOCOL), ...ops, Uint8Array.of(OP.stop))
}

/** In the shortest form, as Python has it. */
function numberOps(value: number): Uint8Array {
  if (value < 2 ** 8) return Uint8Array.of(OP.binInt1, value)
  if (value < 2 ** 16) return Uint8Array.of(OP.binInt2, value & 0xff, value >> 8)
  const bytes: number[] = []
  for (let rest = value; rest > 0; rest = Math.floor(rest / 256)) bytes.push(rest % 256)
  if (value < 2 ** 31) {
    while (bytes.length < 4) bytes.push(0)
    return Uint8Array.of(OP.binInt, ...bytes)
  }
  // The top bit is the sign.
  if ((bytes.at(-1) ?? 0) >= 0x80) bytes.push(0)
  return Uint8Array.of(OP.long1, bytes.length, ...bytes)
}

function bytesOps(bytes: Uint8Array): Uint8Array {
  const { length } = bytes
  if (length < 256) return concat(Uint8Array.of(OP.shortBinBytes, length), bytes)
  const header = new Uint8Array(5)
  header[0] = OP.binBytes
  new DataView(header.buffer).setUint32(1, length, true)
  return concat(header, bytes)
}
