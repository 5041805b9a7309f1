/** The engine against the oracles: share by share, what closed forms and others' simulations say. */

import { describe, expect, it } from 'vitest'
import { bulkRepair, repairTraffic, unavailability } from '../../src/durability/closed-forms.ts'
import { Engine } from '../../src/durability/engine.ts'
import { flat, hoursOf, KINDS, laptopOnWorkday, peerOf } from '../../src/durability/kinds.ts'
import { Presence } from '../../src/durability/presence.ts'
import { alike, YEAR_DAYS, type World } from '../../src/durability/world.ts'
import { closedFormWorld, codeOf, oracle, STEADY, staticWorld, YEARS } from './oracle.ts'

const Z_MAX = 4.5

describe('losses and repair', () => {
  const RUNS = 2_500
  /** Packs of one world: five small worlds stay in the processor's cache, and take a third of the time of a large one. */
  const PACKS = 500

  it('come as often as in mttdl_sim_smoke.csv', () => {
    const rows = oracle('mttdl_sim_smoke')
    expect(rows).toHaveLength(9)
    for (const [index, row] of rows.entries()) {
      const [threshold, lifetime, repair, mttdl, loss] = [
        row['threshold_m'],
        row['lifetime_years'],
        row['repair_years'],
        row['mttdl_years'],
        row['p_loss_within_1y'],
      ].map(Number) as [number, number, number, number, number]
      // Beyond 14 times the mean one pack of a million is left.
      const years = 14 * mttdl
      const world = closedFormWorld(codeOf(row), { packs: PACKS, threshold, lifetime, repair })
      const lost: number[] = []
      for (let seed = 100 + index; lost.length < RUNS; seed += rows.length) {
        const engine = new Engine({ ...world, isRenewed: false, years, seed })
        engine.run(0)
        lost.push(...[...engine.lostAt].map((day) => Math.min(years, day / YEAR_DAYS)))
      }
      const mean = lost.reduce((sum, each) => sum + each, 0) / RUNS
      const square = lost.reduce((sum, each) => sum + (each - mean) ** 2, 0) / RUNS
      const early = lost.filter((year) => year <= 1).length / RUNS
      expect(
        Math.abs(mean - mttdl) / Math.sqrt(square / RUNS),
        `of ${JSON.stringify(row)}`,
      ).toBeLessThan(Z_MAX)
      expect(
        Math.abs(early - loss) / sigmaOf(loss, RUNS),
        `of ${JSON.stringify(row)}`,
      ).toBeLessThan(Z_MAX)
    }
  })

  it('move as many bytes as in repair_traffic.csv', () => {
    const rows = oracle('repair_traffic').filter(({ n, repair_time: repair }) => {
      return Number(n) <= 32 && repair !== '1h'
    })
    expect(rows.length).toBeGreaterThan(60)
    for (const [index, row] of rows.entries()) {
      const jobs = 2_500
      const packs = 20
      const code = codeOf(row)
      const rate = Number(row['jobs_per_object_year'])
      const options = {
        threshold: Number(row['threshold_m']),
        lifetime: YEARS[row['lifetime'] ?? ''] ?? 0,
        repair: YEARS[row['repair_time'] ?? ''] ?? 0,
      }
      const years = jobs / rate / packs
      const world = closedFormWorld(code, { packs, ...options })
      const engine = new Engine({ ...world, isRenewed: true, years, seed: 200 + index })
      engine.run(0)
      const perYear = 1 / (packs * years)
      const { thirdParty, owner } = repairTraffic(code, {
        jobRate: engine.jobs * perYear,
        shareRate: engine.sharesMade * perYear,
      })
      // The oracle's own simulation allows 10 %; so many jobs are sure to 2 %.
      const near = Z_MAX / Math.sqrt(jobs)
      expectWithin(thirdParty, Number(row['gb_per_gb_year_third_party_repair']), near, row)
      expectWithin(owner, Number(row['gb_per_gb_year_owner_repair']), near, row)
    }
  })

  it.each([
    [{ needed: 10, total: 16 }, 13, 7],
    [{ needed: 20, total: 40 }, 30, 14],
    [{ needed: 3, total: 8 }, 7, 15],
    [{ needed: 4, total: 10 }, 9, 21],
  ])(
    'leave packs of %j as many shares as the closed form has, where losses are too rare to see',
    (code, threshold, days) => {
      const options = { threshold, lifetime: 1, repair: days / YEAR_DAYS }
      const world = closedFormWorld(code, { packs: 400, ...options })
      const engine = new Engine({ ...world, isRenewed: true, years: 25, seed: 300 })
      engine.run(0)
      const { occupancy, mttdl } = bulkRepair(code, options)
      expect(engine.losses).toBeLessThan(5 + (40 * 400 * 25) / mttdl)
      const all = 400 * engine.days
      for (let living = code.needed; living <= code.total; living += 1) {
        const part = occupancy[living]!
        // A state lasts days, so 400 packs × 25 years are so many visits of it.
        const visits = (part * all) / Math.min(days, YEAR_DAYS / living)
        if (visits < 50) continue
        const near = (Z_MAX * 1.5) / Math.sqrt(visits)
        expectWithin(engine.occupancy[living]! / all, part, near, { living })
      }
    },
  )

  it('lose as many packs at one blow as in common_shock.csv', () => {
    for (const row of oracle('common_shock').filter(({ k }) => k !== '29')) {
      const packs = 1_000
      const code = codeOf(row)
      const world: World = {
        ...staticWorld(code, alike(packs * code.total, STEADY)),
        packs,
        shock: { fraction: Number(row['fraction_of_nodes_lost_at_once']), day: 100 },
      }
      const engine = new Engine(world)
      engine.run(0)
      const expected = Number(row['p_object_lost_given_shock'])
      const difference = Math.abs(engine.losses / packs - expected)
      expect(difference, `of ${JSON.stringify(row)}`).toBeLessThanOrEqual(
        Z_MAX * sigmaOf(expected, packs) + 1 / packs,
      )
      expect([...engine.lostAt].every((day) => day === 100 || day === Infinity)).toBe(true)
    }
  })
})

