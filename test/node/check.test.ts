import { describe, expect, it } from 'vitest'

import { toBytes, toText } from '../../sim/file-tree.ts'
import { takePicture } from '../../sim/oracle.ts'
import { Client } from '../../src/node/client.ts'
import { KIB, hide, packsOf } from '../support/chores.ts'
import { audit, check, CODE, days, friendOf, holdersIn, repair } from '../support/health.ts'
import { lyingBy } from '../support/lying-network.ts'
import { REPAIR_POLICY } from '../../src/repair/repair-policy.ts'
import { clientPorts, HOME, noise, TestVault } from '../support/test-vault.ts'

const LONG = 240_000

describe('a check', () => {
  it('tells who holds what, and finds everything whole', async () => {
    await tell(async (vault) => {
      const { packs, peers, dropped, affected } = await check(vault)
      expect(packs.length).toBeGreaterThan(2)
      for (const health of packs) {
        expect(health).toMatchObject({ verdict: 'whole', missing: [], happiness: 8 })
      }
      expect(peers).toHaveLength(10)
      expect(peers.every(({ isHere, standing }) => isHere && standing === 'here')).toBe(true)
      const shares = peers.reduce((sum, one) => sum + one.shares, 0)
      expect(shares).toBe(packs.reduce((sum, { pack }) => sum + pack.shape.total, 0))
      expect([dropped, affected]).toEqual([[], []])
    })
  })

  it('S07: with k − 1 good shares names the pack and the files that rest on it; all others are restored', async () => {
    await tell(async (vault) => {
      const [lost] = await packsOf(vault, 'data')
      vault.write('later', 'a letter in a pack of its own')
      await vault.backUp({ code: CODE })
      const bringBack = hideAllBut(vault, lost!, 2)
      const summary = await check(vault)
      const bad = summary.packs.filter(({ verdict }) => verdict === 'lost')
      expect(bad.map(({ pack }) => pack.id)).toEqual([lost])
      expect(summary.affected.map(({ path }) => toText(path))).toEqual([
        '/home/ada/letters/a',
        '/home/ada/photos/one',
      ])
      // They had stored it, and do not have it any more.
      expect(summary.dropped.map(({ pack }) => pack)).toEqual(Array(6).fill(lost))
      const { summary: restored } = await vault.restore()
      // What lies in one of the shares that are left comes back all the same.
      const failed = restored.failures.map(({ path }) => toText(path))
      expect(failed).toContain('/home/ada/photos/one')
      expect(summary.affected.map(({ path }) => toText(path))).toEqual(
        expect.arrayContaining(failed),
      )
      expect(restored.filesRestored).toBe(3 - failed.length)
      bringBack()
      await vault.calm()
      expect((await check(vault)).packs.every(({ verdict }) => verdict === 'whole')).toBe(true)
      expect((await vault.restore()).summary.failures).toEqual([])
    })
  })

  it('S07: of a lost pack lets the next backup keep again what is still here, changed, copied or not', async () => {
    await tell(async (vault) => {
      const [lost] = await packsOf(vault, 'data')
      hideAllBut(vault, lost!, 2)
      expect((await check(vault)).affected).toHaveLength(2)
      const photo = noise(600 * KIB, 1)
      vault.write('photos/copy', photo)
      photo.set(noise(100, 9), 1_000)
      vault.write('photos/one', photo)
      await vault.backUp({ code: CODE, repair: { ...REPAIR_POLICY, isAutomatic: false } })
      const picture = vault.picture()
      expect(await vault.differences('latest', picture)).toEqual([])
      // Older snapshots need it still, and nothing else does.
      const { packs, affected } = await check(vault)
      expect(packs.filter(({ verdict }) => verdict === 'lost')).toHaveLength(1)
      expect(affected.filter(({ isOldOnly }) => !isOldOnly)).toEqual([])
    })
  })

  it('S07: by itself, after a backup, does the same', async () => {
    await tell(async (vault) => {
      const [lost] = await packsOf(vault, 'data')
      hideAllBut(vault, lost!, 2)
      vault.write('photos/one', noise(600 * KIB, 2))
      await days(vault, 4)
      const picture = vault.picture()
      expect(await vault.differences('latest', picture)).toEqual([])
    })
  })

  it('S06: with exactly k good shares restores everything, and says that it is not safe', async () => {
    await tell(async (vault) => {
      const [pack] = await packsOf(vault, 'data')
      hideAllBut(vault, pack!, 3)
      const picture = vault.picture()
      const { packs } = await check(vault)
      expect(packs[0]).toMatchObject({ verdict: 'unsafe', happiness: 3, missing: { length: 5 } })
      expect(await vault.differences('latest', picture)).toEqual([])
      await repair(vault)
      expect((await check(vault)).packs[0]).toMatchObject({ verdict: 'whole', happiness: 8 })
    })
  })

  it('says which friends are away, and what they are believed to hold', async () => {
    await tell(async (vault) => {
      const [first] = holdersIn(await check(vault))
      vault.friends.crash(friendOf(vault, first))
      const { packs, peers } = await check(vault)
      const away = peers.find(({ peer }) => peer === first)
      expect(away).toMatchObject({ isHere: false })
      expect(away?.shares).toBeGreaterThan(0)
      expect(packs[0]).toMatchObject({ verdict: 'whole', silent: [first] })
      expect(packs[0]?.readable.size).toBe(7)
    })
  })

  it('is out of reach with too many away, and whole again when they are back', async () => {
    await tell(async (vault) => {
      const holders = holdersIn(await check(vault))
      for (const peer of holders.slice(0, 6)) vault.friends.crash(friendOf(vault, peer))
      expect((await check(vault)).packs[0]).toMatchObject({ verdict: 'out-of-reach' })
      vault.startFriends()
      await vault.calm()
      expect((await check(vault)).packs[0]).toMatchObject({ verdict: 'whole' })
    })
  })

  it(
    'that verifies names the peer and the share with a wrong byte, and repair makes it again',
    async () => {
      await tell(async (vault) => {
        const before = await check(vault, { verify: 'all' })
        expect(before.verified).toMatchObject({ bad: [], unread: [] })
        const total = before.packs.reduce((sum, { pack }) => sum + pack.shape.total, 0)
        expect(before.verified?.sharesGood).toBe(total)
        const [, holder] = holdersIn(before)
        rot(vault, holder, before.packs[0]!.pack.id)

        const { verified, packs } = await check(vault, { verify: 'all' })
        expect(verified?.bad).toMatchObject([
          { held: { pack: before.packs[0]!.pack.id, shareNumber: 1, peer: holder } },
        ])
        expect(packs[0]).toMatchObject({ verdict: 'settling', missing: [1] })
        await repair(vault)
        const after = await check(vault, { verify: 'all' })
        expect(after.verified?.bad).toEqual([])
        expect(after.packs[0]).toMatchObject({ verdict: 'whole' })
      })
    },
    LONG,
  )

  it('that samples reads about that much, from everybody', async () => {
    await tell(async (vault) => {
      const all = await check(vault, { verify: 'all' })
      const whole = all.verified!.bytesRead
      const some = await check(vault, { verify: { fraction: 0.2 } })
      expect(some.verified!.bytesRead).toBeGreaterThan(0.1 * whole)
      expect(some.verified!.bytesRead).toBeLessThan(0.25 * whole)
      const few = await check(vault, { verify: { bytes: 100 * KIB } })
      expect(few.verified!.bytesRead).toBeLessThan(150 * KIB)
      expect(few.verified!.bytesRead).toBeGreaterThan(0)
    })
  })

  it('of a vault without a snapshot finds nothing, and so do audit and repair', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      expect(await check(vault)).toMatchObject({ packs: [], dropped: [], affected: [] })
      expect(await repair(vault)).toMatchObject({ packs: [], repaired: [], failures: [] })
      const { audits } = await audit(vault)
      expect(audits.every(({ verdict }) => verdict !== 'failed')).toBe(true)
    })
  })
})

