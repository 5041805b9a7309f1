/**
 * Helpers as stories tell them: a friend is given a vault's repair cap, and time passes.
 */

import { requireCap, type RepairCap } from '../../protocol/cap.ts'
import { decodeManifest, pieceSize, type Manifest } from '../../protocol/manifest.ts'
import { decodeShareHeader } from '../../protocol/share.ts'
import type { Friend } from '../../sim/grid.ts'
import { readHelpReport, type HelpReport } from '../../src/node/help-reports.ts'
import type { TestVault } from './test-vault.ts'

const MINUTE_MS = 60_000
export const DAY_MS = 86_400_000

/** Long enough for gossip, and for a helper's first round after its start. */
export const UP_MS = 35 * MINUTE_MS

/** A share as it lies on a friend's disk. */
export interface FoundShare {
  readonly friend: Friend
  readonly pack: string
  readonly shareNumber: number
  readonly manifest: Manifest
}

export async function repairCap(vault: TestVault): Promise<RepairCap> {
  return requireCap(
    await vault.withClient((client) => Promise.resolve(client.repairCap())),
    'repair',
  )
}

/** Give a friend the cap, and start it anew with it. */
export function helpWith(vault: TestVault, friend: Friend, cap: RepairCap): void {
  vault.friends.helpWith(friend, cap)
}

/**
 * Let days pass in which friends are up for a while, at least every other day, so that they look, gossip and help.
 * In between nothing happens, which saves us the time to simulate it.
 */
export async function helpedDays(vault: TestVault, days: number): Promise<void> {
  const { scheduler } = vault.world
  for (let left = days; left > 0; left -= 2) {
    await scheduler.sleep(UP_MS)
    for (const { machine } of vault.friends.left) machine.crash('kill')
    await scheduler.sleep(Math.min(2, left) * DAY_MS - UP_MS)
    vault.startFriends()
  }
  await scheduler.sleep(UP_MS)
}

/** A round now, by whoever runs there. */
export async function helpNow({ node }: Friend): Promise<void> {
  if (node?.helper === undefined) throw new Error('nobody helps there')
  await node.helper.help(new AbortController().signal)
}

export async function reportOf(
  { machine }: Friend,
  { vault }: Pick<RepairCap, 'vault'>,
): Promise<HelpReport | undefined> {
  return readHelpReport(machine.ports.disk, vault)
}

/** Every share that lies with friends who are not lost. */
export function sharesAt(friends: readonly Friend[]): FoundShare[] {
  return friends
    .filter(({ isLost }) => !isLost)
    .flatMap((friend) =>
      friend.machine.volume.files().flatMap(({ path, file }) => {
        const match = /\/([a-z2-7]+)-(\d+)\.share$/.exec(path)
        if (match === null) return []
        const { header } = decodeShareHeader(file.read(0, Math.min(file.size, 16_384)))
        const manifest = decodeManifest(header.manifest)
        return [{ friend, pack: match[1] ?? '', shareNumber: header.shareNumber, manifest }]
      }),
    )
}

/** @returns share numbers by pack, each as often as it lies somewhere */
export function copiesOf(shares: readonly FoundShare[]): Map<string, number[]> {
  const copies = new Map<string, number[]>()
  for (const { pack, shareNumber } of shares) {
    copies.set(pack, [...(copies.get(pack) ?? []), shareNumber])
  }
  return copies
}

/** @returns packs with a share that lies nowhere, or lies twice */
export function notJustWhole(shares: readonly FoundShare[]): string[] {
  const totals = new Map(shares.map(({ pack, manifest }) => [pack, manifest.total]))
  return [...copiesOf(shares)].flatMap(([pack, numbers]) => {
    const total = totals.get(pack) ?? 0
    const isWhole = numbers.length === total && new Set(numbers).size === total
    return isWhole ? [] : [`${pack}: ${numbers.toSorted((a, b) => a - b).join(' ')} of ${total}`]
  })
}

/** What making these shares takes when k of each pack are read: bytes of pieces. */
export function leastTraffic(before: readonly FoundShare[], made: readonly FoundShare[]): number {
  const missing = copiesOf(made)
  const manifests = new Map(before.map(({ pack, manifest }) => [pack, manifest]))
  return [...missing].reduce((sum, [pack, numbers]) => {
    const manifest = manifests.get(pack)
    if (manifest === undefined) return sum
    return sum + (manifest.needed + numbers.length) * pieceSize(manifest)
  }, 0)
}