describe('who is there', () => {
  it('is there as often as availability.csv has it', () => {
    const rows = oracle('availability').filter((row) => Number(row['p_unavailable']) > 1e-3)
    expect(rows.length).toBeGreaterThan(15)
    for (const row of rows) {
      const online = Number(row['p_node'])
      const code = codeOf(row)
      const rhythm = { hours: flat(online), zone: 0, luckHours: 1 }
      const counts = countOn(staticWorld(code, alike(code.total, { ...STEADY, rhythm })), 4_000)
      const expected = Number(row['p_unavailable'])
      const difference = Math.abs(below(counts, code.needed) - expected)
      expect(difference, `of ${JSON.stringify(row)}`).toBeLessThan(Z_MAX * sigmaOf(expected, 4_000))
    }
  })

  it('is there by the hours of diurnal.csv', () => {
    const rows = oracle('diurnal')
    const hours = 24 * 500
    for (const mix of new Set(rows.map((row) => row['mix'] ?? ''))) {
      const peers = mixOf(mix)
      const counts = countOn(staticWorld({ needed: 1, total: peers.length }, peers), hours)
      for (const row of rows.filter((each) => each['mix'] === mix)) {
        expect(peers).toHaveLength(Number(row['n']))
        const expected = Number(row['p_unavail_time_average'])
        const difference = Math.abs(below(counts, Number(row['k'])) - expected)
        expect(difference, `of ${JSON.stringify(row)}`).toBeLessThanOrEqual(
          Z_MAX * sigmaOf(expected, hours) + 1 / hours,
        )
      }
    }
  })

  it('makes restores wait as long as restore_within.csv has it', () => {
    const rows = oracle('restore_within').filter(({ n }) => Number(n) <= 8)
    const worlds = new Map(rows.map((row) => [keyOf(row), row]))
    expect(rows.length).toBeGreaterThan(120)
    const trials = 1_000
    for (const [key, row] of worlds) {
      const code = codeOf(row)
      const rhythm = { hours: flat(Number(row['p_seen_on_a_day'])), zone: 0, luckHours: 24 }
      const alive = Number(row['fraction_alive'])
      const engine = new Engine({
        ...staticWorld(code, alike(code.total, { ...STEADY, rhythm })),
        shock: { fraction: 1 - alive, day: 0 },
      })
      const presence = new Presence(engine)
      const days = Array.from({ length: trials }, (_, trial) => {
        let hours = 0
        engine.run(trial, [], [0], () => {
          // A day begins at four.
          hours = presence.hoursToRestore(trial, 14 * 24, 4)
        })
        return hours / 24
      })
      for (const each of rows.filter((other) => keyOf(other) === key)) {
        const late = days.filter((day) => day >= Number(each['days'])).length / trials
        const expected = Number(each['p_not_restorable'])
        expect(Math.abs(late - expected), `of ${JSON.stringify(each)}`).toBeLessThanOrEqual(
          Z_MAX * sigmaOf(expected, trials) + 1 / trials,
        )
      }
    }
  })
})

