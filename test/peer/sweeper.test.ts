import { describe, expect, it } from 'vitest'

import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { DiskError } from '../../src/base/errors.ts'
import { AGE_STEP_MS_MAX } from '../../src/store/age-clock.ts'
import { MachineCrashed } from '../../sim/errors.ts'
import type { DiskStep } from '../../sim/disk.ts'
import { forever, seedOf } from '../support/test-grid.ts'
import { DAY_MS, onePieces, TestShares, type TestPack } from '../support/test-shares.ts'

const YEAR_MS = 365 * DAY_MS
const [one, two, three] = onePieces(3) as [TestPack, TestPack, TestPack]

describe('a provisional share', () => {
  it('expires 31 days after its vault did without it, and an adopted one never does', async () => {
    await TestShares.tell(async (shares) => {
      await shares.put(one)
      await shares.keep([two])
      expect(shares.store.forgo(shares.vault).count).toBe(1)
      await shares.pass(30)
      expect([shares.has(one), shares.has(two)]).toEqual([true, true])
      await shares.pass(2)
      expect([shares.has(one), shares.has(two)]).toEqual([false, true])
      const { files, accounts } = await shares.filesAndAccounts([one, two])
      expect(files).toEqual(accounts)
      await shares.pass(300)
      expect(shares.has(two)).toBe(true)
    })
  })

  it('of a vault that is silent stays, and so does one that came after its last word', async () => {
    await TestShares.tell(async (shares) => {
      await shares.put(one)
      await shares.put(three, { vault: shares.other })
      shares.store.forgo(shares.other)
      await shares.pass(20)
      shares.store.forgo(shares.vault)
      await shares.put(two)
      await shares.pass(60)
      expect([one, two].map((pack) => shares.has(pack))).toEqual([false, true])
      expect(shares.has(three, shares.other)).toBe(false)
      await shares.pass(300)
      expect(shares.has(two)).toBe(true)
    })
  })

  it('counts from the first word that left it out, whatever is said later', async () => {
    await TestShares.tell(async (shares) => {
      await shares.put(one)
      for (let day = 0; day < 32; day += 1) {
        shares.store.forgo(shares.vault)
        await shares.pass(1)
      }
      expect(shares.has(one)).toBe(false)
    })
  })

  it('that is put again, or adopted after all, is not forgone any more', async () => {
    await TestShares.tell(async (shares) => {
      await shares.put(one)
      await shares.put(two)
      const { size } = shares.store.account({ vault: shares.vault, pack: one.id, shareNumber: 0 })!
      expect(shares.store.forgo(shares.vault)).toEqual({ count: 2, bytes: 2 * size })
      await shares.pass(30)
      expect(await shares.put(one)).toBe('held')
      shares.store.adopt(shares.vault, [two.id], 1)
      await shares.pass(60)
      expect([one, two].map((pack) => shares.has(pack))).toEqual([true, true])
      expect(shares.store.forgo(shares.vault).count).toBe(1)
      await shares.pass(32)
      expect([one, two].map((pack) => shares.has(pack))).toEqual([false, true])
    })
  })
})

