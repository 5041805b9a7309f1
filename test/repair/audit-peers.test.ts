import { describe, expect, it } from 'vitest'

import type { EncodedPack } from '../../src/codec/encode-pack.ts'
import { encodePack } from '../../src/codec/encode-pack.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { auditPeers, sharesByPeer, type PeerAudit } from '../../src/repair/audit-peers.ts'
import { checkPacks } from '../../src/repair/check-packs.ts'
import { RepairWorker } from '../../src/repair/repair-worker.ts'
import {
  becomeLiar,
  honestLeaves,
  NOT_FOUND,
  RepairWorld,
  type ManifestAnswer,
  type ReadAnswer,
} from '../support/repair-world.ts'
import { forever, makePack, TestGrid, type TestPeer } from '../support/test-grid.ts'

/** 62 leaves of 4 KiB in each share. */
const pack = makePack(500_000, { needed: 2, total: 4 })
const other = makePack(500_000, { needed: 2, total: 4 }, 2)

describe('an audit', () => {
  it('passes peers that have what they say, and names none', async () => {
    await tell(async ({ world, audit }) => {
      const audits = await audit(20)
      expect(audits.filter(({ verdict }) => verdict === 'good')).toHaveLength(4)
      expect(audits.filter(({ verdict }) => verdict === 'nothing')).toHaveLength(1)
      expect(world.bad.all()).toEqual([])
      expect([...world.audits.values()].flat().every(Boolean)).toBe(true)
    })
  })

  it('S14: of a peer that silently dropped a tenth of its blocks names it within 44, as the oracle has it', async () => {
    await tell(async ({ audit, lie, liar, world }) => {
      const missing = (leaf: number) => (leaf * 7) % 10 === 3
      const part = countOf(62, missing) / 62
      await lie(({ first, count: leaves }) => {
        for (let leaf = first; leaf < first + leaves; leaf += 1) if (missing(leaf)) return NOT_FOUND
        return 'honest'
      })
      const trials = 300
      const isNamed = async (draws: number, more = {}) => {
        for (const held of world.bad.all()) world.bad.clear(held)
        return failed(await audit(draws, { only: liar.id, ...more }))
      }
      let [found, foundWithWindows] = [0, 0]
      for (let trial = 0; trial < trials; trial += 1) {
        if (await isNamed(10, { windowEvery: Infinity })) found += 1
        if (await isNamed(44)) foundWithWindows += 1
      }
      const expected = 1 - (1 - part) ** 10
      const sigma = Math.sqrt((expected * (1 - expected)) / trials)
      expect(Math.abs(found / trials - expected)).toBeLessThan(5 * sigma)
      // 0.99 for single blocks; the windows among them find more.
      expect(foundWithWindows / trials).toBeGreaterThan(
        0.99 - 5 * Math.sqrt((0.99 * 0.01) / trials),
      )
    })
  })

  const lies: Readonly<Record<string, (of: Parameters<typeof honestLeaves>[1]) => ReadAnswer>> = {
    'S01: one wrong bit': (range) => {
      const { proof, bytes } = honestLeaves(pack, range)
      bytes[0]! ^= 1
      return { proof, bytes }
    },
    'S02: leaves that are too short': (range) => {
      const { proof, bytes } = honestLeaves(pack, range)
      return { proof, bytes: bytes.slice(0, -1) }
    },
    'S03: another share of the pack': (range) =>
      honestLeaves(pack, { ...range, shareNumber: (range.shareNumber + 1) % 4 }),
    'S04: a share of another pack': (range) => honestLeaves(other, range),
    'no bytes': () => NOT_FOUND,
  }
  for (const [name, answer] of Object.entries(lies)) {
    it(`${name}: makes the share bad there, and is held against the peer once`, async () => {
      await tell(async ({ world, audit, lie, liar }) => {
        await lie(answer)
        const audits = await audit(10)
        expect(audits.filter(({ bad }) => bad.length > 0)).toMatchObject([
          { peer: liar.id, verdict: 'failed', bad: [{ held: { pack: pack.id, peer: liar.id } }] },
        ])
        expect(world.bad.all()).toHaveLength(1)
        expect(world.audits.get(liar.id)).toEqual([false])
      })
    })
  }

  it('S13: of a share that is not held, or with trouble at the peer, is not held against it', async () => {
    await tell(async ({ world, audit, lie, liar }) => {
      for (const code of ['busy', 'internal', 'bad-request'] as const) {
        await lie(() => ({ type: 'error', code, message: 'not now' }))
        const audits = await audit(5)
        expect(audits.find(({ peer }) => peer === liar.id)).toMatchObject({
          verdict: 'away',
          unanswered: 5,
          bad: [],
        })
      }
      // For a week of it there is a clock.
      expect(world.refusals).toEqual(Array(15).fill(liar.id))
      // It was stored there and is not claimed any more: that is told, and read from nobody.
      const { asked } = await lie(() => 'honest', [])
      const shares = new Map([[liar.id, [{ pack: pack.id, shareNumber: 0, size: 250_000 }]]])
      const [honest] = await auditPeers(world.parts, { count: 3, shares }, forever)
      expect(honest?.bad).toHaveLength(1)
      expect(asked.read).toBe(0)
      expect(world.bad.all()).toEqual([])
    })
  })

  it('of a peer that answers what it holds and keeps the manifests back notes that it gave nothing', async () => {
    await tell(async ({ world, audit, lie, liar }) => {
      for (const keeps of ['refuses', 'is silent'] as const) {
        await lie(() => 'honest', [0], keeps)
        const audits = await audit(3, { only: liar.id })
        expect(audits).toMatchObject([{ verdict: 'away', unanswered: 3, bad: [] }])
      }
      expect(world.refusals).toEqual([liar.id, liar.id])
    })
  })

  it('of a peer that is away says nothing', async () => {
    await tell(async ({ world, test, audit, liar }) => {
      liar.machine.crash('power')
      const shares = new Map([[liar.id, [{ pack: pack.id, shareNumber: 0, size: 250_000 }]]])
      const audits = await auditPeers(world.parts, { count: 3, shares }, forever)
      expect(audits).toMatchObject([{ verdict: 'away', unanswered: 3, bad: [] }])
      expect(world.audits.get(liar.id)).toBeUndefined()
      expect(world.refusals).toEqual([])
      expect((await audit(3)).filter(({ verdict }) => verdict === 'good')).toHaveLength(3)
      await test.laptop.ports.clock.sleep(1)
    })
  })

  it('S16: a peer that answers audits and refuses reads is caught by the windows among them, and the share is made again', async () => {
    await tell(async ({ world, audit, lie, liar }) => {
      // Single blocks it gives; whatever looks like a restore gets no answer.
      await lie(({ count: leaves }) => (leaves > 1 ? 'silence' : 'honest'))
      const audits = await audit(20)
      expect(audits.find(({ peer }) => peer === liar.id)).toMatchObject({ verdict: 'withholding' })
      // A slow line is no proof: it is not held against the friend.
      expect(world.audits.get(liar.id) ?? []).not.toContain(false)
      const worker = new RepairWorker(world.parts)
      const checked = await worker.check({}, forever)
      expect(checked.packs[0]).toMatchObject({ verdict: 'settling' })
      const { health } = await worker.repair(checked, {}, forever)
      expect(health[0]).toMatchObject({ verdict: 'whole', happiness: 4 })
    })
  })

  it('S17: a peer that fetches from others what it is asked for passes, pays k reads for it, and is caught when they leave', async () => {
    await tell(async ({ audit, lie, liar, test, world }) => {
      let fetched = 0
      await lie(async (range, asked, grid) => {
        const location = (await grid.have([asked.id], forever)).get(asked.id)
        const others = [...(location?.holders ?? [])].filter(
          ([, peers]) => !peers.includes(liar.id),
        )
        if (location === undefined || others.length < 2) return NOT_FOUND
        const from = { ...location, holders: new Map(others) }
        const bytes = await grid.read(from, 0, asked.manifest.size, forever)
        fetched += bytes.length
        return honestLeaves(encodePack(bytes, asked.manifest), range)
      })
      const audits = await audit(3, { windowEvery: Infinity })
      expect(audits.find(({ peer }) => peer === liar.id)).toMatchObject({ verdict: 'good' })
      // For a block of 4 KiB it reads the whole pack: its share is like no other.
      expect(fetched).toBe(3 * 500_000)
      const holders = [...(world.book.holders.get(pack.id) ?? [])]
      const others = holders.filter(([, peer]) => peer !== liar.id).slice(0, 2)
      for (const [, peer] of others) test.peer(peer).machine.crash('power')
      const later = await audit(3, { windowEvery: Infinity })
      expect(later.find(({ peer }) => peer === liar.id)).toMatchObject({ verdict: 'failed' })
    })
  })
})

