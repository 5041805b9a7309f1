import { describe, expect, it } from 'vitest'
import { DatabaseSync } from 'node:sqlite'
import type { Presence } from '../../src/grid/standing.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { ageByMost, Lookout } from '../../src/repair/lookout.ts'
import { PeerRecords } from '../../src/store/peer-records.ts'
import { memoryDatabase } from '../support/memory-database.ts'
import { forever, onMachine } from '../support/on-machine.ts'
import { TestGrid } from '../support/test-grid.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const [ann, ben, cleo] = ['ann', 'ben', 'cleo'] as PeerId[] as [PeerId, PeerId, PeerId]

describe('a lookout', () => {
  it('makes standings of what it is told', async () => {
    await watching(async ({ lookout, sleep }) => {
      lookout.look({ answered: [ann, ben], silent: [] })
      await sleep(DAY)
      lookout.look({ answered: [ann], silent: [ben] })
      expect([ann, ben, cleo].map((peer) => lookout.standing(peer))).toEqual([
        'here',
        'quiet',
        'here',
      ])
      expect(lookout.facts(ben)).toEqual({
        standing: 'quiet',
        isSeenLately: true,
        givesNothing: false,
      })
    })
  })

  it('counts no silence of a peer that said it would be away', async () => {
    const presence = new Map<PeerId, Presence>()
    await watching(async ({ lookout, sleep, now }) => {
      lookout.look({ answered: [ann, ben], silent: [] })
      presence.set(ben, { awayUntil: now() + 3 * DAY })
      await sleep(2 * DAY)
      lookout.look({ answered: [ann], silent: [ben] })
      expect(lookout.standing(ben)).toBe('vacation')
      await sleep(DAY + HOUR)
      expect(lookout.standing(ben)).toBe('here')
    }, presence)
  })

  it('counts no silence of friends where only our own machine at home answers', async () => {
    const watch = async (home: readonly PeerId[]) => {
      let found: readonly string[] = []
      await watching(
        async ({ lookout, sleep }) => {
          lookout.look({ answered: [ann, ben, cleo], silent: [] })
          for (let day = 1; day <= 22; day += 1) {
            await sleep(DAY)
            lookout.look({ answered: [ann], silent: [ben, cleo] })
          }
          found = [ann, ben, cleo].map((peer) => lookout.standing(peer))
        },
        new Map(),
        home,
      )
      return found
    }
    expect(await watch([])).toEqual(['here', 'gone', 'gone'])
    expect(await watch([ann])).toEqual(['here', 'here', 'here'])
    expect(await watch([ann, cleo]), 'of a second machine at home it counts').toEqual([
      'here',
      'here',
      'gone',
    ])
  })

  it('remembers refusals, and writes nothing where there is no news', async () => {
    await watching(({ lookout, records }) => {
      lookout.puts(new Map([[ann, 'full'] as const, [ben, undefined] as const]))
      expect(records.get(ann)?.refusal).toBe('full')
      expect(records.get(ben), 'taking a share is no news').toBeUndefined()
      lookout.puts(new Map([[ann, undefined]]))
      expect(records.get(ann)?.refusal).toBeUndefined()
      return Promise.resolve()
    })
  })

  it('stops nothing where its records cannot be written', async () => {
    await onMachine(({ clock, log }) => {
      const database = new DatabaseSync(':memory:')
      database.exec('PRAGMA max_page_count = 1')
      const records = new PeerRecords(database)
      const lookout = new Lookout({ clock, log, records, presence: () => ({}) })
      expect(() => lookout.look({ answered: [ann], silent: [] })).not.toThrow()
      return Promise.resolve()
    })
  })
})

describe('the word of others', () => {
  it('counts where more than half of those who answer heard the peer', () => {
    expect(ageByMost([])).toBeUndefined()
    expect(ageByMost([undefined])).toBeUndefined()
    expect(ageByMost([HOUR])).toBe(HOUR)
    expect(ageByMost([HOUR, undefined]), 'half is not most').toBeUndefined()
    expect(ageByMost([3 * HOUR, HOUR])).toBe(3 * HOUR)
    expect(ageByMost([0, undefined, 2 * HOUR])).toBe(2 * HOUR)
    expect(ageByMost([0, 0, 9 * HOUR, 9 * HOUR, 9 * HOUR]), 'two liars of five').toBe(9 * HOUR)
  })

  it('keeps a peer that only we do not hear, and does not raise the dead', async () => {
    const test = new TestGrid({ peers: 5 })
    await test.tell(async () => {
      const { clock, log } = test.laptop.ports
      const records = new PeerRecords(memoryDatabase())
      const lookout = new Lookout({ clock, log, records, presence: () => ({}) })
      const grid = await test.client(undefined, undefined, lookout.gridParts)
      const [, deaf, dead] = test.peers
      test.world.internet.block('laptop', 'peer-1')
      dead!.machine.crash('power')
      for (let day = 0; day <= 22; day += 1) {
        test.world.scheduler.skip(22 * HOUR)
        await clock.sleep(2 * HOUR)
        await grid.status(forever)
        await lookout.hearOthers(grid, forever)
      }
      expect([deaf!, dead!].map(({ id }) => lookout.standing(id))).toEqual(['quiet', 'gone'])
      expect(records.get(deaf!.id)?.unheardMs).toBeLessThan(2 * HOUR)
      expect(records.get(deaf!.id)?.silentMs).toBeGreaterThan(21 * DAY)
    })
  })
})

interface Watching {
  readonly lookout: Lookout
  readonly records: PeerRecords
  readonly sleep: (ms: number) => Promise<void>
  readonly now: () => number
}

async function watching(
  story: (watching: Watching) => Promise<void>,
  presence: ReadonlyMap<PeerId, Presence> = new Map(),
  home: readonly PeerId[] = [],
): Promise<void> {
  await onMachine(async ({ clock, log }) => {
    const records = new PeerRecords(memoryDatabase())
    const presenceOf = (peer: PeerId) => presence.get(peer) ?? {}
    const isAtHome = (peer: PeerId) => home.includes(peer)
    const lookout = new Lookout({ clock, log, records, presence: presenceOf, isAtHome })
    await story({
      lookout,
      records,
      sleep: (ms) => clock.sleep(ms),
      now: () => clock.now(),
    })
  })
}
