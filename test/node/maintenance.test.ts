import { describe, expect, it } from 'vitest'

import { toBytes } from '../../sim/file-tree.ts'
import type { Picture } from '../../sim/oracle.ts'
import type { RebuildSummary } from '../../src/node/client.ts'
import { REBUILD_POLICY } from '../../src/repair/policy.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024

describe('a rebuild', () => {
  it('makes the newest version whole and the older ones reverse deltas, each as it was', () =>
    tell(async (vault) => {
      const days = await diary(vault, 12)
      const summary = await rebuild(vault, ['diary'])
      expect(summary.published).toBe(true)
      expect(summary.files).toMatchObject([{ isDone: true, degraded: [] }])
      await expectAll(vault, days)
      const chain = await chainOf(vault, 'diary')
      expect(chain?.length).toBeLessThan(2)
    }))
})

interface Day {
  readonly sequence: number
  readonly picture: Picture
}

/** A file of 200 KiB of which something small changes every day. */
async function diary(vault: TestVault, count: number): Promise<Day[]> {
  const content = noise(200 * KIB)
  const days: Day[] = []
  for (let day = 0; day < count; day += 1) {
    content.set(noise(500, day + 100), (day * 7_919) % (190 * KIB))
    vault.write('diary', content)
    const picture = vault.picture()
    const { sequence } = await vault.backUp({ rebuild: { ...REBUILD_POLICY, isAutomatic: false } })
    days.push({ sequence, picture })
  }
  return days
}

function rebuild(vault: TestVault, paths: readonly string[]): Promise<RebuildSummary> {
  return vault.withClient((client, signal) =>
    client.rebuild(
      {
        paths: paths.map((path) => toBytes(`${HOME}/${path}`)),
        policy: REBUILD_POLICY,
        isDryRun: false,
      },
      signal,
    ),
  )
}

async function chainOf(vault: TestVault, path: string) {
  const report = await vault.withClient((client, signal) =>
    client.historyReport(toBytes(`${HOME}/${path}`), {}, signal),
  )
  return report?.chain
}

async function expectAll(vault: TestVault, days: readonly Day[]): Promise<void> {
  for (const { sequence, picture } of days) {
    expect(await vault.differences(String(sequence), picture)).toEqual([])
  }
}

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}