describe('a month of audits', () => {
  it('is less than 1 MB over the line for a pair of peers, both ways and all told', async () => {
    const large = makePack(16_000_000, { needed: 3, total: 4, leafSize: 16_384 })
    const test = new TestGrid({ peers: 5 })
    await test.tell(async () => {
      const grid = await test.client()
      const { holders } = await grid.place(large, test.vault, new Map(), forever)
      const world = new RepairWorld(test, grid, [large])
      const peer = test.peer(holders.get(0))
      let bytes = 0
      test.world.trace.listen(({ node, event, fields }) => {
        if (event !== 'net.arrive') return
        const ends = [node, String(fields['from'])]
        if (ends.includes('laptop') && ends.includes(peer.machine.name)) {
          bytes += Number(fields['size'])
        }
      })
      const share = { pack: large.id, shareNumber: 0, size: Math.ceil(16_000_000 / 3) }
      const shares = new Map([[peer.id, [share]]])
      // One at a time, as backups do it: each asks for the manifest anew.
      for (let done = 0; done < 44; done += 1) {
        const [audit] = await auditPeers(world.parts, { count: 1, shares, done }, forever)
        expect(audit).toMatchObject({ verdict: 'good', passed: 1 })
      }
      expect(bytes).toBeGreaterThan(900_000)
      expect(bytes).toBeLessThan(1_000_000)
    })
  })
})

