import { describe, expect, it } from 'vitest'
import {
  bulkRepair,
  gamma,
  lossWithin,
  notRestorableWithin,
  poissonBinomialBelow,
  repairTraffic,
  unavailability,
} from '../../src/durability/closed-forms.ts'
import { codeOf, oracle, YEARS } from './oracle.ts'

describe('closed forms', () => {
  it('have the mean times to loss of the oracle', () => {
    const rows = oracle('mttdl')
    expect(rows).toHaveLength(138)
    for (const row of rows) {
      const { mttdl } = bulkRepair(codeOf(row), optionsOf(row))
      expectNear(mttdl, Number(row['mttdl_years']), 1e-8)
    }
  })

  it('have its repair traffic, by the owner and by others', () => {
    const rows = oracle('repair_traffic')
    expect(rows).toHaveLength(138)
    for (const row of rows) {
      const figures = bulkRepair(codeOf(row), optionsOf(row))
      const { thirdParty, owner } = repairTraffic(codeOf(row), figures)
      expectNear(figures.jobRate, Number(row['jobs_per_object_year']), 1e-5)
      expectNear(thirdParty, Number(row['gb_per_gb_year_third_party_repair']), 1e-5)
      expectNear(owner, Number(row['gb_per_gb_year_owner_repair']), 1e-5)
    }
  })

  it('have its probability of a loss within a year', () => {
    for (const row of oracle('mttdl_sim_smoke')) {
      const options = {
        threshold: Number(row['threshold_m']),
        lifetime: Number(row['lifetime_years']),
        repair: Number(row['repair_years']),
      }
      const expected = Number(row['p_loss_within_1y'])
      expectNear(lossWithin(codeOf(row), options, 1), expected, 1e-8)
    }
  })

  it('have its availability, its restores within days and its common shocks, however rare', () => {
    for (const row of oracle('availability')) {
      const chance = unavailability(codeOf(row), Number(row['p_node']))
      expectNear(chance, Number(row['p_unavailable']), 1e-10)
    }
    for (const row of oracle('restore_within')) {
      const chance = notRestorableWithin(codeOf(row), {
        seenADay: Number(row['p_seen_on_a_day']),
        alive: Number(row['fraction_alive']),
        days: Number(row['days']),
      })
      expectNear(chance, Number(row['p_not_restorable']), 1e-6)
    }
    for (const row of oracle('common_shock')) {
      const lost = Number(row['fraction_of_nodes_lost_at_once'])
      const chance = unavailability(codeOf(row), 1 - lost, lost)
      expectNear(chance, Number(row['p_object_lost_given_shock']), 1e-7)
    }
  })

  it('share out all the time that a pack has', () => {
    const { occupancy } = bulkRepair(
      { needed: 4, total: 7 },
      { threshold: 5, lifetime: 1, repair: 0.1 },
    )
    expect(occupancy.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 12)
    expect(occupancy.subarray(0, 4)).toEqual(new Float64Array(4))
  })

  it('take friends who differ', () => {
    expect(poissonBinomialBelow([1, 0, 0.5], 2)).toBeCloseTo(0.5, 12)
    expect(poissonBinomialBelow([0.2, 0.3], 1)).toBeCloseTo(0.8 * 0.7, 12)
    expect(poissonBinomialBelow([], 1)).toBe(1)
  })

  it('know Γ', () => {
    expect([1, 2, 3, 5].map((x) => Math.round(gamma(x) * 1e9) / 1e9)).toEqual([1, 1, 2, 24])
    expect(gamma(0.5)).toBeCloseTo(Math.sqrt(Math.PI), 12)
    expect(gamma(0.25)).toBeCloseTo(3.625609908221908, 11)
  })
})

function optionsOf(row: Record<string, string>) {
  return {
    threshold: Number(row['threshold_m']),
    lifetime: YEARS[row['lifetime'] ?? ''] ?? 0,
    repair: YEARS[row['repair_time'] ?? ''] ?? 0,
  }
}

/** @param tolerance - relative: the oracle is printed to so many digits */
function expectNear(value: number, expected: number, tolerance: number): void {
  expect(Math.abs(value / expected - 1)).toBeLessThan(tolerance)
}
