/** Oracles of the durability tests: tables of test/oracles, and worlds that they speak of. */

import { readFileSync } from 'node:fs'
import type { Code } from '../../src/grid/code.ts'
import { flat } from '../../src/durability/kinds.ts'
import { alike, YEAR_DAYS, type PeerModel, type World } from '../../src/durability/world.ts'

/** @returns the rows of a table, by the names of its columns */
export function oracle(name: string): Record<string, string>[] {
  const text = readFileSync(new URL(`../oracles/${name}.csv`, import.meta.url), 'utf8')
  const [header = '', ...rows] = text.trim().split('\n')
  const names = header.split(',')
  return rows.map((row) => {
    const cells = row.split(',')
    return Object.fromEntries(names.map((each, index) => [each, cells[index] ?? '']))
  })
}

export function codeOf({ k, n }: Record<string, string>): Code {
  return { needed: Number(k), total: Number(n) }
}

/** Years, for `1y`, `3y`, `1h`, `1d`, `1w`. */
export const YEARS: Readonly<Record<string, number>> = {
  '1y': 1,
  '3y': 3,
  '1h': 1 / 24 / YEAR_DAYS,
  '1d': 1 / YEAR_DAYS,
  '1w': 7 / YEAR_DAYS,
}

/** Never away, and on all the time. */
export const STEADY: Omit<PeerModel, 'domain'> = {
  rhythm: { hours: flat(1), zone: 0, luckHours: 24 },
  absences: [],
  giveUpDays: 21,
}

/** Packs on peers of their own, each of which is replaced at once: the world of the closed forms. */
export function closedFormWorld(
  code: Code,
  about: { packs: number; threshold: number; lifetime: number; repair: number },
): Omit<World, 'years' | 'seed' | 'isRenewed'> {
  const { packs, threshold, lifetime, repair } = about
  return {
    peers: alike(packs * code.total, STEADY),
    code,
    packs,
    placement: 'own',
    lifetimes: [{ mean: lifetime * YEAR_DAYS, shape: 1 }],
    repairing: { type: 'drawn', threshold, meanDays: repair * YEAR_DAYS },
    replacedDays: 0,
  }
}

/** Peers that only go on and off: one pack, nobody ever leaves. */
export function staticWorld(code: Code, peers: readonly PeerModel[]): World {
  return {
    peers,
    code,
    packs: 1,
    placement: 'own',
    lifetimes: [{ mean: Infinity, shape: 1 }],
    repairing: { type: 'none' },
    replacedDays: Infinity,
    isRenewed: false,
    years: 1,
    seed: 20,
  }
}
