/** Builders that the codec tests share: files, edits, and streams that are split anywhere. */

import * as fc from 'fast-check'

/** The boundary sizes of `size`: 0, 1, and around it and its double. */
export function sizesAround(size: number): number[] {
  const sizes = [0, 1, size - 1, size, size + 1, 2 * size - 1, 2 * size, 2 * size + 1]
  return [...new Set(sizes)].filter((value) => value >= 0)
}

/** Bytes of a length among `sizes`. */
export function bytesOfSizes(...sizes: number[]): fc.Arbitrary<Uint8Array> {
  return fc
    .constantFrom(...sizes)
    .chain((size) => fc.uint8Array({ minLength: size, maxLength: size }))
}

/** Places to split a stream at, as fractions of its length. */
export const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 })

/** @returns the bytes in parts, some of them maybe empty */
export function split(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const offsets = places.map((place) => Math.floor(place * bytes.length)).toSorted((a, b) => a - b)
  return [0, ...offsets].map((offset, at) => bytes.slice(offset, offsets[at] ?? bytes.length))
}

/** Feeds a synchronous codec and joins what it gives. */
export function run<Input, Output>(
  codec: { push(input: Input): Output[]; close(): Output[] },
  inputs: readonly Input[],
): Output[] {
  const outputs = inputs.flatMap((input) => codec.push(input))
  return [...outputs, ...codec.close()]
}

export async function* stream(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}

export async function collect(parts: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = []
  for await (const part of parts) all.push(part)
  return new Uint8Array(Buffer.concat(all))
}

/** An old file, and a new one of pieces of the old and bytes of its own. */
export function edits(blockSize: number): fc.Arbitrary<{ old: Uint8Array; file: Uint8Array }> {
  const block = fc.uint8Array({ minLength: blockSize, maxLength: blockSize })
  const some = fc.uint8Array({ maxLength: 2 * blockSize })
  return fc.array(block, { minLength: 1, maxLength: 5 }).chain((alphabet) => {
    const old = fc
      .tuple(fc.array(fc.constantFrom(...alphabet), { maxLength: 12 }), some)
      .map(([blocks, tail]) => new Uint8Array(Buffer.concat([...blocks, tail])))
    return old.chain((bytes) => {
      const place = fc.nat({ max: bytes.length })
      const stretch = fc.tuple(place, place).map(([from, to]) => bytes.slice(from, to))
      const pieces = fc.array(fc.oneof(stretch, some, fc.constant(bytes)), { maxLength: 6 })
      return pieces.map((parts) => ({ old: bytes, file: new Uint8Array(Buffer.concat(parts)) }))
    })
  })
}
