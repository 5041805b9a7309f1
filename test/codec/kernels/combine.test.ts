import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { combineRelaxedWasm } from '../../../src/codec/kernels/combine-relaxed.wasm.ts'
import { combineBy } from '../../../src/codec/kernels/combine.ts'
import { combineWasm } from '../../../src/codec/kernels/combine.wasm.ts'
import { combinePlainly } from '../../../src/codec/plain/combine.ts'
import { sample } from '../../vectors/format.ts'
import { sizesAround } from '../builders.ts'

/** Around a step of the kernel, and around its largest tile. */
const sizes = [...new Set([...sizesAround(32), 1000, ...sizesAround(65_536)])]

describe.for([
  ['plain SIMD', combineBy(combineWasm)],
  ['relaxed SIMD', combineBy(combineRelaxedWasm)],
] as const)('combine with %s', ([, combine]) => {
  it('gives what its plain twin gives', () => {
    const cases = fc
      .record({
        rowCount: fc.integer({ min: 0, max: 13 }),
        inputCount: fc.integer({ min: 1, max: 13 }),
        size: fc.constantFrom(...sizes),
        seed: fc.nat(),
      })
      .map(({ rowCount, inputCount, size, seed }) => ({
        rows: arrays(rowCount, inputCount, seed),
        inputs: arrays(inputCount, size, seed + 1),
        size,
      }))
    fc.assert(
      fc.property(cases, ({ rows, inputs, size }) => {
        const ours = combine(rows, inputs, size)
        for (const [at, output] of combinePlainly(rows, inputs, size).entries())
          expect(Buffer.compare(ours[at]!, output)).toBe(0)
        expect(ours).toHaveLength(rows.length)
      }),
      { numRuns: 80 },
    )
  })

  it.for([
    [128, 128],
    [254, 2],
    [1, 255],
  ])('takes %i inputs and %i outputs', ([inputCount, rowCount]) => {
    const rows = arrays(rowCount!, inputCount!, 1)
    const inputs = arrays(inputCount!, 2500, 2)
    expect(combine(rows, inputs, 2500)).toEqual(combinePlainly(rows, inputs, 2500))
  })

  it('takes views at any offset, and gives arrays that stay as they are', () => {
    const bytes = sample(5000)
    const rows = arrays(3, 2, 3)
    const inputs = [bytes.subarray(1, 1001), bytes.subarray(2003, 3003)]
    const outputs = combine(rows, inputs, 1000)
    combine(arrays(3, 2, 4), arrays(2, 1000, 5), 1000)
    expect(outputs).toEqual(combinePlainly(rows, inputs, 1000))
    expect(outputs.every(({ length, buffer }) => length === buffer.byteLength)).toBe(true)
  })
})

function arrays(count: number, size: number, seed: number): Uint8Array[] {
  return Array.from({ length: count }, (_, at) => sample(size, 1000 * seed + at))
}
