import { describe, expect, it } from 'vitest'

import { packIdFromBytes, packIdToBytes } from '../../protocol/manifest.ts'
import type { Extent } from '../../protocol/extents.ts'
import type { Grid } from '../../src/grid/grid.ts'
import { NotEnoughSharesError } from '../../src/grid/grid.ts'
import type { PackSource } from '../../src/repair/pack-source.ts'
import { verifyShares } from '../../src/repair/verify-shares.ts'
import { RepairWorker, type RepairReport } from '../../src/repair/repair-worker.ts'
import { becomeLiar, honestLeaves, NOT_FOUND, RepairWorld } from '../support/repair-world.ts'
import { digestOf, forever, makePack, TestGrid, type GridOptions } from '../support/test-grid.ts'

type Pack = ReturnType<typeof makePack>

/** Ten peers, so two may take what is missing. */
const CODE = { needed: 3, total: 8 }
const pack = makePack(900_000, { ...CODE, leafSize: 4096 })
const SHARE = 300_000

describe('a repair', () => {
  it('by who has the pack sends the missing shares and reads nothing', async () => {
    await tell({ source: whole(pack) }, async ({ lose, repair, test }) => {
      lose(2)
      const { report, traffic } = await repair()
      expect(report.health).toMatchObject([{ verdict: 'whole', happiness: 8, happinessMax: 8 }])
      expect(report).toMatchObject({ bytesSent: 2 * SHARE, bytesRead: 0 })
      // Everything that went over the line, questions and frames included.
      expect(traffic.up).toBeLessThan(1.05 * 2 * SHARE)
      expect(traffic.down).toBeLessThan(0.05 * SHARE)
      await expectSound(test, report)
    })
  })

  it('by a helper reads k shares, and sends the missing ones', async () => {
    await tell({}, async ({ lose, repair, test }) => {
      lose(2)
      const { report, traffic } = await repair()
      expect(report.health).toMatchObject([{ verdict: 'whole', happiness: 8 }])
      expect(report).toMatchObject({ bytesSent: 2 * SHARE, bytesRead: 3 * SHARE })
      expect(traffic.up + traffic.down).toBeLessThan(1.05 * (3 + 2) * SHARE)
      await expectSound(test, report)
    })
  })

  it('reads what the source cannot make and nothing else, wherever it lies', async () => {
    // Half of share 0, which is lost; and a stretch over the border of shares 1 and 2.
    const gaps = [
      { offset: 40_960, length: 100_000 },
      { offset: 2 * SHARE - 50_000, length: 120_000 },
    ]
    await tell({ source: withGaps(pack, gaps) }, async ({ lose, repair, test }) => {
      lose(2)
      const { report } = await repair()
      expect(report.health).toMatchObject([{ verdict: 'whole', happiness: 8 }])
      expect(report.packs[0]?.mended?.means).toBe('files')
      expect(report.bytesRead).toBeGreaterThanOrEqual(220_000)
      // Up to a leaf at each end of each stretch.
      expect(report.bytesRead).toBeLessThan(220_000 + 6 * 4096)
      await expectSound(test, report)
    })
  })

  it('S18: goes on from peers where its own copy is wrong, and sends none of that', async () => {
    const wrong = { ...pack, bytes: pack.bytes.with(700_000, pack.bytes[700_000]! ^ 1) }
    await tell({ source: whole(wrong) }, async ({ lose, repair, test }) => {
      lose(2)
      const { report } = await repair()
      expect(report.packs[0]?.mended?.means).toBe('peers')
      expect(report).toMatchObject({ bytesRead: 3 * SHARE, bytesSent: 2 * SHARE })
      await expectSound(test, report)
    })
  })

  it('S18: verifies every block that it is given, and never writes a bad share', async () => {
    await tell({}, async ({ lose, repair, test, world, holders }) => {
      for (const share of [0, 1]) {
        const holds = new Map([[pack, [share]]])
        await becomeLiar(test, test.peer(holders.get(share)), holds, (range) => {
          const { proof, bytes } = honestLeaves(pack, range)
          return { proof, bytes: bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1) }
        })
      }
      lose(1, 2)
      const { report } = await repair()
      expect(world.bad.all().map(({ shareNumber }) => shareNumber)).toContain(0)
      expect(world.bad.all()).toHaveLength(2)
      await expectSound(test, report)
      // What they said they hold is missing now, and the next run makes it.
      const next = await repair()
      await expectSound(test, next.report)
      expect(next.report.packs[0]?.before.missing).toEqual([0, 1])
    })
  })

  it('is kept from nothing by one who says that it holds every share', async () => {
    await tell({}, async ({ lose, repair, test, holders }) => {
      const every = Array.from({ length: CODE.total }, (_, share) => share)
      const liar = test.peer(holders.get(0))
      await becomeLiar(test, liar, new Map([[pack, every]]), (range) =>
        range.shareNumber === 0 ? honestLeaves(pack, range) : NOT_FOUND,
      )
      lose(2, 1)
      const { report } = await repair()
      expect(report.packs[0]?.before).toMatchObject({ verdict: 'settling', missing: [1, 2] })
      expect([...(report.packs[0]?.mended?.placed.keys() ?? [])].toSorted((a, b) => a - b)).toEqual(
        [1, 2],
      )
      await expectSound(test, report)
    })
  })

  it('S06: works from exactly k good shares', async () => {
    await tell({}, async ({ lose, repair, test }) => {
      lose(5)
      const { report } = await repair()
      expect(report.health).toMatchObject([{ happiness: 5, happinessMax: 5, verdict: 'thin' }])
      await expectSound(test, report)
    })
  })

  it('S07: with k − 1 good shares says so, and writes nothing', async () => {
    await tell({}, async ({ lose, repair, world }) => {
      lose(6)
      const { report } = await repair()
      const [one] = report.packs
      expect(one).toMatchObject({ left: 'failed', mended: undefined, after: { verdict: 'lost' } })
      expect(one?.error).toBeInstanceOf(NotEnoughSharesError)
      expect(one?.error).toMatchObject({ pack: pack.id, found: 2, needed: 3 })
      expect(world.book.placements).toEqual([])
    })
  })

  it('S07: with k − 1 good shares brings a pack back that our own disk still has', async () => {
    await tell({ source: whole(pack) }, async ({ lose, repair, test }) => {
      lose(7)
      const { report } = await repair()
      expect(report.health).toMatchObject([{ verdict: 'unsafe', happiness: 3 }])
      await expectSound(test, report)
    })
  })

  it('S08: goes on when a holder dies during its last block', async () => {
    const large = makePack(6_000_000, { ...CODE, leafSize: 16_384 })
    await tell({ packs: [large] }, async ({ lose, repair, test, holders }) => {
      lose(2, 3)
      const dying = test.peer(holders.get(0))
      let reads = 0
      // The header and the first of two runs have gone out.
      dying.machine.diskTrouble.onStep = ({ operation }) => {
        if (operation === 'read') reads += 1
        return reads > 4 ? 'cut' : 'pass'
      }
      const { report } = await repair()
      expect(dying.machine.isUp).toBe(false)
      expect(report.packs[0]?.mended?.placed.size).toBe(2)
      await expectSound(test, report)
    })
  })

  it('places on new failure domains first, also beside those that only hold', async () => {
    const domains = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'a', 'new']
    const each = (index: number) => ({ domain: domains[index]! })
    await tell({ source: whole(pack), grid: { each } }, async ({ lose, repair, grid }) => {
      lose(1)
      const { report } = await repair()
      const [placed] = [...(report.packs[0]?.mended?.placed.values() ?? [])]
      const domain = grid.roster.domain(placed!)
      const live = report.packs[0]!.before.live
      const others = [...live.values()].flat().map((peer) => grid.roster.domain(peer))
      expect(others).not.toContain(domain)
    })
  })

  it('moves the shares of a peer that leaves: one read, one put', async () => {
    await tell({}, async ({ repair, world, holders, test }) => {
      const leaver = holders.get(5)!
      world.standings.set(leaver, 'leaving')
      const { report } = await repair()
      expect(report).toMatchObject({ bytesRead: SHARE, bytesSent: SHARE })
      expect(report.packs[0]).toMatchObject({ before: { missing: [5] }, after: { missing: [] } })
      expect(report.packs[0]?.mended?.means).toBe('leaver')
      test.peer(leaver).machine.crash('power')
      await expectSound(test, report)
    })
  })

  it('makes what a leaving peer gives wrong from the others', async () => {
    await tell({}, async ({ repair, world, holders, test }) => {
      const leaver = test.peer(holders.get(5))
      world.standings.set(leaver.id, 'leaving')
      await becomeLiar(test, leaver, new Map([[pack, [5]]]), () => 'silence')
      const { report } = await repair()
      expect(report.packs[0]?.mended?.means).toBe('peers')
      await expectSound(test, report)
    })
  })

  it('stops at its budget, the most endangered packs first', async () => {
    const packs = [pack, makePack(900_000, CODE, 2), makePack(900_000, CODE, 3)]
    await tell({ packs }, async ({ repair, world, test }) => {
      // The second pack loses two shares, the others one.
      for (const [index, one] of packs.entries()) {
        const found = [...(world.book.holders.get(one.id) ?? [])].slice(0, index === 1 ? 2 : 1)
        for (const [share, peer] of found) await forget(test, peer, one, share)
      }
      const { report } = await repair({ budget: 6 * SHARE })
      expect(report.packs.map(({ before }) => before.pack.numbers[0])).toEqual([2, 1, 3])
      expect(report.packs.map(({ left }) => left)).toEqual([undefined, 'budget', 'budget'])
      expect(report.bytesRead + report.bytesSent).toBeLessThanOrEqual(6 * SHARE)
      const rest = await repair({ countMax: 1 })
      expect(rest.report.packs.map(({ left }) => left)).toEqual([undefined, 'budget'])
    })
  })

  it('makes nothing that came back since everybody was asked', async () => {
    await tell({}, async ({ lose, worker, test, holders }) => {
      lose(2)
      const checked = await worker.check({}, forever)
      expect(checked.packs[0]?.missing).toHaveLength(2)
      for (const share of [0, 1]) {
        const peer = test.peer(holders.get(share))
        peer.machine.boot()
        await peer.restart()
      }
      await test.laptop.ports.clock.sleep(600_000)
      const report = await worker.repair(checked, {}, forever)
      expect(report.packs).toMatchObject([{ left: 'returned', mended: undefined }])
      expect(report).toMatchObject({ bytesRead: 0, bytesSent: 0 })
    })
  })

  it('planned only, says what it would take and changes nothing', async () => {
    await tell({}, async ({ lose, repair, world }) => {
      lose(2)
      const { report } = await repair({ isDryRun: true })
      expect(report.packs).toMatchObject([
        { left: 'planned', cost: { means: 'peers', bytesDown: 3 * SHARE, bytesUp: 2 * SHARE } },
      ])
      expect(world.book).toMatchObject({ placements: [], adoptions: 0 })
    })
  })

  it('asks a peer that is full no more', async () => {
    const packs = [pack, makePack(900_000, CODE, 2), makePack(900_000, CODE, 3)]
    const full = (index: number) => (index === 9 ? { capacity: 10 } : {})
    await tell({ packs, grid: { each: full } }, async ({ lose, repair, test }) => {
      lose(1)
      const { report } = await repair()
      const asked = report.packs.flatMap(({ mended }) => mended?.failures ?? [])
      expect(asked.filter(({ peer }) => peer === test.peers[9]!.id).length).toBeLessThanOrEqual(1)
      await expectSound(test, report)
    })
  })

  it('fetches nothing for packs whose last taker has said that it is full, and calls them thin', async () => {
    const packs = [pack, makePack(900_000, CODE, 2), makePack(900_000, CODE, 3)]
    const full = (index: number) => (index >= CODE.total ? { capacity: 10 } : {})
    await tell({ packs, grid: { each: full } }, async ({ lose, repair, test }) => {
      lose(1)
      const { report } = await repair()
      const takers = test.peers.length - CODE.total
      const [first, ...others] = report.packs
      expect(first).toMatchObject({ left: 'failed', mended: { failures: { length: takers } } })
      expect(others).toMatchObject(
        others.map(() => ({ left: 'failed', mended: undefined, error: { code: 'full' } })),
      )
      expect(others).toHaveLength(2)
      expect(report.bytesRead).toBe(first?.mended?.bytesRead)
      expect(report.health.map(({ verdict }) => verdict)).toEqual(['thin', 'thin', 'thin'])
    })
  })
})

