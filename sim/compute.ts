/**
 * SimCompute: the codecs, inline, each step taking a little virtual time.
 *
 * Inputs are handed over as they are to a worker thread: the codec gets a copy, and what the caller
 * still holds is scrambled or gone, so that nobody goes on reading what is no longer his, or its size.
 */

import type {
  Codec,
  CodecInput,
  CodecOutput,
  CodecParams,
  CodecRun,
  CodecTable,
  Compute,
} from '../src/ports/compute.ts'
import type { Life } from './life.ts'
import type { SimRandom } from './random.ts'

/** What a byte reads as after it was handed over. */
const SCRAMBLED = 0xdb

export class SimCompute<Table extends CodecTable> implements Compute<Table> {
  readonly #table: Table
  readonly #life: Life
  readonly #random: SimRandom
  #isStopped = false

  constructor(table: Table, life: Life, random: SimRandom) {
    this.#table = table
    this.#life = life
    this.#random = random
  }

  async open<Name extends keyof Table & string>(
    codec: Name,
    params: CodecParams<Table[Name]>,
  ): Promise<CodecRun<CodecInput<Table[Name]>, CodecOutput<Table[Name]>>> {
    if (this.#isStopped) throw new Error('the workers were stopped')
    await this.#pass()
    const make = this.#table[codec] as (
      params: CodecParams<Table[Name]>,
    ) => Codec<CodecInput<Table[Name]>, CodecOutput<Table[Name]>>
    return new InlineRun(make(copyOf(params)), () => this.#pass())
  }

  stop(): Promise<void> {
    this.#isStopped = true
    return Promise.resolve()
  }

  #pass(): Promise<void> {
    return this.#life.pass(this.#random.unit() * 4)
  }
}

class InlineRun<Input, Output> implements CodecRun<Input, Output> {
  readonly #codec: Codec<Input, Output>
  readonly #pass: () => Promise<void>
  #isBusy = false
  #isDone = false

  constructor(codec: Codec<Input, Output>, pass: () => Promise<void>) {
    this.#codec = codec
    this.#pass = pass
  }

  push(input: Input): Promise<Output[]> {
    const copy = copyOf(input)
    scramble(input)
    return this.#turn(() => this.#codec.push(copy))
  }

  close(): Promise<Output[]> {
    return this.#turn(() => {
      this.#isDone = true
      return this.#codec.close()
    })
  }

  cancel(): void {
    this.#isDone = true
  }

  async #turn(step: () => Output[]): Promise<Output[]> {
    if (this.#isBusy) throw new Error('one push at a time')
    if (this.#isDone) throw new Error('the run has ended')
    this.#isBusy = true
    try {
      await this.#pass()
      if (this.#isDone) throw new Error('the run has ended')
      return step().map(copyOf)
    } catch (error) {
      this.#isDone = true
      throw error
    } finally {
      this.#isBusy = false
    }
  }
}

/** A deep copy; a view is copied as what it shows, not with the whole buffer below it. */
function copyOf<T>(value: T): T {
  if (value instanceof Uint8Array) return Uint8Array.from(value) as T
  if (Array.isArray(value)) return value.map(copyOf) as T
  if (value === null || typeof value !== 'object') return value
  if (Object.getPrototypeOf(value) !== Object.prototype) return structuredClone(value)
  return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, copyOf(part)])) as T
}

function scramble(value: unknown): void {
  if (value instanceof Uint8Array) takeAway(value)
  else if (Array.isArray(value)) value.forEach(scramble)
  else if (value !== null && typeof value === 'object') Object.values(value).forEach(scramble)
}

/** What fills its whole buffer moves, and has no length afterwards; a view is copied. */
function takeAway(bytes: Uint8Array): void {
  bytes.fill(SCRAMBLED)
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length) buffer.transfer()
}
