/** Hostile bytes for decoders: made up, or valid ones with a few things wrong. */

import * as fc from 'fast-check'

import { concat } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'

type Change = (bytes: Uint8Array) => Uint8Array

/**
 * Try many hostile inputs on a decoder.
 *
 * @param decode - may answer anything; a promise is awaited
 * @param valid - inputs that it takes, to be damaged
 * @returns a report of an input, made small, for which it threw something other than a FormatError;
 *   `undefined` if there was none
 */
export async function foreignError(
  decode: (bytes: Uint8Array) => unknown,
  valid: readonly Uint8Array[],
  numRuns = 300,
): Promise<string | undefined> {
  const property = fc.asyncProperty(hostile(valid), async (bytes) => {
    try {
      await decode(bytes)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
    }
  })
  return fc.asyncDefaultReportMessage(await fc.check(property, { numRuns }))
}

/** Random bytes, and the given ones changed in one to four places. */
export function hostile(valid: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const damaged = fc
    .tuple(fc.constantFrom(...valid), fc.array(change, { minLength: 1, maxLength: 4 }))
    .map(([bytes, changes]) => changes.reduce((result, apply) => apply(result), bytes))
  return fc.oneof(
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 4, arbitrary: damaged },
  )
}

const place = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, fc.integer({ min: 1, max: 255 })).map(([where, mask]): Change => (bytes) => {
    const at = Math.floor(where * bytes.length)
    return bytes.map((byte, index) => (index === at ? byte ^ mask : byte))
  }),
  place.map(
    (where): Change =>
      (bytes) =>
        bytes.slice(0, Math.floor(where * bytes.length)),
  ),
  fc
    .tuple(place, fc.uint8Array({ minLength: 1, maxLength: 9 }))
    .map(([where, extra]): Change => (bytes) => {
      const at = Math.floor(where * (bytes.length + 1))
      return concat(bytes.subarray(0, at), extra, bytes.subarray(at))
    }),
  fc.tuple(place, place).map(([from, to]): Change => (bytes) => {
    const [start = 0, end = 0] = [from, to]
      .map((where) => Math.floor(where * bytes.length))
      .toSorted((a, b) => a - b)
    return concat(bytes.subarray(0, start), bytes.subarray(end))
  }),
)
