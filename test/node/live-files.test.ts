/** Backups of files that somebody works on meanwhile; `npm run soak` plays a thousand rounds. */

import { describe, expect, it } from 'vitest'
import { playLiveRounds } from '../support/live-files.ts'

describe('a file that changes during its backup', () => {
  for (const seed of [1, 2]) {
    it(`comes back as it was at some moment, or is labelled fuzzy (seed ${seed})`, async () => {
      const rounds = await playLiveRounds(seed, 15)
      expect(rounds).toHaveLength(15)
      expect(rounds.flatMap(({ changes }) => changes).length).toBeGreaterThan(10)
    })
  }
})