describe('a check', () => {
  it('that verifies tells of every share that it could not read', async () => {
    await tell({}, async ({ lose, test }) => {
      const reader = await test.client(test.keys.recoveryKey)
      await reader.syncRoster(forever)
      const { parts } = new RepairWorld(test, reader, [pack])
      const checked = await new RepairWorker(parts).check({}, forever)
      expect(checked.packs).toMatchObject([{ verdict: 'whole' }])
      lose(CODE.total)
      const report = await verifyShares(parts, checked, { sample: 'all' }, forever)
      expect(report).toMatchObject({ sharesGood: 0, bad: [], unread: { length: CODE.total } })
    })
  })

  it('of 100,000 shares at ten peers is a hundred questions of 39 KB', async () => {
    const test = new TestGrid({ peers: 10 })
    await test.tell(async () => {
      const grid = await test.client()
      const bytes = packIdToBytes(pack.id)
      const ids = Array.from({ length: 10_000 }, (_, index) => {
        const id = bytes.slice()
        new DataView(id.buffer).setUint32(32, index)
        return packIdFromBytes(id)
      })
      let [messages, arrived] = [0, 0]
      test.world.trace.listen(({ event, fields }) => {
        if (event === 'net.arrive') arrived += Number(fields['size'])
      })
      const { answered } = await grid.shares.survey(ids, forever, () => (messages += 1))
      expect(answered).toHaveLength(10)
      expect(messages).toBe(100)
      expect(arrived).toBeLessThan(100_000 * 46)
    })
  })
})