describe('a world', () => {
  const world: World = {
    ...staticWorld(
      { needed: 3, total: 8 },
      Array.from({ length: 10 }, (_, house) => peerOf(house < 3 ? 'nas' : 'laptop', house)),
    ),
    packs: 40,
    placement: 'drawn',
    lifetimes: [{ mean: 2 * YEAR_DAYS, shape: 1 }],
    repairing: { type: 'clocks', checkDays: 1, packsPerCheck: 40 },
    replacedDays: 90,
    years: 10,
  }

  it('goes the same way for the same seed and number, and another for others', () => {
    const engine = new Engine(world)
    const tell = (one: Engine, run: number) => {
      one.run(run)
      return [one.jobs, one.sharesMade, one.events, one.housesLeft, ...one.lostAt, ...one.occupancy]
    }
    const first = tell(engine, 7)
    expect(tell(engine, 8)).not.toEqual(first)
    expect(tell(engine, 7)).toEqual(first)
    expect(tell(new Engine(world), 7)).toEqual(first)
    expect(tell(new Engine({ ...world, seed: 21 }), 7)).not.toEqual(first)
  })

  it('keeps everybody’s luck when one more friend comes', () => {
    const alone: World = { ...world, repairing: { type: 'none' }, replacedDays: Infinity }
    const holders = Array.from({ length: 40 }, () => [0, 1, 2, 3, 4, 5, 6, 7])
    const one = new Engine({ ...alone, placement: holders })
    const more = [...world.peers, peerOf('laptop', 10)]
    const other = new Engine({ ...alone, placement: holders, peers: more })
    for (let run = 0; run < 20; run += 1) {
      one.run(run)
      other.run(run)
      expect(other.lostAt).toEqual(one.lostAt)
    }
  })

  it('loses a closed group’s packs when fewer than k friends are left, if nobody is ever away', () => {
    const years = 2
    for (const count of [5, 6, 8]) {
      const closed: World = {
        ...world,
        peers: alike(count, { ...STEADY, giveUpDays: 3 }),
        code: { needed: 2, total: 4 },
        packs: 5,
        lifetimes: [{ mean: 3 * YEAR_DAYS, shape: 1 }],
        replacedDays: Infinity,
        years,
      }
      const engine = new Engine(closed)
      const runs = 2_000
      let lost = 0
      for (let run = 0; run < runs; run += 1) {
        engine.run(run)
        if (engine.losses > 0) lost += 1
      }
      const expected = unavailability({ needed: 2, total: count }, Math.exp(-years / 3))
      // Three days of patience and a day's check are no time for two more to leave, nearly.
      const near = Z_MAX * sigmaOf(expected, runs) + 0.01
      expect(Math.abs(lost / runs - expected)).toBeLessThan(near)
    }
  })

  it('gives nobody up who comes back within the clocks', () => {
    const engine = new Engine({ ...world, lifetimes: [{ mean: Infinity, shape: 1 }] })
    engine.run(1)
    expect(engine.falseAlarms).toBe(0)
    expect(engine.losses).toBe(0)
    const hasty = world.peers.map((peer) => ({ ...peer, giveUpDays: 5 }))
    const early = new Engine({ ...engine.world, peers: hasty })
    early.run(1)
    // Six long absences a year of seven laptops, and one of ten days of three machines.
    const expected = (7 * 6 + 3) * 10
    expect(Math.abs(early.falseAlarms - expected)).toBeLessThan(Z_MAX * Math.sqrt(expected))
    expect(early.sharesMade).toBeGreaterThan(engine.sharesMade)
  })

  it('has packs on different houses first', () => {
    const houses = [0, 0, 0, 1, 2, 3, 4, 5]
    const peers = houses.map((house) => peerOf('nas', house))
    const engine = new Engine({ ...world, peers, code: { needed: 2, total: 6 } })
    engine.run(0, [], [0], ({ book }) => {
      for (let pack = 0; pack < 40; pack += 1) {
        const held = Array.from({ length: 6 }, (_, index) => houses[book.holder(pack * 6 + index)])
        expect(new Set(held).size).toBe(6)
      }
    })
  })

  it('loses houses whole, by Weibull lifetimes of the mean that was asked for', () => {
    const peers = Array.from({ length: 4_000 }, (_, index) => peerOf('nas', index >> 1))
    for (const shape of [0.6, 1, 2]) {
      const engine = new Engine({
        ...staticWorld({ needed: 1, total: 2 }, peers),
        packs: 2_000,
        lifetimes: [{ mean: 3 * YEAR_DAYS, shape }],
        years: 200,
      })
      engine.run(0)
      expect(engine.housesLeft).toBe(2_000)
      const mean = engine.lostAt.reduce((sum, day) => sum + day, 0) / 2_000 / YEAR_DAYS
      expect(Math.abs(mean - 3)).toBeLessThan(0.5)
    }
  })
})

