/** Seeds that once broke a promise. One line each: what it was. */

import { describe, expect, it } from 'vitest'
import { playScenario } from '../../sim/scenario.ts'

const FOUND: readonly { seed: number; peers: number; days: number; what: string }[] = [
  {
    seed: 42,
    peers: 6,
    days: 3,
    what: 'a power cut after init lost the vault: a folder was not synced',
  },
  {
    seed: 28,
    peers: 6,
    days: 2,
    what: 'a spool that could not be opened kept the backupdb locked',
  },
  { seed: 63, peers: 6, days: 4, what: 'a refresh cut short let removed files stay in snapshots' },
  {
    seed: 7032,
    peers: 5,
    days: 2,
    what: 'a home that lost its backupdb with no friend in reach began its snapshots anew',
  },
  {
    seed: 2,
    peers: 8,
    days: 2,
    what: 'a snapshot that a backup could not publish came about all the same, its clock set back',
  },
  {
    seed: 274,
    peers: 5,
    days: 2,
    what: 'a head that waited and was damaged between two looks kept every later scan from its work',
  },
]

describe('a promise once broken', () => {
  for (const { seed, peers, days, what } of FOUND) {
    it(`holds: ${what}`, async () => {
      const { failure, lines } = await playScenario({ seed, peers, days })
      if (failure !== undefined) throw new Error(lines.join('\n'), { cause: failure })
      expect(lines.at(-1)).toContain('all is well')
    })
  }
})