describe('a release', () => {
  it('L05: is carried out after 30 days and not before; until then the share can be read', async () => {
    await TestShares.tell(async (shares) => {
      await shares.keep([one, two])
      const { size } = shares.store.account({ vault: shares.vault, pack: one.id, shareNumber: 0 })!
      expect(shares.release([one], 5)).toEqual({ count: 1, bytes: size, refused: 0 })
      await shares.pass(30)
      const leaves = await shares.store.read(
        { pack: one.id, shareNumber: 0 },
        { first: 0, count: 1 },
      )
      expect(leaves?.bytes).toEqual(one.bytes)
      await shares.pass(15)
      expect([shares.has(one), shares.has(two)]).toEqual([false, true])
      const { files, accounts } = await shares.filesAndAccounts([one, two])
      expect(files).toEqual(accounts)
      expect(shares.store.released()).toBe(0)
      expect(shares.store.used()).toBe(size)
    })
  })

  it('L05: takes no more than 5 % of the vault’s bytes a day, and comes to an end', async () => {
    await TestShares.tell(async (shares) => {
      const packs = onePieces(40)
      await shares.keep(packs)
      await shares.keep([three], 1, shares.other)
      shares.release(packs.slice(0, 30), 5)
      await shares.pass(30, 1)
      const start = shares.store.used(shares.vault)
      let left = start
      for (let day = 1; day <= 60; day += 1) {
        await shares.pass(1, 1)
        const used = shares.store.used(shares.vault)
        expect(left - used, `day ${day}`).toBeLessThanOrEqual(0.1 * left)
        expect(start - used, `by day ${day}`).toBeLessThanOrEqual(0.05 * start * day + 1)
        left = used
      }
      expect(left).toBe(start / 4)
      expect(packs.filter((pack) => shares.has(pack))).toEqual(packs.slice(30))
      expect(shares.has(three, shares.other)).toBe(true)
    })
  })

  it('lets a share larger than a day’s part wait, not for ever', async () => {
    await TestShares.tell(async (shares) => {
      const [large] = onePieces(1, 200_000) as [TestPack]
      const small = onePieces(10)
      await shares.keep([large, ...small])
      shares.release([large], 5)
      await shares.pass(1)
      shares.release(small, 6)
      await shares.pass(30 + 17, 6)
      expect(shares.has(large), 'it is some 95 % of all: 19 days').toBe(true)
      expect(
        small.every((pack) => shares.has(pack)),
        'behind it in the order',
      ).toBe(true)
      await shares.pass(5, 6)
      expect(shares.has(large)).toBe(false)
    })
  })

  it('goes no faster for shares that are stored again and not adopted', async () => {
    await TestShares.tell(async (shares) => {
      const packs = onePieces(40)
      await shares.keep(packs)
      shares.release(packs, 5)
      for (const pack of packs) expect(await shares.put(pack)).toBe('held')
      shares.store.forgo(shares.vault)
      await shares.pass(34)
      expect(packs.filter((pack) => shares.has(pack)).length).toBeGreaterThan(30)
      shares.store.adopt(shares.vault, [packs[39]!.id], 1)
      await shares.pass(100)
      expect(packs.filter((pack) => shares.has(pack))).toEqual([packs[39]])
    })
  })

  it('saves up no credit while nothing is due', async () => {
    await TestShares.tell(async (shares) => {
      const packs = onePieces(40)
      await shares.keep(packs)
      await shares.pass(100)
      shares.release(packs, 5)
      await shares.pass(31)
      expect(packs.filter((pack) => !shares.has(pack)).length, 'in a day').toBeLessThanOrEqual(2)
    })
  })

  it('comes to an end at a peer that runs for half an hour a day', async () => {
    await TestShares.tell(async (shares) => {
      const packs = onePieces(10)
      await shares.keep(packs)
      shares.release(packs.slice(0, 3), 5)
      for (let day = 0; day < 45; day += 1) {
        shares.machine.boot()
        await shares.machine.ports.clock.sleep(DAY_MS)
        await shares.open()
        await shares.sweeper.sweep(forever)
        if (day < 29) expect(shares.has(packs[0]!)).toBe(true)
      }
      expect(packs.filter((pack) => shares.has(pack))).toHaveLength(7)
    })
  })

  it('whose share a disk does not give up is tried again', async () => {
    await TestShares.tell(async (shares) => {
      await shares.keep([one])
      shares.release([one], 5)
      const refuse = (refused: string) => {
        shares.machine.diskTrouble.onStep = ({ operation }: DiskStep) =>
          operation === refused ? new DiskError('no') : 'pass'
      }
      refuse('remove')
      await shares.pass(60)
      expect(shares.has(one), 'nothing happened to it').toBe(true)
      refuse('syncFolder')
      await shares.pass(2)
      expect(shares.has(one), 'its file may be gone').toBe(false)
      expect(shares.store.used()).toBeGreaterThan(0)
      shares.machine.diskTrouble.onStep = undefined
      await shares.pass(2)
      expect(shares.store.used()).toBe(0)
      expect((await shares.filesAndAccounts([one])).files).toEqual([])
    })
  })
})