describe('kinds of machines', () => {
  it('are on as much as was measured', () => {
    for (const online of [0.05, 0.2925, 0.6, 0.9]) {
      const { hours } = peerOf('laptop', 0, online).rhythm
      expect(hours.reduce((sum, part) => sum + part, 0) / 168).toBeCloseTo(online, 6)
    }
    expect(Math.max(...peerOf('nas', 0, 1).rhythm.hours)).toBeLessThan(1)
  })

  it('have the absences of the oracle that clocks are made for', () => {
    const beyond = (kind: 'nas' | 'laptop', days: number) =>
      KINDS[kind].absences
        .filter((absence) => absence.days > days)
        .reduce((sum, { perYear }) => sum + perYear, 0)
    for (const row of oracle('false_repairs').filter((each) => each['lifetime_years'] === '1.0')) {
      const days = Number.parseFloat(row['timeout'] ?? '')
      // Nights and weekends are rhythm, not absences.
      if (!(row['timeout'] ?? '').endsWith('d') || days < 3) continue
      expect(beyond(row['class'] as 'nas', days)).toBe(Number(row['false_repairs_per_node_year']))
    }
  })
})

function countOn(world: World, hours: number): Float64Array {
  const engine = new Engine(world)
  const presence = new Presence(engine)
  const counts = new Float64Array(world.peers.length + 1)
  engine.run(0, [], [0], () => {
    presence.begin(1, 0)
    for (let hour = 1; hour <= hours; hour += 1) {
      counts[presence.on.reduce((sum, each) => sum + each, 0)]! += 1 / hours
      presence.step(hour)
    }
  })
  return counts
}

function below(counts: Float64Array, needed: number): number {
  return counts.subarray(0, needed).reduce((sum, part) => sum + part, 0)
}

/** The mixes of the oracle, by their names. */
function mixOf(mix: string) {
  const laptops = Number(/(\d+) (home )?laptops/.exec(mix)?.[1] ?? 0)
  const always = Number(/(\d+) NAS/.exec(mix)?.[1] ?? 0)
  const zones = mix.includes('3 tz') ? [0, 8, 16] : [0]
  const laptop = hoursOf((_, hour) => laptopOnWorkday(hour))
  return Array.from({ length: laptops + always }, (_, domain) => ({
    ...STEADY,
    domain,
    rhythm: {
      hours: domain < laptops ? laptop : flat(0.98),
      zone: domain < laptops ? (zones[domain % zones.length] ?? 0) : 0,
      luckHours: 1,
    },
  }))
}

function keyOf(row: Record<string, string>): string {
  return [row['k'], row['n'], row['p_seen_on_a_day'], row['fraction_alive']].join()
}

function sigmaOf(probability: number, runs: number): number {
  return Math.sqrt((probability * (1 - probability)) / runs)
}

function expectWithin(value: number, expected: number, near: number, what: object): void {
  expect(Math.abs(value / expected - 1), `of ${JSON.stringify(what)}`).toBeLessThan(near)
}
