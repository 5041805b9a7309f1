/** A folder in which everything changes every day: its past fills pages, and they are joined. */

import { describe, expect, it } from 'vitest'

import type { Picture } from '../../sim/oracle.ts'
import { TestVault } from '../support/test-vault.ts'

const DAYS = 14

describe('a busy folder', () => {
  it('goes on being backed up when its past pages are joined', () =>
    tell(async (vault) => {
      const days = await busyDays(vault)
      for (const { sequence, picture } of [days[0]!, days[5]!, days.at(-1)!]) {
        expect(await vault.differences(String(sequence), picture)).toEqual([])
      }
    }))

  it('can be thinned out', () =>
    tell(async (vault) => {
      const days = await busyDays(vault)
      for (let last = DAYS - 1; last > 1; last -= 4) {
        const summary = await vault.withClient((client, signal) =>
          client.forget({ policy: { last }, isDryRun: false }, signal),
        )
        expect(summary.published).toBe(true)
        const { sequence, picture } = days.at(-last)!
        expect(await vault.differences(String(sequence), picture)).toEqual([])
      }
    }))
})

async function busyDays(vault: TestVault): Promise<{ sequence: number; picture: Picture }[]> {
  const days: { sequence: number; picture: Picture }[] = []
  for (let day = 0; day < DAYS; day += 1) {
    for (let file = 0; file < 40; file += 1) vault.write(`desk/note ${file}`, `${file} on ${day}`)
    const picture = vault.picture()
    const { sequence, skipped } = await vault.backUp()
    expect(skipped).toEqual([])
    days.push({ sequence, picture })
  }
  return days
}

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}
