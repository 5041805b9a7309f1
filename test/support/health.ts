/** Check, audit and repair as stories tell them, each a run of the client of its own. */

import { expect } from 'vitest'

import { peerIdOf } from '../../protocol/keys.ts'
import { signStatement, type Statement } from '../../protocol/roster.ts'
import type { Friend } from '../../sim/grid.ts'
import type {
  AuditSummary,
  CheckRequest,
  CheckSummary,
  RepairRequest,
  RepairSummary,
} from '../../src/node/client.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { REPAIR_POLICY, type RepairPolicy } from '../../src/repair/repair-policy.ts'
import { readGridFile, writeGridFile } from '../../src/store/grid-file.ts'
import type { TestVault } from './test-vault.ts'

/** Ten friends, of whom any three bring a pack back. */
export const CODE = { needed: 3, total: 8 } as const

export function check(vault: TestVault, more: Partial<CheckRequest> = {}): Promise<CheckSummary> {
  return vault.withClient((client, signal) => client.check(more, signal))
}

export function audit(vault: TestVault, count = 44): Promise<AuditSummary> {
  return vault.withClient((client, signal) => client.audit({ count }, signal))
}

export function repair(
  vault: TestVault,
  more: Partial<RepairRequest> = {},
): Promise<RepairSummary> {
  return vault.withClient((client, signal) =>
    client.repair({ isDryRun: false, isPatient: false, ...more }, signal),
  )
}

export function friendOf(vault: TestVault, peer: PeerId | undefined): Friend {
  const found = vault.friends.all.find(({ key }) => peerIdOf(key.publicKey) === peer)
  if (found === undefined) throw new Error('no such friend')
  return found
}

/** Holders of a pack's shares, by share number. */
export function holdersIn({ packs }: Pick<CheckSummary, 'packs'>, index = 0): PeerId[] {
  const held = packs[index]?.held.holders ?? new Map<number, readonly { peer: PeerId }[]>()
  return [...held]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([, [first]]) => (first === undefined ? [] : [first.peer]))
}

/** The laptop hears a statement that somebody made. */
export async function hear(
  vault: TestVault,
  friend: Friend,
  more: Pick<Statement, 'type'> & Partial<Statement>,
): Promise<void> {
  await vault.laptop.run(async ({ disk, clock }) => {
    const file = await readGridFile(disk)
    if (file === undefined) throw new Error('there is a grid')
    const { grid, statements } = file
    const issuer = peerIdOf(friend.key.publicKey)
    const common = { version: 1, grid, subject: issuer, issuer, issuedAt: clock.now() } as const
    const statement = signStatement({ ...common, ...more }, friend.key)
    await writeGridFile(disk, { grid, statements: [...statements, statement] })
  })
}

/** No share lies at two friends, no friend has two shares of a pack, and no pack more than n of them. */
export function expectNoneTwice({ packs }: Pick<CheckSummary, 'packs'>): void {
  for (const { held, pack, readable } of packs) {
    const holders = [...held.holders.values()].map((all) => all.filter(({ isSeen }) => isSeen))
    expect(readable.size).toBeLessThanOrEqual(pack.shape.total)
    for (const all of holders) expect(all.length).toBeLessThanOrEqual(1)
    const peers = holders.flat().map(({ peer }) => peer)
    expect(new Set(peers).size).toBe(peers.length)
  }
}

/** Counts bytes between the laptop and its friends from now on. */
export function meter({ world, laptop }: TestVault): { up: number; down: number } {
  const traffic = { up: 0, down: 0 }
  world.trace.listen(({ node, event, fields }) => {
    if (event !== 'net.arrive') return
    if (node === laptop.name) traffic.down += Number(fields['size'])
    else if (fields['from'] === laptop.name) traffic.up += Number(fields['size'])
  })
  return traffic
}

const DAY_MS = 86_400_000

export interface DaysOptions {
  /** Friends who stay off all the time. */
  readonly silent?: readonly Friend[]
  readonly repair?: RepairPolicy
}

/**
 * A backup every other day, with the friends off in between: hourly gossip of weeks takes minutes to simulate.
 *
 * @returns shares that backups made again by themselves
 */
export async function days(
  vault: TestVault,
  count: number,
  { silent = [], repair: policy = REPAIR_POLICY }: DaysOptions = {},
): Promise<number> {
  let repaired = 0
  for (let left = count; left > 0; left -= 2) {
    for (const { machine } of vault.friends.left) machine.crash('kill')
    await vault.world.scheduler.sleep(Math.min(2, left) * DAY_MS)
    for (const friend of vault.friends.left)
      if (!silent.includes(friend)) vault.friends.start(friend)
    const summary = await vault.backUp({ code: CODE, repair: policy })
    expect(summary.published).toBe(true)
    repaired += summary.repaired
  }
  return repaired
}
