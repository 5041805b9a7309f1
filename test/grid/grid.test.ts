import { describe, expect, it } from 'vitest'

import { openReceipt } from '../../protocol/head.ts'
import { digestOf, forever, makePack, TestGrid } from '../support/test-grid.ts'

describe('a grid', () => {
  it('places a pack, finds it again, and reads any range of it', async () => {
    const test = new TestGrid({ peers: 7 })
    await test.tell(async () => {
      const grid = await test.client()
      const pack = makePack(100_000, grid.code())
      const placement = await grid.place(pack, test.vault, new Map(), forever)
      expect(placement).toMatchObject({ safe: true, happiness: 5, needed: 3, wanted: 5 })
      expect(placement.failures).toEqual([])
      expect(placement.bytesSent).toBe(5 * 50_000)

      const other = await test.client()
      const location = (await other.have([pack.id], forever)).get(pack.id)
      expect(location?.holders.size).toBe(5)
      for (const [offset, length] of [
        [0, 100_000],
        [0, 1],
        [99_999, 1],
        [49_990, 20],
        [4096, 4096],
        [70_000, 0],
      ] as const) {
        const bytes = await other.read(location!, offset, length, forever)
        expect(digestOf(bytes)).toBe(digestOf(pack.bytes.slice(offset, offset + length)))
      }
    })
  })

  it('publishes a head to every peer and gets it back with receipts', async () => {
    const test = new TestGrid({ peers: 4 })
    await test.tell(async () => {
      const grid = await test.client()
      const head = test.head(1)
      const { receipts, failures } = await grid.publish(head, forever)
      expect(failures).toEqual([])
      expect(receipts.map(({ receipt }) => openReceipt(receipt).sequence)).toEqual([1, 1, 1, 1])
      const { answers } = await grid.heads(test.vault, forever)
      expect(answers.map(({ heads }) => heads.map((kept) => kept.head))).toEqual(
        [1, 2, 3, 4].map(() => [head]),
      )
    })
  })
})