describe('a clock that jumps by a year', () => {
  for (const [name, jumps] of [
    ['forward', [YEAR_MS]],
    ['back', [-YEAR_MS]],
    ['forward and back', [YEAR_MS, -YEAR_MS]],
  ] as const) {
    it(`${name} lets nothing go more than two days early for each jump`, async () => {
      await TestShares.tell(async (shares) => {
        await shares.put(one)
        shares.store.forgo(shares.vault)
        await shares.keep([two, three])
        shares.release([two], 5)
        for (const jump of jumps) {
          shares.machine.ports.clock.jump(jump)
          await shares.sweeper.sweep(forever)
        }
        await shares.pass(30 - 2)
        expect([one, two, three].map((pack) => shares.has(pack))).toEqual([true, true, true])
        await shares.pass(50)
        expect([one, two, three].map((pack) => shares.has(pack))).toEqual([false, false, true])
        expect(shares.store.leases.get(shares.vault)?.warnedAge, 'silent for 80 days').toBeNull()
      })
    })
  }

  it('while the peer is off does not count for more than two days either', async () => {
    await TestShares.tell(async (shares) => {
      await shares.put(one)
      shares.store.forgo(shares.vault)
      const before = shares.store.ages.check()
      shares.machine.crash('kill')
      shares.machine.boot()
      await shares.machine.ports.clock.sleep(YEAR_MS)
      await shares.open()
      await shares.sweeper.sweep(forever)
      expect(shares.store.ages.age).toBe(before + AGE_STEP_MS_MAX)
      expect(shares.has(one)).toBe(true)
    })
  })
})

describe('a power cut at any step of a sweep', () => {
  it('leaves accounts and files that agree, and what was to stay', async () => {
    let cutAt = 0
    for (let isOver = false; !isOver; cutAt += 1) {
      for (const seed of [1, 2, 3]) isOver = await cutOnce(cutAt, seed)
    }
    expect(cutAt, 'steps of the sweep').toBeGreaterThan(6)
  })
})

/** @returns whether the sweep ended before the cut came */
async function cutOnce(cutAt: number, seed: number): Promise<boolean> {
  let isOver = false
  const tell = async (shares: TestShares): Promise<void> => {
    const { machine } = shares
    machine.databases.faults = { losesCommits: 0.3, losesAll: 0, damages: 0 }
    const released = onePieces(4, 1500)
    await shares.keep([three, ...onePieces(40, 2000)])
    await shares.keep(released, 2)
    shares.release(released, 5)
    await shares.pass(1)
    for (const pack of [one, two]) await shares.put(pack)
    shares.store.forgo(shares.vault)
    await shares.pass(29)
    await shares.pass(0.2, 4) // now the releases are due, and have little credit
    expect([one, ...released].every((pack) => shares.has(pack))).toBe(true)
    await machine.ports.clock.sleep(2 * DAY_MS)
    machine.databases.picture()
    const from = machine.diskTrouble.steps
    machine.diskTrouble.onStep = ({ index }) => (index - from === cutAt ? 'cut' : 'pass')
    const sweep = machine.run(() => shares.sweeper.sweep(forever))
    const end = await sweep.catch((error: unknown) => error)
    if (end !== undefined) expect(end).toBeInstanceOf(MachineCrashed)
    isOver = end === undefined
    machine.crash('power')
    machine.diskTrouble.onStep = undefined
    machine.boot()

    await shares.open()
    const all = [one, two, three, ...released, ...onePieces(40, 2000)]
    const { files, accounts } = await shares.filesAndAccounts(all)
    expect(files, `cut ${cutAt}`).toEqual(accounts)
    expect(shares.has(three)).toBe(true)
    await shares.pass(60)
    for (const pack of [one, two, ...released]) expect(shares.has(pack)).toBe(false)
    for (const pack of onePieces(40, 2000)) expect(shares.has(pack)).toBe(true)
  }
  await TestShares.tell(tell, { seed })
  return isOver
}

describe('lost accounts', () => {
  it('keep every share, and take the releases again when they are sent again', async () => {
    await TestShares.tell(async (shares) => {
      await shares.put(one)
      await shares.keep([two, three])
      shares.release([two], 5)
      await shares.pass(20)
      shares.machine.boot()
      shares.machine.databases.wipe()
      await shares.open()
      await shares.pass(60)
      expect([one, two, three].map((pack) => shares.has(pack))).toEqual([true, true, true])
      expect(shares.store.leases.get(shares.vault), 'a fresh lease').toMatchObject({
        warnedAge: null,
      })
      expect(shares.release([two], 5)).toMatchObject({ count: 1, refused: 0 })
      await shares.pass(30)
      expect(shares.has(two)).toBe(true)
      await shares.pass(20)
      expect([one, two, three].map((pack) => shares.has(pack))).toEqual([true, false, true])
    })
  })
})

