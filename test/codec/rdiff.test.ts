import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  applyDelta,
  DeltaMaker,
  DeltaReader,
  makeDelta,
  makeSignature,
  parseSignature,
  patchRanges,
  SignatureMaker,
} from '../../src/codec/rdiff.ts'
import type { DeltaOp } from '../../src/codec/rdiff.ts'
import { slowDelta, slowPatch, slowSignature } from '../reference/slow-rdiff.ts'
import { sample } from '../vectors/format.ts'
import { bytesOfSizes, collect, cuts, edits, run, sizesAround, split, stream } from './builders.ts'

const blockSize = 16

describe('signatures', () => {
  it('are what the format says, at every boundary of the blocks', () => {
    fc.assert(
      fc.property(
        bytesOfSizes(...sizesAround(blockSize)),
        fc.constantFrom(1, 8, 16, 31, 32),
        (file, strongSize) => {
          const signature = makeSignature(file, { blockSize, strongSize })
          expect(signature).toEqual(slowSignature(file, blockSize, strongSize))
        },
      ),
    )
  })

  it('do not depend on how the file was split', () => {
    fc.assert(
      fc.property(bytesOfSizes(...sizesAround(blockSize), 200), cuts, (file, places) => {
        const parts = run(new SignatureMaker({ blockSize }), split(file, places))
        expect(joined(parts)).toEqual(makeSignature(file, { blockSize }))
      }),
    )
  })

  it('are read as they were written', () => {
    const bytes = makeSignature(sample(100), { blockSize, strongSize: 8 })
    const signature = parseSignature(bytes)
    expect(signature).toMatchObject({ blockSize, strongSize: 8, count: 7 })
    expect(signature.weak[1]! >>> 0).toBe(new DataView(bytes.buffer).getUint32(12 + 12))
    expect(signature.strong.subarray(8, 16)).toEqual(bytes.subarray(28, 36))
  })

  it('keep 16 bytes of each strong sum unless told otherwise', () => {
    expect(makeSignature(sample(16), { blockSize })).toHaveLength(12 + 4 + 16)
  })
})

describe('deltas', () => {
  it('hold the operations of the slow twin, and patch to the new file', async () => {
    await fc.assert(
      fc.asyncProperty(edits(blockSize), async ({ old, file }) => {
        const delta = makeDelta(signatureOf(old), file)
        const ops = mergeLiterals(opsOf(delta))
        expect(ops).toEqual(slowDelta(old, file, blockSize))
        expect(slowPatch(old, ops)).toEqual(file)
        expect(await patch(old, [delta], file.length)).toEqual(file)
      }),
      { numRuns: 300 },
    )
  })

  it('work for old and new files of every size around the blocks', async () => {
    await fc.assert(
      fc.asyncProperty(
        bytesOfSizes(...sizesAround(blockSize)),
        bytesOfSizes(...sizesAround(blockSize)),
        async (old, file) => {
          const delta = makeDelta(signatureOf(old), file)
          expect(mergeLiterals(opsOf(delta))).toEqual(slowDelta(old, file, blockSize))
          expect(await patch(old, [delta], file.length)).toEqual(file)
        },
      ),
    )
  })

  it('do not depend on how the new file was split', () => {
    fc.assert(
      fc.property(edits(blockSize), cuts, ({ old, file }, places) => {
        const signature = signatureOf(old)
        const parts = run(new DeltaMaker(signature), split(file, places))
        expect(joined(parts)).toEqual(makeDelta(signature, file))
      }),
    )
  })

  it('come out the same byte by byte, over many literals', () => {
    const old = sample(5000)
    const file = new Uint8Array(Buffer.concat([sample(70_000, 2), old, sample(66_000, 3), old]))
    const signature = signatureOf(old)
    const single = run(
      new DeltaMaker(signature),
      Array.from(file, (byte) => Uint8Array.of(byte)),
    )
    expect(joined(single)).toEqual(makeDelta(signature, file))
    expect(mergeLiterals(opsOf(joined(single)))).toMatchObject([
      { type: 'literal' },
      { type: 'copy', start: 0, length: 5000 - (5000 % blockSize) },
      { type: 'literal' },
      { type: 'copy', start: 0, length: 5000 },
    ])
  })

  it('of an unchanged file are one copy', () => {
    const file = sample(10_000)
    expect(opsOf(makeDelta(signatureOf(file), file))).toEqual([
      { type: 'copy', start: 0, length: 10_000 },
    ])
  })

  it('of a file that grew at its end are one copy and the tail', () => {
    const old = sample(10 * blockSize)
    const file = Uint8Array.of(...old, ...sample(100, 2))
    expect(opsOf(makeDelta(signatureOf(old), file))).toEqual([
      { type: 'copy', start: 0, length: old.length },
      { type: 'literal', bytes: sample(100, 2) },
    ])
  })

  it('of a run of equal blocks are one copy', () => {
    const zeros = new Uint8Array(100 * blockSize)
    expect(opsOf(makeDelta(signatureOf(zeros), zeros))).toEqual([
      { type: 'copy', start: 0, length: zeros.length },
    ])
  })

  it('use the shortest form of every number', () => {
    for (const size of [1, 64, 65, 255, 256, 65_533]) {
      const head = size <= 64 ? 1 : size <= 255 ? 2 : 3
      const delta = makeDelta(signatureOf(new Uint8Array(0)), sample(size))
      expect(delta).toHaveLength(4 + head + size + 1)
    }
    const long = makeDelta(signatureOf(new Uint8Array(0)), sample(65_534))
    expect(long).toHaveLength(4 + 3 + 65_533 + 1 + 1 + 1)
  })

  it('count the literal bytes as they go', () => {
    const old = sample(1000)
    const maker = new DeltaMaker(signatureOf(old))
    maker.push(old)
    expect(maker.literalSize).toBe(0)
    maker.push(sample(500, 2))
    maker.close()
    expect(maker.literalSize).toBe(500 + (1000 % blockSize))
  })
})

