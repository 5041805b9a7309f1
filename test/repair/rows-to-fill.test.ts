import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { leafCount, pieceSize, type Manifest } from '../../protocol/manifest.ts'
import { rowsToFill } from '../../src/repair/rows-to-fill.ts'

const shapes = fc
  .record({ needed: fc.integer({ min: 1, max: 5 }), size: fc.integer({ min: 1, max: 400_000 }) })
  .map((shape) => ({ ...shape, leafSize: 4096 }) as Manifest)

describe('rows to fill', () => {
  it('are the leaves that hold a byte of a gap, each once, and no others', () => {
    fc.assert(
      fc.property(shapes, fc.array(fc.nat(400_000), { maxLength: 12 }), (manifest, cuts) => {
        const gaps = gapsOf(manifest, cuts)
        const lacking = new Set<string>()
        for (const { offset, length } of gaps) {
          for (let at = offset; at < offset + length; at += 1) lacking.add(leafOf(manifest, at))
        }
        const told: string[] = []
        for (const { first, count, wanted } of rowsToFill(manifest, gaps)) {
          expect(first + count).toBeLessThanOrEqual(leafCount(manifest))
          expect(count * manifest.leafSize).toBeLessThanOrEqual(1024 * 1024)
          for (let row = first; row < first + count; row += 1) {
            for (const share of wanted) told.push(`${share} ${row}`)
          }
        }
        expect(new Set(told).size).toBe(told.length)
        expect(told.toSorted()).toEqual([...lacking].toSorted())
      }),
      { numRuns: 60 },
    )
  })

  it('are all leaves of all data shares where everything is missing', () => {
    const manifest = { needed: 3, size: 10_000_000, leafSize: 16_384 } as Manifest
    const rows = rowsToFill(manifest, [{ offset: 0, length: 10_000_000 }])
    expect(rows.reduce((sum, { count }) => sum + count, 0)).toBe(leafCount(manifest))
    for (const { wanted } of rows) expect(wanted).toEqual([0, 1, 2])
    expect(rows[0]).toEqual({ first: 0, count: 64, wanted: [0, 1, 2] })
  })
})

function leafOf(manifest: Manifest, at: number): string {
  const size = pieceSize(manifest)
  const share = Math.floor(at / size)
  return `${share} ${Math.floor((at - share * size) / manifest.leafSize)}`
}

/** Every other stretch between the cuts. */
function gapsOf({ size }: Manifest, cuts: readonly number[]) {
  const inside = [...new Set(cuts.filter((cut) => cut < size))].toSorted((a, b) => a - b)
  return inside.flatMap((offset, index) => {
    const end = inside[index + 1] ?? size
    return index % 2 === 0 && offset < end ? [{ offset, length: end - offset }] : []
  })
}
