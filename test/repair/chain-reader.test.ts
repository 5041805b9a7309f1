import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { encodeObjectSizes } from '../../protocol/object-sizes.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { Version, VersionId } from '../../protocol/tree.ts'
import { FormatError, RecoveryError } from '../../src/base/errors.ts'
import { makeDelta, makeSignature, parseSignature } from '../../src/codec/rdiff.ts'
import type { Range } from '../../src/codec/rdiff-patch.ts'
import type { ObjectSource } from '../../src/history/objects.ts'
import type { ChainSource } from '../../src/repair/chain.ts'
import { ChainReader, fetchRanges } from '../../src/repair/chain-reader.ts'
import { MemoryObjects } from '../support/memory-objects.ts'
import { sample } from '../vectors/format.ts'

const forever = new AbortController().signal

describe('ranges of an original', () => {
  it('are the bytes of the file, however it was cut', async () => {
    await fc.assert(
      fc.asyncProperty(cutFiles, fc.boolean(), async ({ sizes, ranges }, isTold) => {
        const { version, chain, source, bytes } = await stored(sizes, { isTold })
        const read = await fetchRanges(version, ranges, { chain, source }, forever)
        for (const { start, length } of ranges) {
          expect(read?.(start, length)).toEqual(bytes.subarray(start, start + length))
        }
      }),
    )
  })

  it('cost the objects that hold them, once each, where sizes are told', async () => {
    await fc.assert(
      fc.asyncProperty(cutFiles, async ({ sizes, ranges }) => {
        const { version, chain, source, objects } = await stored(sizes, { isTold: true })
        objects.reset()
        await fetchRanges(version, ranges, { chain, source }, forever)
        expect(objects.reads).toBe(touched(sizes, ranges))
      }),
    )
  })

  it('that were not fetched are not given', async () => {
    const { version, chain, source } = await stored([100, 100, 100], { isTold: true })
    const ranges = [{ start: 120, length: 20 }]
    const read = await fetchRanges(version, ranges, { chain, source }, forever)
    expect(() => read?.(119, 2)).toThrow('the range was fetched')
    expect(() => read?.(139, 2)).toThrow('the range was fetched')
  })

  it('are refused where an object is not what the sizes say', async () => {
    const { version, chain, source } = await stored([100, 100], { isTold: true })
    const wrong = encodeObjectSizes([120, 80])
    const lying = { ...version, extra: wrong === undefined ? [] : [wrong] }
    const ranges = [{ start: 0, length: 1 }]
    await expect(fetchRanges(lying, ranges, { chain, source }, forever)).rejects.toThrow(
      FormatError,
    )
  })
})

describe('a chain', () => {
  it('is told upon its original, version by version', async () => {
    const { reader, versions, files } = await chained(5)
    expect(await reader.read(versions)).toBe(true)
    expect(reader.lost).toEqual([])
    for (const [index, { id }] of versions.entries()) {
      const made = reader
        .composition(id)
        .stretches.map((stretch) =>
          stretch.type === 'literal'
            ? stretch.bytes
            : files[0]!.subarray(stretch.start, stretch.start + stretch.length),
        )
      expect(Buffer.concat(made).equals(files[index]!)).toBe(true)
    }
  })

  it('with a delta that cannot be had, or is wrong, is lost from there on and no further', async () => {
    for (const fault of ['missing', 'garbage', 'too short', 'reaches out'] as const) {
      const { reader, versions } = await chained(5, { at: 2, fault })
      expect(await reader.read(versions)).toBe(true)
      expect(reader.lost.map(({ id }) => id)).toEqual([3, 4, 5])
      expect([1, 2, 3].map((id) => reader.isReadable(id))).toEqual([true, true, false])
    }
  })
})

const cutFiles = fc
  .array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 20 })
  .chain((sizes) => {
    const size = sizes.reduce((sum, one) => sum + one, 0)
    const range = fc
      .tuple(fc.nat(size - 1), fc.integer({ min: 1, max: 200 }))
      .map(([start, length]) => ({ start, length: Math.min(length, size - start) }))
    return fc.record({ sizes: fc.constant(sizes), ranges: fc.array(range, { maxLength: 8 }) })
  })

/** How many objects hold something of the ranges. */
function touched(sizes: readonly number[], ranges: readonly Range[]): number {
  let start = 0
  return sizes.filter((size) => {
    const [from, until] = [start, start + size]
    start = until
    return ranges.some((range) => range.start < until && range.start + range.length > from)
  }).length
}

async function stored(sizes: readonly number[], { isTold }: { isTold: boolean }) {
  const objects = new MemoryObjects()
  const bytes = sample(sizes.reduce((sum, size) => sum + size, 0))
  const references: Reference[] = []
  let offset = 0
  for (const size of sizes) {
    references.push(await objects.put('content', bytes.slice(offset, offset + size)))
    offset += size
  }
  const extra = isTold ? encodeObjectSizes(sizes) : undefined
  const version: Version = {
    id: 1,
    size: bytes.length,
    digest: undefined,
    label: 'stable',
    content: { type: 'original', parts: { depth: 0, references } },
    extra: extra === undefined ? [] : [extra],
  }
  return { version, bytes, objects, source: objects, chain: chainOf([version]) }
}

type Fault = 'missing' | 'garbage' | 'too short' | 'reaches out'

/** Versions 1 to `count`; the delta of the one at index `at` has a fault. */
async function chained(count: number, trouble?: { at: number; fault: Fault }) {
  const objects = new MemoryObjects()
  const files = Array.from({ length: count }, (_, index) => {
    const file = sample(4096)
    file.fill(index, 100 * index, 100 * index + 50)
    return file
  })
  const versions: Version[] = []
  const lost = new Set<Reference>()
  for (const [index, file] of files.entries()) {
    const id: VersionId = index + 1
    const before = files[index - 1]
    const fault = trouble?.at === index ? trouble.fault : undefined
    const body = before === undefined ? file : faulty(deltaOf(before, file), fault)
    const reference = await objects.put(before === undefined ? 'content' : 'delta', body)
    if (fault === 'missing') lost.add(reference)
    const parts = { depth: 0, references: [reference] }
    versions.push({
      id,
      size: file.length,
      digest: undefined,
      label: 'stable',
      content:
        before === undefined ? { type: 'original', parts } : { type: 'delta', base: id - 1, parts },
      extra: [],
    })
  }
  const source: ObjectSource = {
    read: (reference, kind) =>
      lost.has(reference)
        ? Promise.reject(new RecoveryError('no peer holds it'))
        : objects.read(reference, kind),
  }
  return { versions, files, reader: new ChainReader(chainOf(versions), source, forever) }
}

function deltaOf(before: Uint8Array, file: Uint8Array): Uint8Array {
  return makeDelta(parseSignature(makeSignature(before, { blockSize: 64 })), file)
}

function faulty(delta: Uint8Array, fault: Fault | undefined): Uint8Array {
  const magic = [0x72, 0x73, 0x02, 0x36]
  switch (fault) {
    case 'garbage':
      return delta.map((byte, index) => (index === 0 ? byte ^ 1 : byte))
    case 'too short':
      // Copies 16 bytes of the base, and that is all.
      return Uint8Array.of(...magic, 0x45, 0, 16, 0)
    case 'reaches out':
      // Copies 4096 bytes from offset 16.
      return Uint8Array.of(...magic, 0x46, 16, 0x10, 0x00, 0)
    default:
      return delta
  }
}

function chainOf(versions: readonly Version[]): ChainSource {
  return {
    versions,
    referencesOf: ({ content }) => content.parts.references,
    packOf: () => undefined,
  }
}