interface Story {
  readonly test: TestGrid
  readonly world: RepairWorld
  /** The holder of share 0. */
  readonly liar: TestPeer
  readonly audit: (
    count: number,
    more?: { windowEvery?: number; only?: PeerId },
  ) => Promise<PeerAudit[]>
  readonly lie: (
    onRead: Parameters<typeof becomeLiar>[3],
    shares?: readonly number[],
    manifests?: ManifestAnswer,
  ) => ReturnType<typeof becomeLiar>
}

async function tell(story: (parts: Story) => Promise<void>): Promise<void> {
  const test = new TestGrid({ peers: 5 })
  await test.tell(async () => {
    const grid = await test.client()
    const { holders } = await grid.place(pack, test.vault, new Map(), forever)
    const world = new RepairWorld(test, grid, [pack])
    const liar = test.peer(holders.get(0))
    const holds = (shares: readonly number[]) =>
      new Map<EncodedPack, readonly number[]>([[pack, shares]])
    await story({
      test,
      world,
      liar,
      audit: async (count, { only, ...more } = {}) => {
        const { packs, friends } = await checkPacks(world.parts, {}, forever)
        const held = sharesByPeer(
          packs.map((health) => ({ pack: health.pack, holders: health.readable })),
        )
        const peers = only === undefined ? [...friends.keys()] : [only]
        const shares = new Map(peers.map((peer) => [peer, held.get(peer) ?? []]))
        return auditPeers(world.parts, { count, shares, ...more }, forever)
      },
      lie: (onRead, shares = [0], manifests = 'honest') =>
        becomeLiar(test, liar, holds(shares), onRead, manifests),
    })
  })
}

function failed(audits: readonly PeerAudit[]): boolean {
  return audits.some(({ verdict }) => verdict === 'failed')
}

function countOf(until: number, isMeant: (index: number) => boolean): number {
  return Array.from({ length: until }, (_, index) => index).filter(isMeant).length
}