describe('a restore', () => {
  it('names the friend who gives wrong bytes, goes on with the others, and has the share made again', async () => {
    await tell(async (vault) => {
      const before = await check(vault)
      const [liar] = holdersIn(before)
      const picture = vault.picture()
      const { summary, health } = await vault.laptop.run(async (ports, signal) => {
        const client = await Client.open(lyingBy(clientPorts(ports), liar!), signal)
        try {
          const request = { at: await client.at('latest', signal), paths: [toBytes(HOME)] }
          const target = toBytes('/restore/1')
          const restored = await client.restore({ ...request, target }, signal)
          return { summary: restored, health: await client.check({}, signal) }
        } finally {
          await client.close()
        }
      })
      expect(takePicture(vault.laptop.tree, `/restore/1${HOME}`)).toEqual(picture)
      expect(summary.failures).toEqual([])
      expect(summary.warnings).toEqual([
        expect.stringMatching(/^friend\d+ gave wrong bytes for (a share|\d+ shares): /),
      ])
      expect(health.packs[0]).toMatchObject({ verdict: 'settling', missing: [0] })
      expect((await repair(vault)).packs[0]).toMatchObject({ verdict: 'whole' })
    })
  })
})

describe('an audit', () => {
  it('names a friend whose disk rots, and after two it gets no new shares', async () => {
    await tell(async (vault) => {
      // In a pack of its own.
      vault.write('photos/two', noise(600 * KIB, 2))
      await vault.backUp({ code: CODE })
      const { packs } = await check(vault)
      const data = packs.filter(({ pack }) => pack.kind === 'data')
      const [holder] = holdersIn({ packs: data }).filter((peer) =>
        holdersIn({ packs: data }, 1).includes(peer),
      )
      for (const { pack } of packs) rot(vault, holder, pack.id, 'all')
      const { audits } = await audit(vault)
      const bad = audits.filter(({ verdict }) => verdict !== 'good')
      expect(bad).toMatchObject([{ peer: holder, verdict: 'failed', standing: 'untrusted' }])
      const { peers } = await check(vault)
      expect(peers.find(({ peer }) => peer === holder)).toMatchObject({ standing: 'untrusted' })
    })
  })

  it(
    'comes by itself: about 44 blocks of each friend in a month, less than 1 MB',
    async () => {
      await tell(async (vault) => {
        vault.write('film', noise(3_000 * KIB, 9))
        await vault.backUp({ code: CODE })
        const [holder] = holdersIn(await check(vault))
        let reads = 0
        const name = friendOf(vault, holder).name
        vault.world.trace.listen(({ node, event, fields }) => {
          if (node === vault.laptop.name && event === 'net.arrive' && fields['from'] === name) {
            reads += Number(fields['size'])
          }
        })
        await days(vault, 30)
        const passed = await passedBy(vault, holder!)
        expect(passed).toBeGreaterThan(38)
        expect(passed).toBeLessThanOrEqual(48)
        // Heads, rosters, checks and whatever else a month of backups says are in it too.
        expect(reads).toBeLessThan(1_500_000)
      })
    },
    LONG,
  )
})

