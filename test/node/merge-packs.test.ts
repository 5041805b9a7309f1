import { describe, expect, it } from 'vitest'

import { MachineCrashed } from '../../sim/errors.ts'
import type { Picture } from '../../sim/oracle.ts'
import type { GcRequest, GcSummary } from '../../src/node/client.ts'
import { REBUILD_POLICY } from '../../src/repair/policy.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024

describe('merging packs', () => {
  it('makes few of many small ones, and every snapshot stays as it was', () =>
    tell(async (vault) => {
      const days = await diary(vault, 30)
      const planned = await gc(vault, { isDryRun: true })
      const summary = await gc(vault)
      expect(summary.merged.packs).toBeGreaterThan(30)
      expect(summary.merged.into).toBeLessThan(4)
      expect(planned.merged).toEqual(summary.merged)
      expect(planned.released).toEqual(summary.released)
      expect(planned.live).toEqual(summary.live)
      expect(summary).toMatchObject({ published: true, warnings: [], untold: [] })
      await expectAll(vault, days)
      expect((await gc(vault)).published).toBe(false)

      const held = await usedBy(vault)
      await sleepDays(vault, 60)
      const { gone, inRelease } = await gc(vault)
      expect([gone, inRelease.packs]).toEqual([summary.inRelease, 0])
      const saved = held - (await usedBy(vault))
      expect(saved).toBeGreaterThan(0)
      await expectAll(vault, days)
      await vault.recoverElsewhere()
      await expectAll(vault, days)
    }))
})

interface Day {
  readonly sequence: number
  readonly picture: Picture
}

/** A file of which something small changes every day, beside some that are new. */
async function diary(vault: TestVault, count: number, from = 0): Promise<Day[]> {
  const content = noise(100 * KIB, from)
  const days: Day[] = []
  for (let day = from; day < from + count; day += 1) {
    content.set(noise(200, day + 100), (day * 7_919) % (90 * KIB))
    vault.write('diary', content)
    vault.write(`letters/${day % 7}/${day}`, `Dear day ${day}`)
    days.push(await backUp(vault))
  }
  return days
}

async function backUp(vault: TestVault): Promise<Day> {
  const picture = vault.picture()
  const rebuild = { ...REBUILD_POLICY, isAutomatic: false }
  const { sequence, published } = await vault.backUp({ rebuild })
  expect(published).toBe(true)
  return { sequence, picture }
}

function gc(vault: TestVault, more: Partial<GcRequest> = {}): Promise<GcSummary> {
  return vault.withClient((client, signal) =>
    client.gc({ isDryRun: false, isCancel: false, ...more }, signal),
  )
}

/** Bytes that peers hold for the vault. */
async function usedBy(vault: TestVault): Promise<number> {
  const { peers } = await vault.withClient((client, signal) => client.status(signal))
  return peers.reduce((sum, { used = 0 }) => sum + used, 0)
}

/** Friends switch off and on again every other day: hourly gossip of months takes minutes to simulate. */
async function sleepDays(vault: TestVault, days: number): Promise<void> {
  for (let left = days; left > 0; left -= 2) {
    for (const { machine } of vault.friends.left) machine.crash('kill')
    await vault.world.scheduler.sleep(Math.min(2, left) * 86_400_000)
    vault.startFriends()
    await vault.calm()
  }
}

async function expectAll(vault: TestVault, days: readonly Day[]): Promise<void> {
  for (const { sequence, picture } of days) {
    expect(await vault.differences(String(sequence), picture)).toEqual([])
  }
}

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}
void MachineCrashed
