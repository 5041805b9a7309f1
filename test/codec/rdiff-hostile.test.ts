import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { fromHex } from '../../protocol/bytes.ts'
import { BlockTable } from '../../src/codec/plain/block-table.ts'
import {
  applyDelta,
  BadDeltaError,
  BadSignatureError,
  BLOCK_SIZE_MAX,
  DeltaMaker,
  DeltaReader,
  makeDelta,
  makeSignature,
  parseSignature,
} from '../../src/codec/rdiff.ts'
import { strongSum } from '../../src/codec/plain/strong-sum.ts'
import { flip, sample } from '../vectors/format.ts'
import { collect, cuts, split, stream } from './builders.ts'

const old = sample(1000)
const MAGIC = '72730236'
const outcomes = ['done', 'BadDeltaError']

describe('a bad delta is an error', () => {
  it.for([
    ['without anything', ''],
    ['with half a magic', '7273'],
    ['with another magic', '7273014700'],
    ['without its end', MAGIC],
    ['cut inside the number of a copy', `${MAGIC}4a0000`],
    ['cut inside a literal', `${MAGIC}03aabb`],
    ['with bytes after its end', `${MAGIC}0000`],
    ['with the first reserved opcode', `${MAGIC}5500`],
    ['with the last reserved opcode', `${MAGIC}ff00`],
    ['with a literal of length 0', `${MAGIC}410000`],
    ['with a literal of length 0 in 8 bytes', `${MAGIC}44000000000000000000`],
    ['with a copy of length 0', `${MAGIC}45000000`],
    ['with a copy that starts behind the old file', `${MAGIC}4903e80100`],
    ['with a copy that ends behind the old file', `${MAGIC}4a000003e900`],
    ['with a copy from 2⁵³', `${MAGIC}5100200000000000000100`],
    ['with a copy of 2⁵³ bytes', `${MAGIC}48000020000000000000 00`],
    ['with a copy that ends at 2⁵³', `${MAGIC}51001fffffffffffff0100`],
    ['with a copy from 2⁶⁴ − 1', `${MAGIC}51ffffffffffffffff0100`],
    ['with a literal of 2⁶⁴ − 1 bytes', `${MAGIC}44ffffffffffffffff00`],
    ['with a literal of 2⁵² bytes that are missing', `${MAGIC}440010000000000000aabb`],
    ['that makes more than it may', `${MAGIC}4a000003e8 01ff 00`],
    ['that makes more than it may by literals', `${MAGIC}4a000003e7 02ffff 00`],
  ])('H12: %s', async ([, hex]) => {
    await expect(patch([fromHex(hex!.replaceAll(' ', ''))], 1000)).rejects.toThrow(BadDeltaError)
  })

  it.for([
    ['that it makes too much', '4a000003e8', 999],
    ['that it copies what is behind the old file', '4a000003e9', 2000],
  ] as const)('before the old file is read: %s', async ([, copy, sizeMax]) => {
    let reads = 0
    const base = {
      size: 1000,
      read: (_: number, length: number) => {
        reads++
        return Promise.resolve(new Uint8Array(length))
      },
    }
    const delta = stream([fromHex(`${MAGIC}${copy}`)])
    await expect(collect(applyDelta(base, delta, { sizeMax }))).rejects.toThrow(BadDeltaError)
    expect(reads).toBe(0)
  })

  it.for([
    ['a copy from 2⁵³', '5100200000000000000100'],
    ['a copy of 2⁵³ bytes', '480000200000000000000000'],
    ['a copy that ends at 2⁵³', '51001fffffffffffff0100'],
    ['a literal of 2⁵³ bytes', '440020000000000000'],
  ] as const)('where it is read, whatever the old file: %s', ([, command]) => {
    expect(() => new DeltaReader().push(fromHex(MAGIC + command))).toThrow(BadDeltaError)
  })

  it('but not with numbers one below', () => {
    const ops = new DeltaReader().push(fromHex(`${MAGIC}51001ffffffffffffe01440000000000000001ff`))
    expect(ops).toEqual([
      { type: 'copy', start: Number.MAX_SAFE_INTEGER - 1, length: 1 },
      { type: 'literal', bytes: Uint8Array.of(255) },
    ])
  })

  it('H12: if the old file is shorter than it says', async () => {
    const base = { size: 1000, read: () => Promise.resolve(new Uint8Array(5)) }
    const delta = stream([fromHex(`${MAGIC}4500ff00`)])
    await expect(collect(applyDelta(base, delta, { sizeMax: 999 }))).rejects.toThrow(BadDeltaError)
  })

  it('and nothing but that, whatever the bytes', async () => {
    const commands = fc.uint8Array({ maxLength: 60 }).map((bytes) => concat(fromHex(MAGIC), bytes))
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.uint8Array(), commands), cuts, async (bytes, places) => {
        expect(outcomes).toContain(await outcomeOf(patch(split(bytes, places), 5000)))
      }),
      { numRuns: 500 },
    )
  })

  it('and nothing but that, for a good delta with damage', async () => {
    const file = concat(sample(300, 2), old, sample(70, 3))
    const delta = makeDelta(parseSignature(makeSignature(old, { blockSize: 64 })), file)
    await fc.assert(
      fc.asyncProperty(fc.nat(delta.length - 1), fc.nat(255), async (at, byte) => {
        const damaged = patch([delta.with(at, byte)], file.length)
        expect(outcomes).toContain(await outcomeOf(damaged))
        const short = patch([delta.subarray(0, at)], file.length)
        expect(await outcomeOf(short)).toBe('BadDeltaError')
      }),
      { numRuns: 300 },
    )
  })
})

