import { describe, expect, it } from 'vitest'

import { openReceipt } from '../../protocol/head.ts'
import type { Look, Refusal } from '../../src/base/peer-record.ts'
import type { Standing } from '../../src/grid/standing.ts'
import type { PeerId } from '../../src/ports/network.ts'
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

  it('gives shares to nobody who is silent, away, leaving, given up or mistrusted', async () => {
    const test = new TestGrid({ peers: 8 })
    const told: Standing[] = ['quiet', 'vacation', 'untrusted', 'leaving', 'gone']
    const standings = new Map(test.peers.map(({ id }, index) => [id, told[index] ?? 'here']))
    await test.tell(async () => {
      const watch = { standings: (peer: PeerId) => standings.get(peer) ?? 'here' }
      const grid = await test.client(undefined, undefined, watch)
      expect(grid.counted()).toHaveLength(6)
      expect(grid.code(), 'for the six who count').toEqual({ needed: 2, total: 4 })
      const pack = makePack(20_000, grid.code())
      const placement = await grid.place(pack, test.vault, new Map(), forever)
      const takers = test.peers.slice(5).map(({ id }) => id)
      expect([...placement.holders.values()].toSorted()).toEqual(takers.toSorted())
      expect(placement).toMatchObject({ safe: true, happiness: 3, failures: [] })
      expect(placement.passedOver.map(({ standing }) => standing).toSorted()).toEqual(
        told.toSorted(),
      )
    })
  })

  it('counts shares at those it waits for, and places anew what lay with those it does not', async () => {
    const test = new TestGrid({ peers: 6 })
    const standings = new Map<PeerId, Standing>()
    await test.tell(async () => {
      const puts: [PeerId, Refusal | undefined][] = []
      const grid = await test.client(undefined, undefined, {
        standings: (peer) => standings.get(peer) ?? 'here',
        onPuts: (some) => puts.push(...some),
      })
      const pack = makePack(20_000, { needed: 2, total: 4 })
      const first = await grid.place(pack, test.vault, new Map(), forever)
      expect(puts).toEqual([...first.holders.values()].map((peer) => [peer, undefined]))
      const [quiet, gone] = [...first.holders.values()]
      standings.set(quiet!, 'quiet').set(gone!, 'gone')
      const second = await grid.place(pack, test.vault, first.holders, forever)
      expect(second).toMatchObject({ happiness: 4, bytesSent: 10_000 })
      expect([...second.holders.values()]).toContain(quiet)
      expect([...second.holders.values()]).not.toContain(gone)
    })
  })

  it('tells who answered a question to all, and who did not', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const looks: Look[] = []
      const grid = await test.client(undefined, undefined, { onLook: (look) => looks.push(look) })
      test.peers[1]!.machine.crash('power')
      await grid.heads(test.vault, forever)
      await grid.adopt([], 1, test.vault, forever)
      await grid.have([], forever)
      await grid.release([], forever)
      // A head that is refused was answered all the same.
      await grid.publish(test.head(5), forever)
      await grid.publish(test.head(4), forever)
      const [first, second, third] = test.peers.map(({ id }) => id)
      expect(looks).toHaveLength(3)
      for (const { answered, silent } of looks) {
        expect(new Set(answered)).toEqual(new Set([first, third]))
        expect(silent).toEqual([second])
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