interface Story {
  readonly test: TestGrid
  readonly grid: Grid
  readonly world: RepairWorld
  readonly worker: RepairWorker
  /** Of the first pack: share number → peer. */
  readonly holders: ReadonlyMap<number, Parameters<TestGrid['peer']>[0] & string>
  /** The holders of the first pack's shares `from` and on are gone for good. */
  readonly lose: (count: number, from?: number) => void
  readonly repair: (
    options?: Parameters<RepairWorker['repair']>[1],
  ) => Promise<{ report: RepairReport; traffic: { up: number; down: number } }>
}

interface Told {
  readonly packs?: readonly Pack[]
  readonly source?: PackSource
  readonly grid?: Partial<GridOptions>
}

async function tell(told: Told, story: (parts: Story) => Promise<void>): Promise<void> {
  const { packs = [pack], source, grid: options } = told
  const test = new TestGrid({ peers: 10, ...options })
  await test.tell(async () => {
    const grid = await test.client()
    await test.laptop.ports.clock.sleep(1000)
    await grid.syncRoster(forever)
    const world = new RepairWorld(test, grid, packs, source === undefined ? {} : { source })
    for (const one of packs) {
      const { holders } = await grid.place(one, test.vault, new Map(), forever)
      world.book.holders.set(one.id, new Map(holders))
    }
    const holders = new Map(world.book.holders.get(packs[0]!.id))
    const worker = new RepairWorker(world.parts)
    const traffic = { up: 0, down: 0 }
    test.world.trace.listen(({ node, event, fields }) => {
      if (event !== 'net.arrive') return
      if (node === 'laptop') traffic.down += Number(fields['size'])
      else if (fields['from'] === 'laptop') traffic.up += Number(fields['size'])
    })
    await story({
      test,
      grid,
      world,
      worker,
      holders,
      lose: (count, from = 0) => {
        for (let share = from; share < from + count; share += 1) {
          test.peer(holders.get(share)).machine.crash('power')
        }
      },
      repair: async (more = {}) => {
        const checked = await worker.check({}, forever)
        traffic.up = 0
        traffic.down = 0
        return { report: await worker.repair(checked, more, forever), traffic }
      },
    })
  })
}

