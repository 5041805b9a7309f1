import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { Chunker, gearTable } from '../../../src/codec/chunker.ts'
import { findCutsInWasm } from '../../../src/codec/kernels/find-cut.ts'
import { findCutsPlainly } from '../../../src/codec/plain/find-cut.ts'
import { sample } from '../../vectors/format.ts'
import { cuts, run, sizesAround, split } from '../builders.ts'

const gear = gearTable(sample(32))
const other = gearTable(sample(32, 2))

describe('the search for cuts', () => {
  it('finds what the plain twin finds, call after call', () => {
    const calls = fc.array(fc.tuple(fc.nat(2000), fc.nat(2000), fc.nat(2000)), { maxLength: 8 })
    fc.assert(
      fc.property(fc.nat(), calls, fc.nat(2 ** 32 - 1), (seed, places, threshold) => {
        const bytes = sample(2000, seed)
        // Ours share one kernel: each must find its own table there.
        const ours = [gear, other].map((table) => findCutsInWasm(table, threshold))
        const twins = [gear, other].map((table) => findCutsPlainly(table, threshold))
        for (const place of places) {
          const [from, first, end] = place.toSorted((a, b) => a - b) as [number, number, number]
          for (const [at, finder] of ours.entries()) {
            const cut = finder.find(bytes, from, first, end)
            expect(cut).toBe(twins[at]!.find(bytes, from, first, end))
            if (cut !== undefined) for (const each of [finder, twins[at]!]) each.restart()
          }
        }
      }),
      { numRuns: 300 },
    )
  })

  it.for(sizesAround(65_536))('is the same at the end of a step: %i bytes', (size) => {
    const bytes = sample(size)
    for (const threshold of [0, 1000, 100_000, 2 ** 32 - 1])
      for (const first of [0, 65_530, 65_536, 65_540]) {
        const cut = findCutsInWasm(gear, threshold).find(bytes, 0, first, size)
        expect(cut).toBe(findCutsPlainly(gear, threshold).find(bytes, 0, first, size))
      }
  })

  it('cuts files of megabytes where the plain twin does', () => {
    const file = sample(12 * 1024 * 1024)
    fc.assert(
      fc.property(cuts, (places) => {
        const parts = split(file, places)
        const ours = run(new Chunker(gear), parts)
        const twins = run(new Chunker(gear, undefined, findCutsPlainly), parts)
        expect(ours.map(({ length }) => length)).toEqual(twins.map(({ length }) => length))
        expect(Buffer.compare(Buffer.concat(ours), file)).toBe(0)
      }),
      { numRuns: 10 },
    )
  })
})
