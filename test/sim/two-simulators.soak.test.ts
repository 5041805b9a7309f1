/**
 * The two simulators tell the same story: the product's own code in virtual time, message by message, and
 * the engine of `cairn what-if`, share by share.
 */

import { describe, expect, it } from 'vitest'

import { peerIdOf } from '../../protocol/keys.ts'
import type { CheckSummary } from '../../src/node/client.ts'
import { replay, type Timeline } from '../../src/durability/replay.ts'
import { KIB } from '../support/chores.ts'
import type { PackHealth } from '../../src/repair/pack-health.ts'
import { DAY_MS, passTime } from '../support/friend-days.ts'
import { check } from '../support/health.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const CODE = { needed: 3, total: 5 }
const PACKS = 3
const DAYS = 42

/** Turns are at noon, looks at midnight. Who was seen for less than two weeks counts as a laptop. */
const FRIENDS: readonly Timeline[] = (
  [
    friend({ lostAt: 3.5 }),
    friend({ away: [{ from: 5.5, until: 12.5 }] }),
    friend({ away: [{ from: 10.5, until: 33.5 }] }),
    friend({ lostAt: 20.5, giveUpDays: 14 }),
    friend({ away: [{ from: 28.5, until: 29.5 }] }),
    friend({ away: [{ from: 28.5, until: 29.5 }] }),
    friend({ away: [{ from: 28.5, until: 30.5 }] }),
    friend({}),
  ] satisfies Omit<Timeline, 'domain'>[]
).map((each, domain) => ({ ...each, domain }))

describe('the engine of years and the simulator of messages', () => {
  it('agree on which packs can be read on which day, and on how many shares are made again', async () => {
    const vault = new TestVault({ peers: FRIENDS.length })
    await vault.tell(async () => {
      for (let pack = 0; pack < PACKS; pack += 1) {
        vault.write(`picture ${pack}`, noise(80 * KIB, pack))
        await vault.backUp({ code: CODE })
      }
      const peers = vault.friends.all.map(({ key }) => peerIdOf(key.publicKey))
      const first = dataPacks(await check(vault))
      const holders = first.map(({ held }) =>
        Array.from({ length: CODE.total }, (_, share) => {
          const [holding] = held.holders.get(share) ?? []
          return peers.findIndex((peer) => peer === holding?.peer)
        }),
      )
      const told = replay({
        peers: FRIENDS,
        code: CODE,
        holders,
        repairing: { type: 'clocks', checkDays: 1, packsPerCheck: 256 },
        days: DAYS,
        seed: 1,
      })

      const ids = first.map(({ pack }) => pack.id)
      const [byMessages, byShares]: [boolean[][], boolean[][]] = [[], []]
      const pairs = new Set<string>()
      for (let day = 1; day < DAYS; day += 1) {
        await passTime(vault, DAY_MS / 2)
        turn(vault, day - 0.5)
        await passTime(vault, DAY_MS / 2)
        await vault.backUp({ code: CODE })
        const packs = dataPacks(await check(vault)).filter(({ pack }) => ids.includes(pack.id))
        byMessages.push(packs.map(({ readable }) => readable.size >= CODE.needed))
        byShares.push(told.readable.map((spans) => spans.some(isWithin(day + 0.25))))
        for (const pair of holdings(packs)) pairs.add(pair)
      }
      expect(byMessages).toEqual(byShares)
      expect(byShares.flat()).toContain(false)
      for (const pair of holdings(first)) pairs.delete(pair)
      expect(pairs.size).toBe(told.sharesMade)
      expect(pairs.size).toBeGreaterThan(PACKS)
    })
  }, 240_000)
})

function friend(more: Partial<Timeline>): Omit<Timeline, 'domain'> {
  return { away: [], giveUpDays: 21, ...more }
}

/** Whoever goes or comes at this moment does. */
function turn({ friends }: TestVault, day: number): void {
  for (const [index, { away, lostAt }] of FRIENDS.entries()) {
    const one = friends.all[index]!
    if (lostAt === day) friends.lose(one)
    if (away.some(({ from }) => from === day)) friends.crash(one, 'kill')
    if (away.some(({ until }) => until === day)) friends.start(one)
  }
}

function dataPacks({ packs }: CheckSummary): PackHealth[] {
  return packs.filter(({ pack }) => pack.kind === 'data').slice(0, PACKS)
}

/** Who holds which share of which pack, one word each. */
function holdings(packs: readonly PackHealth[]): string[] {
  return packs.flatMap(({ pack, held }) =>
    [...held.holders].flatMap(([share, all]) =>
      all.map(({ peer }) => `${pack.id} ${share} ${peer}`),
    ),
  )
}

function isWithin(day: number) {
  return ({ from, until }: { readonly from: number; readonly until: number }) =>
    day >= from && day < until
}
