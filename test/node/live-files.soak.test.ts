/** A thousand backups of files that somebody works on meanwhile. */

import { describe, expect, it } from 'vitest'
import { CHANGES, playLiveRounds } from '../support/live-files.ts'

const SEEDS = 40
const ROUNDS = 25

describe('a thousand rounds', () => {
  it(
    'break no chain, give back no wrong byte, and leave no fuzzy version without its label',
    async () => {
      const labels = new Map<string, number>()
      const changes = new Set<string>()
      for (let seed = 100; seed < 100 + SEEDS; seed += 1) {
        for (const round of await playLiveRounds(seed, ROUNDS)) {
          labels.set(round.label, (labels.get(round.label) ?? 0) + 1)
          for (const change of round.changes) changes.add(change)
        }
      }
      expect([...changes].toSorted()).toEqual([...CHANGES].toSorted())
      for (const label of ['stable', 'retried', 'copied', 'fuzzy']) {
        expect([label, labels.get(label) ?? 0]).not.toEqual([label, 0])
      }
    },
    30 * 60_000,
  )
})
