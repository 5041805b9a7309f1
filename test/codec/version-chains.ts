/** Builders of chains: a file, what becomes of it, and the deltas from version to version. */

import * as fc from 'fast-check'

import { Composition } from '../../src/codec/compose-deltas.ts'
import {
  applyDelta,
  makeDelta,
  makeSignature,
  parseSignature,
  type PatchBase,
} from '../../src/codec/rdiff.ts'
import { sample } from '../vectors/format.ts'
import { collect, split, stream } from './builders.ts'

/** Small, so that small files have many. */
export const BLOCK_SIZE = 8

const SIZE_MAX = 600

/** One thing that happens to a file; places are fractions of its size. */
const edit = fc.record({
  kind: fc.constantFrom(
    'overwrite',
    'insert',
    'remove',
    'move',
    'repeat',
    'truncate',
    'revert',
    'keep',
    'empty',
  ),
  from: fc.double({ min: 0, max: 1, noNaN: true }),
  to: fc.double({ min: 0, max: 1, noNaN: true }),
  fresh: fc.uint8Array({ maxLength: 40 }),
})

type Edit = typeof edit extends fc.Arbitrary<infer Value> ? Value : never

/** Two to eight versions of one file. */
export const versionChains: fc.Arbitrary<readonly Uint8Array[]> = fc
  .tuple(fc.nat(400), fc.array(fc.array(edit, { maxLength: 4 }), { minLength: 1, maxLength: 7 }))
  .map(([size, steps]) => {
    const versions = [sample(size)]
    for (const step of steps) {
      let file = versions.at(-1)!
      for (const one of step) file = edited(file, one, versions).slice(0, SIZE_MAX)
      versions.push(file)
    }
    return versions
  })

function edited(
  file: Uint8Array,
  { kind, from, to, fresh }: Edit,
  all: readonly Uint8Array[],
): Uint8Array {
  const [a, b, c] = [from, to, (from + to) / 2]
    .map((place) => Math.floor(place * file.length))
    .toSorted((one, other) => one - other) as [number, number, number]
  switch (kind) {
    case 'overwrite':
      return joined(file.slice(0, a), fresh, file.slice(a + fresh.length))
    case 'insert':
      return joined(file.slice(0, a), fresh, file.slice(a))
    case 'remove':
      return joined(file.slice(0, a), file.slice(b))
    case 'move':
      return joined(file.slice(0, a), file.slice(b, c), file.slice(a, b), file.slice(c))
    case 'repeat':
      return joined(file.slice(0, c), file.slice(a, c), file.slice(a, b), file.slice(c))
    case 'truncate':
      return file.slice(0, b)
    case 'revert':
      return all[Math.floor(from * (all.length - 1))]!
    case 'empty':
      return new Uint8Array(0)
    default:
      return file
  }
}

export function deltaBetween(
  before: Uint8Array,
  after: Uint8Array,
  blockSize = BLOCK_SIZE,
): Uint8Array {
  return makeDelta(parseSignature(makeSignature(before, { blockSize })), after)
}

/** The deltas of a chain, each split at the same places. */
export function deltasOf(
  versions: readonly Uint8Array[],
  { blockSize = BLOCK_SIZE, places = [] }: { blockSize?: number; places?: readonly number[] } = {},
): Uint8Array[][] {
  return versions
    .slice(1)
    .map((file, at) => split(deltaBetween(versions[at]!, file, blockSize), places))
}

/** Every version upon the first. */
export function compositionsOf(
  size: number,
  deltas: readonly (readonly Uint8Array[])[],
): Composition[] {
  const all = [Composition.ofOriginal(size)]
  for (const delta of deltas) all.push(all.at(-1)!.followedBy(delta))
  return all
}

export function patched(before: Uint8Array, delta: readonly Uint8Array[]): Promise<Uint8Array> {
  const sizeMax = Number.MAX_SAFE_INTEGER
  return collect(applyDelta(inMemory(before), stream(delta), { sizeMax }))
}

export function inMemory(file: Uint8Array): PatchBase {
  return {
    size: file.length,
    read: (offset, length) => Promise.resolve(file.slice(offset, offset + length)),
  }
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