describe('reading a delta', () => {
  it('gives the same operations however it was split', () => {
    fc.assert(
      fc.property(edits(blockSize), cuts, ({ old, file }, places) => {
        const delta = makeDelta(signatureOf(old), file)
        const reader = new DeltaReader()
        const ops = split(delta, places).flatMap((part) => reader.push(part))
        reader.close()
        expect(mergeLiterals(ops)).toEqual(mergeLiterals(opsOf(delta)))
      }),
    )
  })

  it('tells which ranges of the old file are needed', () => {
    const ops: DeltaOp[] = [
      { type: 'copy', start: 100, length: 10 },
      { type: 'literal', bytes: sample(5) },
      { type: 'copy', start: 0, length: 20 },
      { type: 'copy', start: 10, length: 5 },
      { type: 'copy', start: 110, length: 1 },
      { type: 'copy', start: 22, length: 1 },
    ]
    expect(patchRanges(ops)).toEqual([
      { start: 0, length: 20 },
      { start: 22, length: 1 },
      { start: 100, length: 11 },
    ])
    expect(patchRanges([])).toEqual([])
  })
})

describe('patching', () => {
  it('reads only what the delta copies, in steps of 1 MiB at most', async () => {
    const old = sample(2_500_000)
    const reads: [number, number][] = []
    const base = {
      size: old.length,
      read: (offset: number, length: number) => {
        reads.push([offset, length])
        return Promise.resolve(old.subarray(offset, offset + length))
      },
    }
    const delta = makeDelta(parseSignature(makeSignature(old, { blockSize: 4096 })), old)
    expect(await collect(applyDelta(base, stream([delta]), { sizeMax: old.length }))).toEqual(old)
    expect(reads).toEqual([
      [0, 1_048_576],
      [1_048_576, 1_048_576],
      [2_097_152, 402_848],
    ])
  })
})

function signatureOf(old: Uint8Array) {
  return parseSignature(makeSignature(old, { blockSize }))
}

function opsOf(delta: Uint8Array): DeltaOp[] {
  const reader = new DeltaReader()
  const ops = reader.push(delta)
  reader.close()
  return ops
}

/** Long literals come as several commands; in truth they are one. */
function mergeLiterals(ops: readonly DeltaOp[]): DeltaOp[] {
  const merged: DeltaOp[] = []
  for (const op of ops) {
    const last = merged.at(-1)
    if (op.type === 'literal' && last?.type === 'literal')
      merged[merged.length - 1] = { type: 'literal', bytes: joined([last.bytes, op.bytes]) }
    else merged.push(op)
  }
  return merged.map((op) => (op.type === 'literal' ? { ...op, bytes: op.bytes.slice() } : op))
}

function patch(old: Uint8Array, delta: Uint8Array[], sizeMax: number): Promise<Uint8Array> {
  const read = (offset: number, length: number) =>
    Promise.resolve(old.subarray(offset, offset + length))
  return collect(applyDelta({ size: old.length, read }, stream(delta), { sizeMax }))
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
