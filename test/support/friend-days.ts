/** Days with friends: what a laptop makes of them when it looks once a day, in virtual time. */

import { peerIdOf } from '../../protocol/keys.ts'
import { signStatement, type Statement } from '../../protocol/roster.ts'
import type { Friend } from '../../sim/grid.ts'
import type { Standing } from '../../src/grid/standing.ts'
import type { ClientStatus } from '../../src/node/client.ts'
import { readGridFile, writeGridFile } from '../../src/store/grid-file.ts'
import { Packs, type PackRow } from '../../src/store/packs.ts'
import type { TestVault } from './test-vault.ts'

export const DAY_MS = 86_400_000

/** Look at everybody now. */
export function look(vault: TestVault): Promise<ClientStatus> {
  return vault.withClient((client, signal) => client.status(signal))
}

/** What friends' machines are awake of a day: they gossip twice in it. */
const AWAKE_MS = 2 * 3_600_000

/** Let days pass, with a look at the end of each. @returns the last one */
export async function passDays(vault: TestVault, count: number): Promise<ClientStatus> {
  let status = await look(vault)
  for (let day = 0; day < count; day += 1) {
    await passTime(vault, DAY_MS)
    status = await look(vault)
  }
  return status
}

/** Let time pass, most of it while all computers sleep. */
export async function passTime({ world }: TestVault, ms: number): Promise<void> {
  world.scheduler.skip(Math.max(0, ms - AWAKE_MS))
  await world.scheduler.sleep(Math.min(ms, AWAKE_MS))
}

export function standingIn(status: ClientStatus, friend: Friend | undefined): Standing | undefined {
  return status.peers.find(({ peer }) => peer === idOf(friend))?.standing
}

/** @returns how many friends stand how */
export function standings({ peers }: ClientStatus): Partial<Record<Standing, number>> {
  const counts: Partial<Record<Standing, number>> = {}
  for (const { standing } of peers) counts[standing] = (counts[standing] ?? 0) + 1
  return counts
}

/** The friend says something of itself, and the laptop hears of it. */
export async function announce(
  vault: TestVault,
  { key }: Friend,
  said: Pick<Statement, 'awayUntil' | 'isLeaving'>,
): Promise<void> {
  await vault.laptop.run(async ({ disk, clock }) => {
    const file = await readGridFile(disk)
    if (file === undefined) throw new Error('there is a grid')
    const self = peerIdOf(key.publicKey)
    const common = { version: 1, grid: file.grid, subject: self, issuer: self } as const
    const statement = signStatement(
      { ...common, type: 'presence', issuedAt: clock.now(), ...said },
      key,
    )
    await writeGridFile(disk, { ...file, statements: [...file.statements, statement] })
  })
}

export function packRows(vault: TestVault): Promise<PackRow[]> {
  return vault.laptop.run(({ openDatabase }) => {
    const database = openDatabase('backupdb')
    const rows = new Packs(database).from(0, 10_000)
    database.close()
    return Promise.resolve(rows)
  })
}

/** Shares that lie with friends, by pack. */
export function sharesAt(friends: readonly Friend[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { machine } of friends) {
    for (const { path } of machine.volume.files()) {
      const pack = /^shares\/.*\/([a-z0-9]+)-\d+\.share$/.exec(path)?.[1]
      if (pack !== undefined) counts.set(pack, (counts.get(pack) ?? 0) + 1)
    }
  }
  return counts
}

function idOf(friend: Friend | undefined): string | undefined {
  return friend && peerIdOf(friend.key.publicKey)
}
