/**
 * Chores: rebuild, forget and gc as stories tell them, each a run of the client of its own.
 */

import { expect } from 'vitest'

import { packIdFromBytes } from '../../protocol/manifest.ts'
import { toBytes } from '../../sim/file-tree.ts'
import { MachineCrashed } from '../../sim/errors.ts'
import type { Friend } from '../../sim/grid.ts'
import type { Picture } from '../../sim/oracle.ts'
import type { FileHistory } from '../../src/history/visible.ts'
import type {
  BackupRequest,
  ForgetRequest,
  ForgetSummary,
  GcRequest,
  GcSummary,
  RebuildRequest,
  RebuildSummary,
} from '../../src/node/client.ts'
import { REBUILD_POLICY, type RebuildPolicy } from '../../src/repair/policy.ts'
import type { RetentionPolicy } from '../../src/repair/retention.ts'
import { HOME, noise, type TestVault } from './test-vault.ts'

export const KIB = 1024

/** Any chain asked for is made whole. */
export const WHOLE: RebuildPolicy = { ...REBUILD_POLICY, fetchRatioMax: 1 }
/** Backups rebuild nothing by themselves. */
export const BY_HAND: RebuildPolicy = { ...REBUILD_POLICY, isAutomatic: false }

/** A snapshot, and what it must bring back. */
export interface Day {
  readonly sequence: number
  readonly picture: Picture
}

/** A file of some KiB of which something small changes every day. */
export async function diary(
  vault: TestVault,
  count: number,
  { name = 'diary', size = 60 * KIB, changed = 300 } = {},
): Promise<Day[]> {
  const content = noise(size)
  const days: Day[] = []
  for (let day = 0; day < count; day += 1) {
    content.set(noise(changed, day + 100), (day * 7_919) % (size - changed))
    vault.write(name, content)
    days.push(await backUp(vault))
  }
  return days
}

export async function backUp(vault: TestVault, more: Partial<BackupRequest> = {}): Promise<Day> {
  const picture = vault.picture()
  const { sequence, published, skipped } = await vault.backUp({ rebuild: BY_HAND, ...more })
  expect(skipped).toEqual([])
  expect(published).toBe(true)
  return { sequence, picture }
}

export function rebuild(
  vault: TestVault,
  more: Partial<RebuildRequest> = {},
): Promise<RebuildSummary> {
  const request = { paths: [toBytes(HOME)], policy: WHOLE, isDryRun: false, ...more }
  return vault.withClient((client, signal) => client.rebuild(request, signal))
}

export function forget(
  vault: TestVault,
  policy: RetentionPolicy,
  more: Partial<ForgetRequest> = {},
): Promise<ForgetSummary> {
  return vault.withClient((client, signal) =>
    client.forget({ policy, isDryRun: false, ...more }, signal),
  )
}

export function gc(vault: TestVault, more: Partial<GcRequest> = {}): Promise<GcSummary> {
  return vault.withClient((client, signal) =>
    client.gc({ isDryRun: false, isCancel: false, ...more }, signal),
  )
}

export async function chainOf(vault: TestVault, path = 'diary') {
  const report = await vault.withClient((client, signal) =>
    client.historyReport(toBytes(`${HOME}/${path}`), {}, signal),
  )
  return report?.chain
}

export async function historyOf(vault: TestVault, path = 'diary'): Promise<FileHistory> {
  const history = await vault.withClient((client, signal) =>
    client.history(toBytes(`${HOME}/${path}`), signal),
  )
  if (history === undefined) throw new Error(`${path} has a history`)
  return history
}

/** Bytes that peers hold for the vault. */
export async function usedBy(vault: TestVault): Promise<number> {
  const { peers } = await vault.withClient((client, signal) => client.status(signal))
  return peers.reduce((sum, { used = 0 }) => sum + used, 0)
}

/** Friends switch off and on again every other day: hourly gossip of months takes minutes to simulate. */
export async function sleepDays(vault: TestVault, days: number): Promise<void> {
  for (let left = days; left > 0; left -= 2) {
    for (const { machine } of vault.friends.left) machine.crash('kill')
    await vault.world.scheduler.sleep(Math.min(2, left) * 86_400_000)
    vault.startFriends()
    await vault.calm()
  }
}

export async function expectAll(vault: TestVault, days: readonly Day[]): Promise<void> {
  for (const { sequence, picture } of days) {
    expect(await vault.differences(String(sequence), picture), `snapshot ${sequence}`).toEqual([])
  }
}

/** Ids of the packs that the laptop made, oldest first. */
export function packsOf(
  { laptop }: TestVault,
  kind: 'data' | 'delta' | 'metadata' | 'ledger',
): Promise<string[]> {
  return laptop.run(({ openDatabase }) => {
    const database = openDatabase('backupdb')
    try {
      const rows = database.prepare('SELECT id FROM packs WHERE kind = ? ORDER BY number').all(kind)
      return Promise.resolve(rows.map(({ id }) => packIdFromBytes(id as Uint8Array)))
    } finally {
      database.close()
    }
  })
}

/** No friend, or none of some, has a share of these packs. @returns how they come back */
export function hide(
  { friends }: TestVault,
  packs: readonly string[],
  some: readonly Friend[] = friends.all,
): () => void {
  const isHidden = ({ path }: { readonly path: string }) =>
    packs.some((pack) => path.includes(pack))
  const hidden = some.map((friend) => {
    const { machine } = friend
    friends.crash(friend, 'kill')
    const files = machine.volume.save()
    machine.volume.become(files.filter((file) => !isHidden(file)))
    friends.start(friend)
    return { friend, files: files.filter(isHidden) }
  })
  return () => {
    for (const { friend, files } of hidden) {
      friends.crash(friend, 'kill')
      friend.machine.volume.become([...friend.machine.volume.save(), ...files])
      friends.start(friend)
    }
  }
}

/** Do something whose power goes at disk step `step`. @returns whether it came that far */
export async function isCutAt(
  vault: TestVault,
  step: number,
  work: () => Promise<unknown>,
): Promise<boolean> {
  let steps = 0
  vault.laptop.diskTrouble.onStep = () => (++steps === step ? 'cut' : 'pass')
  try {
    await work()
    return false
  } catch (error) {
    if (!(error instanceof MachineCrashed)) throw error
    return true
  } finally {
    vault.laptop.diskTrouble.onStep = undefined
    if (!vault.laptop.isUp) vault.laptop.boot()
  }
}