describe('every width of number is read', () => {
  it.for([
    ['literal of 1 byte length', '4102abcd', 'abcd'],
    ['literal of 2 byte length', '420002abcd', 'abcd'],
    ['literal of 4 byte length', '4300000002abcd', 'abcd'],
    ['literal of 8 byte length', '440000000000000002abcd', 'abcd'],
    ...[1, 2, 4, 8].flatMap((start, a) =>
      [1, 2, 4, 8].map((length, b) => [
        `copy with ${start} and ${length} bytes`,
        (0x45 + 4 * a + b).toString(16) + number(5, start) + number(3, length),
        Buffer.from(old.subarray(5, 8)).toString('hex'),
      ]),
    ),
  ])('%s', async ([, command, result]) => {
    const delta = fromHex(`${MAGIC}${command}00`)
    expect(Buffer.from(await patch([delta], 100)).toString('hex')).toBe(result)
  })
})

describe('a bad signature is an error', () => {
  it.for([
    ['without anything', ''],
    ['cut inside its head', '727301470000080000000'.slice(0, 20)],
    ['with the magic of MD4', '727301460000080000000010'],
    ['with the magic of rollsum', '727301370000080000000010'],
    ['with the magic of a delta', '727302360000080000000010'],
    ['with blocks of 0 bytes', '727301470000000000000010'],
    ['with blocks above 4 MiB', '727301470040000100000010'],
    ['with blocks of 4 GiB', '72730147ffffffff00000010'],
    ['with strong sums of 0 bytes', '727301470000080000000000'],
    ['with strong sums of 33 bytes', '727301470000080000000021'],
    ['with half a block', '72730147000008000000001000000000'],
  ])('%s', ([, hex]) => {
    expect(() => parseSignature(fromHex(hex!))).toThrow(BadSignatureError)
  })

  it('and nothing but that, whatever the bytes', () => {
    const head = fromHex('72730147000000')
    const close = fc.uint8Array({ maxLength: 60 }).map((bytes) => concat(head, bytes))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array(), close), (bytes) => {
        const outcome = outcomeNow(() => makeDelta(parseSignature(bytes), sample(600)))
        expect(['done', 'BadSignatureError']).toContain(outcome)
      }),
      { numRuns: 500 },
    )
  })

  it('but one of the largest blocks is not, and needs no memory before its bytes come', () => {
    const signature = parseSignature(fromHex('727301470040000000000010'))
    expect(signature.blockSize).toBe(BLOCK_SIZE_MAX)
    const maker = new DeltaMaker(signature)
    expect(maker.push(sample(100))).toHaveLength(1)
    expect(maker.close()[0]).toHaveLength(2 + 100 + 1)
  })
})

describe('a signature made to collide', () => {
  it('costs a bounded number of steps: late blocks of a crowd are not found', () => {
    const blocks = Array.from({ length: 1000 }, (_, seed) => sample(16, seed))
    const table = new BlockTable({
      blockSize: 16,
      strongSize: 32,
      count: 1000,
      weak: new Int32Array(1000).fill(77),
      strong: concat(...blocks.map(strongSum)),
    })
    expect(table.find(77, blocks[0]!, -1)).toBe(0)
    expect(table.find(77, blocks[200]!, -1)).toBe(200)
    expect(table.find(77, blocks[999]!, -1)).toBe(-1)
    expect(table.find(77, blocks[999]!, 999)).toBe(999)
  })

  it('takes its table no quadratic time', { timeout: 10_000 }, () => {
    const count = 200_000
    const strong = new Uint8Array(new Uint32Array(count).map((_, block) => block).buffer)
    const weak = new Int32Array(count).fill(77)
    const table = new BlockTable({ blockSize: 16, strongSize: 4, count, weak, strong })
    expect(table.find(77, sample(16), -1)).toBe(-1)
  })

  it('with weak sums only gives no copies', () => {
    const block = sample(16)
    const signature = makeSignature(block, { blockSize: 16 })
    const forged = flip(signature, -1)
    expect(strongSum(block)[15]).not.toBe(forged.at(-1))
    expect(makeDelta(parseSignature(forged), block)).toHaveLength(4 + 1 + 16 + 1)
  })
})

function patch(delta: readonly Uint8Array[], sizeMax: number): Promise<Uint8Array> {
  const read = (offset: number, length: number) =>
    Promise.resolve(old.subarray(offset, offset + length))
  return collect(applyDelta({ size: old.length, read }, stream(delta), { sizeMax }))
}

/** @returns 'done', or the name of the error */
async function outcomeOf(result: Promise<unknown>): Promise<string> {
  try {
    await result
    return 'done'
  } catch (error) {
    return error instanceof Error ? error.name : 'unknown'
  }
}

function outcomeNow(act: () => unknown): string {
  try {
    act()
    return 'done'
  } catch (error) {
    return error instanceof Error ? error.name : 'unknown'
  }
}

function number(value: number, width: number): string {
  return value.toString(16).padStart(2 * width, '0')
}

function concat(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
