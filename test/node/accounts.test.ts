/** What a client vouches for, and what it hears about room. */

import { describe, expect, it } from 'vitest'

import type { DatabaseSync } from 'node:sqlite'
import { openCredit, type OpenedCredit } from '../../protocol/account.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { backUp, BY_HAND, expectAll, forget, gc, sleepDays } from '../support/chores.ts'
import { seedOf } from '../support/test-grid.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const DAY_MS = 86_400_000
const KIB = 1024
const other = vaultIdFromBytes(seedOf('a friend’s vault'))

describe('a client', () => {
  it('vouches once a day for what friends hold, with an audit of each', async () => {
    await tell(
      () => other,
      async (vault) => {
        vault.write('song', noise(300 * KIB))
        await backUp(vault)
        await passDay(vault)
        vault.write('song', noise(300 * KIB, 2))
        await backUp(vault)
        const credits = creditsAt(vault)
        expect(credits).toHaveLength(5)
        for (const { bytes, account, passed, failed } of credits) {
          expect(bytes).toBeGreaterThan(0)
          expect(bytes).toBeLessThanOrEqual(account.bytesHeld)
          expect([passed, failed]).toEqual([1, 0])
        }
        const { friends } = await vault.withClient((client, signal) => client.friends(signal))
        expect(friends.map(({ auditsPassed }) => auditsPassed)).toEqual([1, 1, 1, 1, 1])
        await backUp(vault)
        expect(creditsAt(vault), 'the same day').toEqual(credits)
      },
    )
  })

  it('believes no peer that claims more than was stored there', async () => {
    await tell(
      () => other,
      async (vault) => {
        vault.write('song', noise(300 * KIB))
        await backUp(vault)
        const honest = await heldAt(vault)
        await passDay(vault)
        inflate(vault)
        await passDay(vault)
        await backUp(vault)
        const claims = creditsAt(vault).map(({ account, bytes }) => ({ account, bytes }))
        const most = Math.max(...claims.map(({ account }) => account.byteDays))
        expect(most, 'one claims a thousand times as much').toBeGreaterThan(100 * honest)
        for (const { bytes } of claims) expect(bytes).toBeLessThanOrEqual(honest)
      },
    )
  })

  it('asks nothing where nobody said whose a peer is', async () => {
    await tell(
      () => undefined,
      async (vault) => {
        vault.write('song', noise(30 * KIB))
        await backUp(vault)
        expect(creditsAt(vault)).toEqual([])
      },
    )
  })

  it('warns of room that is running out, with numbers, a date and what would help', async () => {
    await tell(
      () => other,
      async (vault) => {
        vault.write('song', noise(300 * KIB))
        const summary = await vault.backUp()
        expect(summary.published).toBe(true)
        expect(summary.warnings.join('\n')).toMatch(
          /friend\d grants 48\.8 KiB and holds .* KiB more: new data is refused there from \d{4}-\d\d-\d\d on/,
        )
        expect(summary.warnings.at(-1)).toMatch(
          /What is stored stays.*free .* KiB.*"cairn forget".*"cairn gc"/,
        )
        const { warnings, peers } = await vault.withClient((client, signal) =>
          client.status(signal),
        )
        expect(warnings).toHaveLength(summary.warnings.length)
        expect(peers[0]!.over!.bytes).toBeGreaterThan(0)
      },
      { floor: 50_000 },
    )
  })
})

describe('a client whose friends are out of patience', () => {
  it('L09: is told by each of them in numbers, sends nothing new, and has everything it had', async () => {
    await tell(
      () => other,
      async (vault) => {
        vault.write('song', noise(300 * KIB))
        const day = await backUp(vault)
        await sleepDays(vault, 32)
        vault.write('more', noise(300 * KIB, 2))
        const summary = await vault.backUp({ rebuild: BY_HAND })
        expect(summary.published).toBe(false)
        expect(summary.notSafe?.message).toMatch(
          /KiB are kept here, 48\.8 KiB are granted, and 30 days of grace are over/,
        )
        expect(summary.notSafe?.message).toContain(
          'lend more, or "cairn forget" and "cairn gc" free space',
        )
        expect(summary.warnings.join('\n')).toMatch(/new data is refused there now/)
        await expectAll(vault, [day])
      },
      { floor: 50_000 },
    )
  })
})

