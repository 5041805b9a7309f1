import { describe, expect, it } from 'vitest'

import { toBytes, toText } from '../../sim/file-tree.ts'
import type { RebuildRequest, RebuildSummary } from '../../src/node/client.ts'
import { REBUILD_POLICY, type RebuildPolicy } from '../../src/repair/policy.ts'
import { RetentionRefusedError } from '../../src/repair/retention.ts'
import {
  BY_HAND,
  KIB,
  WHOLE,
  backUp,
  chainOf,
  expectAll,
  forget,
  gc,
  historyOf,
  sleepDays,
  usedBy,
  type Day,
} from '../support/chores.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

describe('a rebuild', () => {
  it('makes the newest version whole and the older ones reverse deltas, each as it was', () =>
    tell(async (vault) => {
      const days = await diary(vault, 12)
      const summary = await rebuild(vault, ['diary'], WHOLE)
      expect(summary.files).toMatchObject([
        { isDone: true, degraded: [], plan: { type: 'reverse', before: { length: 11 } } },
      ])
      await expectAll(vault, days)
      expect(await chainOf(vault)).toMatchObject({ length: 0 })
      const { versions } = await historyOf(vault)
      expect(versions.map(({ content }) => content.type)).toEqual([
        ...Array.from({ length: 11 }, () => 'delta'),
        'original',
      ])
      // The next change is a delta upon the new original.
      vault.write('diary', noise(200 * KIB).fill(7, 10, 20))
      days.push(await backUp(vault))
      expect((await chainOf(vault))?.length).toBe(1)
      await expectAll(vault, days)
    }))

  it('composes deltas where they are little beside the original', () =>
    tell(async (vault) => {
      const days = await diary(vault, 6, { changed: 50 })
      const summary = await rebuild(vault, ['diary'], { ...REBUILD_POLICY, fetchRatioMax: 1.5 })
      expect(summary.files).toMatchObject([{ isDone: true, plan: { type: 'compose' } }])
      expect(await chainOf(vault)).toMatchObject({ length: 1 })
      expect(summary.bytesFetched).toBeLessThan(100 * KIB)
      await expectAll(vault, days)
    }))

  it('happens by itself once a chain is too long', () =>
    tell(async (vault) => {
      const days = await diary(vault, 20, { policy: REBUILD_POLICY, changed: 30 })
      expect((await chainOf(vault))?.length).toBeLessThanOrEqual(16)
      await expectAll(vault, [days[0]!, days[9]!, days[16]!, days[19]!])
    }))

  it('does without the local file, and reads the grid', () =>
    tell(async (vault) => {
      const days = await diary(vault, 5)
      vault.remove('diary')
      vault.write('diary', 'something else')
      const summary = await rebuild(vault, ['diary'], WHOLE)
      expect(summary.files).toMatchObject([{ isDone: true }])
      await expectAll(vault, days)
    }))

  it('only plans in a dry run', () =>
    tell(async (vault) => {
      await diary(vault, 4)
      const summary = await rebuild(vault, ['diary'], WHOLE, { isDryRun: true })
      expect(summary).toMatchObject({ published: false, sequence: undefined, bytesSent: 0 })
      expect(summary.files).toMatchObject([{ isDone: false, plan: { type: 'reverse' } }])
      expect((await chainOf(vault))?.length).toBe(3)
    }))

  it('takes the cheapest first, and no more than its budget', () =>
    tell(async (vault) => {
      for (let day = 0; day < 4; day += 1) {
        vault.write('small', noise(20 * KIB).fill(day, 0, 10))
        vault.write('large', noise(300 * KIB).fill(day, 0, 10))
        await backUp(vault)
      }
      const summary = await rebuild(vault, [''], WHOLE, { budget: 60 * KIB })
      expect(summary.files.map(({ path, isDone }) => [toText(path), isDone])).toEqual([
        [`${HOME}/large`, false],
        [`${HOME}/small`, true],
      ])
    }))

  it('is there for whoever recovers elsewhere', () =>
    tell(async (vault) => {
      const days = await diary(vault, 5)
      await rebuild(vault, ['diary'], WHOLE)
      await vault.recoverElsewhere()
      await expectAll(vault, days)
    }))
})

