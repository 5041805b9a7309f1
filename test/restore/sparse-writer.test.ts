import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat } from '../../protocol/bytes.ts'
import type { Hole } from '../../protocol/file-extras.ts'
import type { FileWriter } from '../../src/ports/files.ts'
import { sparseWriter } from '../../src/restore/sparse-writer.ts'

const BLOCK = 4_096

const run = fc.record({ isZero: fc.boolean(), size: fc.integer({ min: 1, max: 3 * BLOCK }) })

describe('a sparse writer', () => {
  it('changes no byte, however the bytes come and whatever the holes say', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(run, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 2 * BLOCK }), { maxLength: 8 }),
        fc.array(fc.tuple(fc.nat(20_000), fc.integer({ min: 1, max: 20_000 })), { maxLength: 4 }),
        async (runs, cuts, gaps) => {
          const whole = concat(
            ...runs.map(({ isZero, size }) => new Uint8Array(size).fill(isZero ? 0 : 7)),
          )
          const { file, writer } = record(holesOf(gaps))
          for (const part of split(whole, cuts)) await writer.write(part)
          expect(Buffer.from(file.whole()).equals(whole)).toBe(true)
        },
      ),
    )
  })

  it('skips whole blocks of zeros where the file had a hole, and nowhere else', async () => {
    const zeros = new Uint8Array(4 * BLOCK)
    const { file, writer } = record([{ offset: BLOCK, size: 2 * BLOCK }])
    await writer.write(zeros)
    expect(file.skipped).toEqual([{ offset: BLOCK, size: 2 * BLOCK }])
  })

  it('skips every block of zeros where there were too many holes to tell', async () => {
    const { file, writer } = record([])
    await writer.write(
      concat(new Uint8Array(BLOCK), new Uint8Array(BLOCK).fill(1), new Uint8Array(BLOCK)),
    )
    expect(file.skipped.map(({ offset }) => offset)).toEqual([0, 2 * BLOCK])
  })

  it('writes what is no longer zero where there was a hole', async () => {
    const { file, writer } = record([{ offset: 0, size: BLOCK }])
    await writer.write(new Uint8Array(BLOCK).fill(9))
    expect(file.skipped).toEqual([])
    expect(file.whole()).toEqual(new Uint8Array(BLOCK).fill(9))
  })
})

function record(holes: readonly Hole[]): { file: Recorded; writer: FileWriter } {
  const file = new Recorded()
  return { file, writer: sparseWriter(file, holes) }
}

class Recorded implements FileWriter {
  readonly skipped: Hole[] = []
  #parts: Uint8Array[] = []
  #size = 0

  async write(bytes: Uint8Array): Promise<void> {
    this.#parts.push(bytes.slice())
    this.#size += bytes.length
  }

  async skip(size: number): Promise<void> {
    this.skipped.push({ offset: this.#size, size })
    await this.write(new Uint8Array(size))
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.whole().slice(offset, offset + length)
  }

  async sync(): Promise<void> {}

  async close(): Promise<void> {}

  whole(): Uint8Array {
    return concat(...this.#parts)
  }
}

function holesOf(gaps: readonly (readonly [number, number])[]): Hole[] {
  let end = 0
  return gaps.map(([gap, size], index) => {
    const offset = end + gap + (index === 0 ? 0 : 1)
    end = offset + size
    return { offset, size }
  })
}

function split(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const parts: Uint8Array[] = []
  let at = 0
  for (const size of sizes) {
    parts.push(bytes.subarray(at, at + size))
    at = Math.min(bytes.length, at + size)
  }
  return [...parts, bytes.subarray(at)].filter(({ length }) => length > 0)
}