describe('the lease of a silent vault', () => {
  it('is warned of from day 370 on, every day, and forgotten when the vault is heard', async () => {
    await TestShares.tell(async (shares) => {
      await shares.keep([one])
      const warnings = () =>
        shares.machine.ports.log.events.filter(({ event }) => event === 'a vault is silent').length
      await shares.pass(369)
      expect(warnings()).toBe(0)
      await shares.pass(5)
      expect(warnings()).toBe(5)
      shares.store.renewLease(shares.vault)
      await shares.pass(300)
      expect(warnings()).toBe(5)
    })
  })

  it('L01: lets its shares go only where a new share finds no room, oldest lease first', async () => {
    const [first, second, mine, more] = onePieces(4, 3000) as [
      TestPack,
      TestPack,
      TestPack,
      TestPack,
    ]
    const capacity = 3 * 3300
    const tell = async (shares: TestShares): Promise<void> => {
      await shares.keep([first], 1, shares.other)
      await shares.pass(10)
      await shares.keep([second])
      await shares.pass(389)
      const third = { vault: vaultIdFromBytes(seedOf('a third vault')) }
      await shares.put(mine, third)
      expect(await shares.put(more, third), 'silent for 399 and 389 days').toBe('full')
      await shares.pass(2)
      expect(shares.has(first, shares.other), 'nobody needed its room').toBe(true)
      expect(await shares.put(more, third)).toBe('stored')
      expect(shares.has(first, shares.other)).toBe(false)
      expect(shares.has(second), 'silent for 391 days').toBe(true)
      const { files, accounts } = await shares.filesAndAccounts([first, second])
      expect(files).toEqual(accounts)
    }
    await TestShares.tell(tell, { capacity })
  })

  it('lets first go what no head ever needed', async () => {
    const packs = onePieces(5, 3000) as [TestPack, TestPack, TestPack, TestPack, TestPack]
    const [kept, alsoKept, wasted, more, most] = packs
    const tell = async (shares: TestShares): Promise<void> => {
      await shares.keep([kept], 1, shares.other)
      await shares.pass(2)
      await shares.keep([alsoKept])
      await shares.put(wasted)
      await shares.pass(401)
      const third = { vault: vaultIdFromBytes(seedOf('a third vault')) }
      expect(await shares.put(more, third)).toBe('stored')
      expect([shares.has(kept, shares.other), shares.has(alsoKept)]).toEqual([true, true])
      expect(shares.has(wasted)).toBe(false)
      expect(await shares.put(most, third)).toBe('stored')
      expect(shares.has(kept, shares.other), 'silent for longest').toBe(false)
      expect(shares.has(alsoKept)).toBe(true)
    }
    await TestShares.tell(tell, { capacity: 3 * 3300 })
  })
  it.each([[35], [435]])(
    'L01: keeps everything after %i silent days while nobody needs the room; who comes back finds it all',
    async (days) => {
      const tell = async (shares: TestShares): Promise<void> => {
        const { other } = shares
        await shares.keep([one, two], 1, other)
        await shares.pass(days)
        for (const pack of [one, two]) {
          const share = { pack: pack.id, shareNumber: 0, owner: other }
          const leaves = await shares.store.read(share, { first: 0, count: 1 })
          expect(leaves?.bytes).toEqual(pack.bytes.slice(0, 4096))
        }
        shares.store.renewLease(other)
        expect(await shares.put(three), 'the room is not free any more').toBe('full')
        expect([one, two].every((pack) => shares.has(pack, other))).toBe(true)
      }
      await TestShares.tell(tell, { capacity: 2800 })
    },
  )

  it('takes nothing where all of it would not be enough', async () => {
    const tell = async (shares: TestShares): Promise<void> => {
      await shares.keep([one], 1, shares.other)
      await shares.pass(401)
      const [large] = onePieces(1, 9000) as [TestPack]
      expect(await shares.put(large)).toBe('full')
      expect(shares.has(one, shares.other)).toBe(true)
      const [fitting] = onePieces(1, 4000) as [TestPack]
      expect(await shares.put(fitting)).toBe('stored')
      expect(shares.has(one, shares.other)).toBe(false)
    }
    await TestShares.tell(tell, { capacity: 5000 })
  })

  it('makes room on a volume that is full, too', async () => {
    await TestShares.tell(async (shares) => {
      await shares.keep([one], 1, shares.other)
      await shares.pass(401)
      shares.machine.diskTrouble.capacity = shares.machine.volume.used + 500
      expect(await shares.put(two)).toBe('stored')
      expect(shares.has(one, shares.other)).toBe(false)
      expect(await shares.put(three)).toBe('full')
    })
  })
})