async function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  const vault = new TestVault({ peers: 10 })
  await vault.tell(async () => {
    vault.write('photos/one', noise(600 * KIB, 1))
    vault.write('letters/a', 'dear ada')
    expect((await vault.backUp({ code: CODE })).published).toBe(true)
    await story(vault)
  })
}

/** Only so many friends have a share of the pack. @returns how the others come back */
function hideAllBut(vault: TestVault, pack: string, count: number): () => void {
  const holders = vault.friends.all.filter(({ machine }) =>
    machine.volume.save().some(({ path }) => path.includes(pack)),
  )
  const kept = holders.slice(0, count)
  const others = vault.friends.all.filter((friend) => !kept.includes(friend))
  return hide(vault, [pack], others)
}

/** One byte of the share turns around, or all of them. */
function rot(vault: TestVault, peer: Parameters<typeof friendOf>[1], pack: string, how?: 'all') {
  const friend = friendOf(vault, peer)
  vault.friends.crash(friend, 'kill')
  const { volume } = friend.machine
  const files = volume.save().map((file) => {
    if (!file.path.includes(pack)) return file
    const bytes = file.bytes.slice()
    // Behind the header, before the tree.
    for (let at = 2_000; at < (how === 'all' ? bytes.length - 4_000 : 2_001); at += 1)
      bytes[at]! ^= 1
    return { ...file, bytes }
  })
  volume.become(files)
  vault.friends.start(friend)
}

function passedBy({ laptop }: TestVault, peer: string): Promise<number> {
  return laptop.run(({ openDatabase }) => {
    const database = openDatabase('backupdb')
    try {
      const row = database
        .prepare('SELECT audits_passed AS passed FROM peer_records WHERE peer = ?')
        .get(peer)
      return Promise.resolve(Number(row?.['passed']))
    } finally {
      database.close()
    }
  })
}