describe('a client that is full', () => {
  it('L08: forgets and gives space back, though nobody takes new data, and then backs up again', async () => {
    const tidy = 60_000
    await tell(
      () => other,
      async (vault) => {
        for (const name of ['one', 'two', 'three']) {
          vault.write('song', noise(150 * KIB, name.length))
          await backUp(vault)
        }
        await sleepDays(vault, 32)
        vault.write('more', noise(40 * KIB, 9))
        const full = await vault.backUp({ rebuild: BY_HAND })
        expect(full.published).toBe(false)
        vault.write('song', noise(10 * KIB, 10))
        vault.remove('more')
        const dropped = await forget(vault, { last: 1 })
        expect(dropped.notSafe?.message).toBeUndefined()
        expect(dropped.published).toBe(true)
        const given = await gc(vault)
        expect(given.published).toBe(true)
        expect(given.released.bytes).toBeGreaterThan(150 * KIB)
        const again = await backUp(vault)
        await expectAll(vault, [again])
      },
      { floor: 150_000, tidySize: tidy },
    )
  })
})

describe('the list of friends', () => {
  it('says what each side holds for the other, and what to make of it', async () => {
    const owners: (VaultId | undefined)[] = []
    await tell(
      (index) => owners[index],
      async (vault) => {
        const { vault: ours } = await vault.withClient((client, signal) => client.status(signal))
        owners[0] = ours as VaultId
        owners[1] = other
        restartAll(vault)
        await vault.calm()
        vault.write('song', noise(300 * KIB))
        await backUp(vault)
        await passDay(vault)
        vault.write('song', noise(300 * KIB, 2))
        await backUp(vault)
        const list = await vault.withClient((client, signal) => client.friends(signal))
        expect(list).toMatchObject({ heldForOthers: 0, ownPeers: 1, lendNothing: [] })
        const verdicts = new Map(list.friends.map(({ name, verdict }) => [name, verdict]))
        expect(verdicts.get('friend0')).toBe('yours')
        expect(verdicts.get('friend1')).toBe('new, 1 day')
        expect(verdicts.get('friend2')).toBe('lends, and did not say whose it is')
        const held = list.friends.map(({ heldForUs = 0 }) => heldForUs)
        expect(Math.min(...held)).toBeGreaterThan(0)
        const theirs = list.friends.filter(({ isOurs }) => !isOurs)
        expect(list.heldByOthers).toBe(theirs.reduce((sum, each) => sum + (each.heldForUs ?? 0), 0))
      },
    )
  })
})

async function tell(
  ownerOf: (index: number) => VaultId | undefined,
  story: (vault: TestVault) => Promise<void>,
  { floor = 1e9, tidySize = 0 } = {},
): Promise<void> {
  const each = (index: number) => {
    const owner = ownerOf(index)
    return { floor, tidySize, ...(owner === undefined ? {} : { vault: owner }) }
  }
  const vault = new TestVault({ peers: 5, each })
  await vault.tell(async () => {
    await vault.calm()
    await story(vault)
  })
}

function restartAll(vault: TestVault): void {
  for (const friend of vault.friends.all) vault.friends.crash(friend, 'kill')
  vault.startFriends()
}

/** Friends are off in between: a day's gossip takes long to simulate. */
async function passDay(vault: TestVault): Promise<void> {
  for (const friend of vault.friends.all) vault.friends.crash(friend, 'kill')
  await vault.world.scheduler.sleep(DAY_MS)
  vault.startFriends()
  await vault.calm()
}

function creditsAt(vault: TestVault): OpenedCredit[] {
  return atPeer(vault, (database) =>
    database
      .prepare('SELECT document FROM credits ORDER BY peer')
      .all()
      .map(({ document }) => openCredit(document as Uint8Array)),
  )
}

/** The most that one friend holds. */
async function heldAt(vault: TestVault): Promise<number> {
  const { peers } = await vault.withClient((client, signal) => client.status(signal))
  return Math.max(...peers.map(({ used = 0 }) => used))
}

/** The first friend's accounts say ten thousand times what was. */
function inflate(vault: TestVault): void {
  atPeer(vault, (database) =>
    database.exec(
      `INSERT OR REPLACE INTO byte_days SELECT vault, settled_age / 86400000, 1000000000000, 0
         FROM byte_accounts`,
    ),
  )
}

/** Look into the accounts of the first friend, who is switched off for it. */
function atPeer<T>(vault: TestVault, look: (database: DatabaseSync) => T): T {
  const [friend] = vault.friends.all
  vault.friends.crash(friend!, 'kill')
  const database = friend!.machine.databases.open('peer')
  try {
    return look(database)
  } finally {
    database.close()
    vault.friends.start(friend!)
  }
}