describe('forgetting', () => {
  it('drops snapshots and the versions only they showed, also from the middle of a chain', () =>
    tell(async (vault) => {
      const days = await diary(vault, 6)
      await pin(vault, days[0]!)
      const summary = await forget(vault, { last: 2 })
      expect(summary.decisions.map(({ isKept }) => isKept)).toEqual([
        true,
        true,
        false,
        false,
        false,
        true,
      ])
      expect(summary).toMatchObject({ published: true, versionsDropped: 3, deltasComposed: 1 })
      const { versions } = await historyOf(vault)
      expect(versions).toHaveLength(3)
      await expectAll(vault, [days[0]!, days[4]!, days[5]!])
      const left = await vault.withClient((client, signal) => client.snapshots(signal))
      expect(left.map(({ sequence }) => sequence)).toEqual(
        [days[5]!, days[4]!, days[0]!].map(({ sequence }) => sequence),
      )
    }))

  it('changes nothing in a dry run, and refuses to forget everything', () =>
    tell(async (vault) => {
      const days = await diary(vault, 3)
      const summary = await forget(vault, { last: 1 }, { isDryRun: true })
      expect(summary.published).toBe(false)
      expect(summary.decisions.filter(({ isKept }) => !isKept)).toHaveLength(2)
      await expectAll(vault, days)
      await expect(forget(vault, {})).rejects.toThrow(RetentionRefusedError)
      await expect(forget(vault, { tags: [['no such tag']] })).rejects.toThrow(
        RetentionRefusedError,
      )
      await expectAll(vault, days)
    }))

  it('frees what only dropped versions needed, and moves next to nothing, after a rebuild', () =>
    tell(async (vault) => {
      const days = await diary(vault, 12)
      await rebuild(vault, ['diary'], WHOLE)
      const before = await chainOf(vault)
      const summary = await forget(vault, { last: 4 })
      expect(summary).toMatchObject({ versionsDropped: 8, deltasComposed: 0 })
      expect((await chainOf(vault))?.storedSize).toBeLessThan(before?.storedSize ?? 0)
      await expectAll(vault, days.slice(-4))
    }))
})

describe('giving space back', () => {
  it('releases what nothing needs, and peers let it go after a month', () =>
    tell(async (vault) => {
      const days = await diary(vault, 8)
      await rebuild(vault, ['diary'], WHOLE)
      await forget(vault, { last: 2 })
      const held = await usedBy(vault)
      const { released, untold, inRelease } = await gc(vault)
      expect(released.packs).toBeGreaterThan(4)
      expect(untold).toEqual([])
      expect(inRelease).toEqual(released)
      await expectAll(vault, days.slice(-2))
      // Nothing has gone yet, and it no longer counts.
      await sleepDays(vault, 29)
      expect((await gc(vault, { isDryRun: true })).inRelease.packs).toBe(released.packs)
      await sleepDays(vault, 80)
      const later = await gc(vault)
      expect(later.gone.packs).toBe(released.packs)
      expect(await usedBy(vault)).toBeLessThan(held)
      await expectAll(vault, days.slice(-2))
    }))

  it('can be taken back until peers carried it out', () =>
    tell(async (vault) => {
      const days = await diary(vault, 5)
      await rebuild(vault, ['diary'], WHOLE)
      const { released } = await gc(vault)
      expect(released.packs).toBeGreaterThan(0)
      const { cancelled, inRelease } = await gc(vault, { isCancel: true })
      expect(cancelled).toEqual(released)
      expect(inRelease.packs).toBe(0)
      await sleepDays(vault, 60)
      expect((await gc(vault, { isDryRun: true })).released.packs).toBeGreaterThanOrEqual(
        released.packs,
      )
      await expectAll(vault, days)
    }))

  it('is known to whoever recovers elsewhere', () =>
    tell(async (vault) => {
      const days = await diary(vault, 5)
      await rebuild(vault, ['diary'], WHOLE)
      const { released } = await gc(vault)
      await vault.recoverElsewhere()
      const { inRelease } = await gc(vault, { isDryRun: true })
      expect(inRelease.packs).toBe(released.packs)
      await expectAll(vault, days)
    }))

  it('L05: leaves the heads of the last 30 days whole, whatever a thief publishes', () =>
    tell(async (vault) => {
      const days = await diary(vault, 4)
      const { sequence } = days.at(-1)!
      // Somebody at the laptop empties it, keeps only that, and releases all the rest.
      vault.remove('diary')
      await backUp(vault)
      await forget(vault, { last: 1 })
      expect((await gc(vault)).released.packs).toBeGreaterThan(0)
      await sleepDays(vault, 29)
      await vault.recoverElsewhere({ head: sequence })
      await expectAll(vault, days)
      // The first backup takes back what was released: the vault goes on from there.
      vault.write('diary', 'a new beginning')
      const next = await backUp(vault)
      await sleepDays(vault, 60)
      await expectAll(vault, [...days, next])
    }))
})

/** A file of 200 KiB of which something small changes every day. */
async function diary(
  vault: TestVault,
  count: number,
  { policy = BY_HAND, changed = 500 }: { policy?: RebuildPolicy; changed?: number } = {},
): Promise<Day[]> {
  const content = noise(200 * KIB)
  const days: Day[] = []
  for (let day = 0; day < count; day += 1) {
    content.set(noise(changed, day + 100), (day * 7_919) % (190 * KIB))
    vault.write('diary', content)
    days.push(await backUp(vault, { rebuild: policy }))
  }
  return days
}

function rebuild(
  vault: TestVault,
  paths: readonly string[],
  policy: RebuildPolicy,
  more: Partial<RebuildRequest> = {},
): Promise<RebuildSummary> {
  const asked = paths.map((path) => toBytes(path === '' ? HOME : `${HOME}/${path}`))
  return vault.withClient((client, signal) =>
    client.rebuild({ paths: asked, policy, isDryRun: false, ...more }, signal),
  )
}

async function pin(vault: TestVault, { sequence }: Day): Promise<void> {
  await vault.withClient((client, signal) => client.pin([String(sequence)], true, signal))
}

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}
