import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { scanInWasm } from '../../../src/codec/kernels/scan-blocks.ts'
import { sumBlocksInWasm } from '../../../src/codec/kernels/sum-blocks.ts'
import { scanPlainly } from '../../../src/codec/plain/scan-blocks.ts'
import { sumBlocksPlainly } from '../../../src/codec/plain/sum-blocks.ts'
import {
  DeltaMaker,
  makeSignature,
  parseSignature,
  SignatureMaker,
  type Signature,
} from '../../../src/codec/rdiff.ts'
import { sample } from '../../vectors/format.ts'
import { cuts, edits, run, split } from '../builders.ts'

describe('the sums of blocks', () => {
  it('are those of the plain twin', () => {
    const sizes = fc.record({
      blockSize: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(512, 1024, 4096)),
      strongSize: fc.integer({ min: 1, max: 32 }),
    })
    fc.assert(
      fc.property(sizes, fc.nat(3000), fc.nat(), (each, size, seed) => {
        const blocks = sample(size, seed)
        expect(sumBlocksInWasm(blocks, each)).toEqual(sumBlocksPlainly(blocks, each))
      }),
      { numRuns: 150 },
    )
  })

  it.for([127, 128, 129, 4096, 65_536, 65_537, 200_000])(
    'of %i bytes, over many batches',
    (size) => {
      const sizes = { blockSize: size, strongSize: 16 }
      const blocks = sample(5 * size + 3)
      expect(sumBlocksInWasm(blocks, sizes)).toEqual(sumBlocksPlainly(blocks, sizes))
    },
  )

  it('are the same however the pushes are split', () => {
    fc.assert(
      fc.property(fc.nat(3000), cuts, (size, places) => {
        const sizes = { blockSize: 100, strongSize: 8 }
        const parts = split(sample(size), places)
        const ours = joined(run(new SignatureMaker(sizes), parts))
        expect(ours).toEqual(joined(run(new SignatureMaker(sizes, sumBlocksPlainly), parts)))
      }),
    )
  })
})

describe('the scan for blocks', () => {
  it.for([1, 2, 5, 16, 33, 128])('of %i bytes finds what the plain twin finds', (blockSize) => {
    fc.assert(
      fc.property(
        edits(blockSize),
        cuts,
        fc.integer({ min: 1, max: 32 }),
        (edit, places, strongSize) => {
          const signature = parseSignature(makeSignature(edit.old, { blockSize, strongSize }))
          expectSameDelta(signature, split(edit.file, places))
        },
      ),
      { numRuns: 150 },
    )
  })

  it('is the same over windows and long literals', () => {
    const old = sample(1_000_000)
    const parts = [old.subarray(300_000, 700_001), sample(500_000, 2), old, sample(65_533, 3), old]
    for (const blockSize of [512, 4096, 100_000]) {
      const signature = parseSignature(makeSignature(old, { blockSize }))
      expectSameDelta(signature, parts)
      expectSameDelta(signature, [joined(parts)])
    }
  })

  it('is the same for a file of equal bytes, and for one that begins again and again', () => {
    const still = new Uint8Array(300_000)
    const again = joined(Array.from({ length: 200 }, (_, at) => sample(1000 + at)))
    for (const [old, file] of [
      [still, still.subarray(7)],
      [again, joined([again.subarray(333), again])],
    ] as const) {
      expectSameDelta(parseSignature(makeSignature(old, { blockSize: 64 })), [file])
    }
  })

  it('is the same where weak sums collide, by chance or by intent', () => {
    const cases = fc.record({
      weaks: fc.array(fc.constantFrom(0, 1, -1, 77), { maxLength: 400 }),
      blockSize: fc.constantFrom(1, 2, 8),
      file: fc.array(fc.constantFrom(0, 1, 255), { maxLength: 300 }),
      seed: fc.nat(3),
    })
    fc.assert(
      fc.property(cases, ({ weaks, blockSize, file, seed }) => {
        const bytes = Uint8Array.from(file)
        const real = parseSignature(makeSignature(bytes, { blockSize, strongSize: 1 }))
        const count = weaks.length + real.count
        // The crowd comes first and takes the slots; its strong sums are right now and then.
        const strong = joined([sample(weaks.length, seed), real.strong])
        const sums = weaks.map((each, at) =>
          real.count === 0 ? each : real.weak[at % real.count]!,
        )
        const weak = Int32Array.from([...sums, ...real.weak])
        expectSameDelta({ blockSize, strongSize: 1, count, weak, strong }, [bytes])
      }),
      { numRuns: 150 },
    )
  })

  it('lets several go on side by side', () => {
    const old = sample(5000)
    const file = joined([old.subarray(100, 3000), sample(100, 2), old])
    const signature = parseSignature(makeSignature(old, { blockSize: 64 }))
    const alone = joined(run(new DeltaMaker(signature), [file]))
    const makers = Array.from({ length: 3 }, () => ({
      maker: new DeltaMaker(signature),
      parts: [] as Uint8Array[],
    }))
    for (let at = 0; at < file.length; at += 500)
      for (const { maker, parts } of makers) parts.push(...maker.push(file.subarray(at, at + 500)))
    for (const { maker, parts } of makers) {
      parts.push(...maker.close())
      expect(joined(parts)).toEqual(alone)
    }
  })

  it('costs a bounded number of steps where all weak sums are equal', { timeout: 20_000 }, () => {
    const count = 300_000
    const strong = new Uint8Array(new Uint32Array(count).map((_, block) => block).buffer)
    const block = new Uint8Array(16)
    const known = parseSignature(makeSignature(block, { blockSize: 16 })).weak[0]!
    const weak = new Int32Array(count).fill(known)
    const maker = new DeltaMaker({ blockSize: 16, strongSize: 4, count, weak, strong })
    maker.push(new Uint8Array(200_000))
    maker.close()
    expect(maker.literalSize).toBe(200_000)
  })
})

function expectSameDelta(signature: Signature, parts: readonly Uint8Array[]): void {
  const ours = joined(run(new DeltaMaker(signature, { openScanner: scanInWasm }), parts))
  const twins = joined(run(new DeltaMaker(signature, { openScanner: scanPlainly }), parts))
  expect(Buffer.compare(ours, twins)).toBe(0)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