/** Every share that is said to be placed is there and is right, and never are there more than n. */
async function expectSound(test: TestGrid, report: RepairReport): Promise<void> {
  const reader = await test.client(test.keys.recoveryKey)
  for (const { after, mended } of report.packs) {
    expect(after.live.size).toBeLessThanOrEqual(after.pack.shape.total)
    const location = (await reader.have([after.pack.id], forever)).get(after.pack.id)
    for (const [share, peer] of mended?.placed ?? []) {
      expect(location?.holders.get(share)).toContain(peer)
      const { leafSize } = location!.manifest
      const run = { first: 0, count: Math.min(64, Math.ceil(SHARE / leafSize)) }
      // Verified against its root; the first pack is known byte for byte.
      const bytes = await reader.shares.read(peer, location!, { shareNumber: share, run }, forever)
      if (after.pack.id === pack.id) {
        expect(digestOf(bytes)).toBe(digestOf(pack.pieces[share]!.slice(0, bytes.length)))
      }
    }
  }
}

async function forget(test: TestGrid, peer: string, { id }: Pack, share: number): Promise<void> {
  const one = test.peers.find((each) => each.id === peer)
  const folder = one?.machine.volume
  if (folder === undefined) throw new Error(`no peer ${peer} with share ${share}`)
  one!.machine.crash('kill')
  folder.become(folder.save().filter(({ path }) => !path.includes(id)))
  one!.machine.boot()
  await one!.restart()
}

function whole({ bytes }: Pick<Pack, 'bytes'>): PackSource {
  return {
    estimate: () => Promise.resolve(0),
    make: () => Promise.resolve({ origin: 'spool', bytes: bytes.slice(), gaps: [], bytesRead: 0 }),
  }
}

function withGaps({ bytes }: Pack, gaps: readonly Extent[]): PackSource {
  const lacking = gaps.reduce((sum, { length }) => sum + length, 0)
  return {
    estimate: () => Promise.resolve(lacking),
    make: () => {
      const known = bytes.slice()
      for (const { offset, length } of gaps) known.fill(0xee, offset, offset + length)
      return Promise.resolve({ origin: 'files', bytes: known, gaps, bytesRead: 0 })
    },
  }
}
