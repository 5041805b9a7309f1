/** Shares that looked bad once: when they are read again, and what comes of it. */

import { describe, expect, it } from 'vitest'
import type { PeerId } from '../../src/ports/network.ts'
import { RepairWorker, type RepairReport } from '../../src/repair/repair-worker.ts'
import { LOOK_AGAIN_MS } from '../../src/repair/second-look.ts'
import { becomeLiar, honestLeaves, RepairWorld } from '../support/repair-world.ts'
import { forever, makePack, TestGrid } from '../support/test-grid.ts'

const CODE = { needed: 3, total: 8 }
/** Shares of more than one read. */
const pack = makePack(4_500_000, { ...CODE, leafSize: 16_384 })
const SHARE = 1_500_000

describe('a share that was found bad and is right', () => {
  it('counts again once a week has passed, where nobody else would take it', () =>
    tell(async ({ doubt, repair, wait, world }) => {
      doubt(0, 1)
      expect(verdictsOf(await repair())).toEqual(['thin'])
      await wait(LOOK_AGAIN_MS)
      const report = await repair()
      expect(verdictsOf(report)).toEqual(['whole'])
      expect(report).toMatchObject({ bytesRead: 2 * SHARE, bytesSent: 0 })
      expect(world.bad.all()).toEqual([])
    }))

  it('counts again at once for who does not want to wait', () =>
    tell(async ({ doubt, repair }) => {
      doubt(3)
      expect(verdictsOf(await repair({ isPatient: false }))).toEqual(['whole'])
    }))

  it('is not read where another friend takes what is missing', () =>
    tell(async ({ doubt, repair, wait, world }) => {
      world.standings.clear()
      doubt(0)
      await wait(LOOK_AGAIN_MS)
      const report = await repair()
      expect(verdictsOf(report)).toEqual(['whole'])
      expect(report.bytesSent).toBe(SHARE)
      expect(world.bad.all()).toHaveLength(1)
    }))

  it('is not read from a friend who is not trusted, nor beyond the budget, nor in a rehearsal', () =>
    tell(async ({ doubt, repair, holder, world }) => {
      doubt(0, 1)
      world.standings.set(holder(0), 'untrusted')
      expect(await repair({ isPatient: false, isDryRun: true })).toMatchObject({ bytesRead: 0 })
      expect(await repair({ isPatient: false, budget: SHARE - 1 })).toMatchObject({ bytesRead: 0 })
      expect(await repair({ isPatient: false })).toMatchObject({ bytesRead: SHARE })
      expect(world.bad.all()).toMatchObject([{ shareNumber: 0 }])
    }))
})

it('a share that is bad indeed stays so for another week, and is held against nobody twice', () =>
  tell(async ({ doubt, repair, wait, holder, world, test }) => {
    await becomeLiar(test, test.peer(holder(2)), new Map([[pack, [2]]]), (range) => {
      const { proof, bytes } = honestLeaves(pack, range)
      return { proof, bytes: range.first === 0 ? bytes : bytes.with(0, bytes[0]! ^ 1) }
    })
    doubt(2)
    await wait(LOOK_AGAIN_MS)
    const report = await repair()
    expect(verdictsOf(report)).toEqual(['thin'])
    expect(report.bytesRead).toBeGreaterThan(0)
    expect(await repair()).toMatchObject({ bytesRead: 0 })
    expect(world.bad.all()).toHaveLength(1)
    expect(world.audits.size).toBe(0)
  }))

interface Story {
  readonly test: TestGrid
  readonly world: RepairWorld
  readonly holder: (share: number) => PeerId
  /** These shares were found bad just now. */
  readonly doubt: (...shares: number[]) => void
  readonly wait: (ms: number) => Promise<void>
  readonly repair: (options?: Parameters<RepairWorker['repair']>[1]) => Promise<RepairReport>
}

/** Of ten friends eight hold a pack; the others are not trusted. */
async function tell(story: (parts: Story) => Promise<void>): Promise<void> {
  const test = new TestGrid({ peers: 10 })
  await test.tell(async () => {
    const grid = await test.client()
    await test.laptop.ports.clock.sleep(1000)
    await grid.syncRoster(forever)
    const { holders } = await grid.place(pack, test.vault, new Map(), forever)
    const holding = new Set(holders.values())
    const others = grid.roster.candidates().filter(({ peer }) => !holding.has(peer))
    const standings = new Map(others.map(({ peer }) => [peer, 'untrusted'] as const))
    const world = new RepairWorld(test, grid, [pack], { standings })
    world.book.holders.set(pack.id, new Map(holders))
    const worker = new RepairWorker(world.parts)
    const holder = (share: number): PeerId => holders.get(share)!
    await story({
      test,
      world,
      holder,
      doubt: (...shares) => {
        for (const shareNumber of shares) {
          world.bad.note({ pack: pack.id, shareNumber, peer: holder(shareNumber) })
        }
      },
      wait: async (ms) => {
        test.world.scheduler.skip(ms)
        await test.laptop.ports.clock.sleep(1000)
      },
      repair: async (options = {}) =>
        worker.repair(await worker.check({}, forever), options, forever),
    })
  })
}

function verdictsOf({ health }: RepairReport): string[] {
  return health.map(({ verdict }) => verdict)
}
