/** What the product does about each kind of friend who is not what it seems, and about a thief. */

import { describe, expect, it } from 'vitest'
import { isFair } from '../../sim/plan-budget.ts'
import { drawPlan } from '../../sim/plan-draw.ts'
import { playPlan } from '../../sim/plan-play.ts'
import { writePlan, readPlan, type Plan, type PlanPeer } from '../../sim/plan.ts'
import { FALSE_KINDS } from '../../sim/false-kinds.ts'
import type { Friend } from '../../sim/grid.ts'
import { HostileMember } from '../../sim/hostile-member.ts'
import { Keeping } from '../../sim/keeping.ts'
import type { KeptShare, PeerKind } from '../../sim/kind.ts'
import { SimRandom } from '../../sim/random.ts'
import { Thief } from '../../sim/thief.ts'
import type { PeerRefusedError } from '../../src/base/errors.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import { forever } from '../support/test-grid.ts'
import { TestVault, noise } from '../support/test-vault.ts'

const DAY_MS = 24 * 3600_000
const AWAKE_MS = 3600_000
const PEERS = 6

describe('a friend who drops a part of what it keeps', () => {
  it('is named by audits, and its shares are made again', async () => {
    const { vault, friend } = world('lazy')
    await vault.tell(async () => {
      vault.write('film', noise(2_000_000))
      await vault.backUp()
      const shares = sharesOf(friend)
      expect(shares.length).toBeGreaterThan(0)
      for (const [index, share] of shares.entries()) {
        if (index % 2 === 0) share.drop()
        else share.blank(0.5)
      }
      await expectNamedAndMended(vault, friend, 300)
    })
  })
})

describe('a friend who makes up what it gives', () => {
  it('is named by audits, and its shares are made again', async () => {
    const { vault, friend } = world('liar')
    await vault.tell(async () => {
      vault.write('film', noise(2_000_000))
      await vault.backUp()
      await expectNamedAndMended(vault, friend, 44)
    })
  })
})

describe('a friend who gives no more than audits ask for', () => {
  it('passes audits, is noticed at a restore, and holds nothing up', async () => {
    const vault = new TestVault({ peers: PEERS })
    await vault.tell(async () => {
      vault.write('film', noise(4_000_000))
      await vault.backUp()
      // One of whom a reader asks first.
      const friend = vault.friends.all.find((one) => largestOf(one).endsWith('-0.share'))!
      vault.friends.guiseOf = (one) => (one === friend ? FALSE_KINDS.hostage.guise() : undefined)
      friend.machine.crash('kill')
      vault.friends.start(friend)
      await vault.calm()
      const audits = await auditOf(vault, friend, 44)
      expect(audits?.verdict).toBe('good')
      const refused: string[] = []
      vault.world.trace.listen(({ event, fields }) => {
        if (event.endsWith('peer gave no bytes')) refused.push(String(fields['peer']))
      })
      expect(await vault.differences('latest', vault.picture())).toEqual([])
      const peer = vault.friends.peerOf(friend)
      expect(refused).toContain(peer)
      // A reading of all shares says which cannot be read, and mends nothing: it may be busy.
      const { verified } = await vault.withClient((client, signal) =>
        client.check({ verify: 'all' }, signal),
      )
      expect(verified?.unread.some((held) => held.peer === peer)).toBe(true)
      expect(verified?.bad).toEqual([])
    })
  })
})

describe('a friend who comes back from an old image', () => {
  it('is told of, with its receipt as evidence, and gets the head and the shares again', async () => {
    const vault = new TestVault({ peers: PEERS })
    const friend = vault.friends.all[2]!
    await vault.tell(async () => {
      vault.write('letter', noise(100_000, 1))
      await vault.backUp()
      friend.machine.crash('kill')
      const image = friend.machine.saveState()
      vault.friends.start(friend)
      for (const draft of [2, 3]) {
        vault.write('letter', noise(100_000, draft))
        await vault.backUp()
      }
      friend.machine.crash('kill')
      friend.machine.returnTo(image)
      vault.friends.start(friend)
      await vault.calm()
      const peer = vault.friends.peerOf(friend)
      const shown = await vault.withClient((client, signal) => client.heads(signal))
      expect(shown.peers.find((one) => one.peer === peer)?.verdict).toBe('rolled-back')
      expect(shown.evidence).toMatchObject([{ kind: 'rollback', peer }])
      vault.write('letter', noise(100_000, 4))
      await vault.backUp()
      const after = await vault.withClient((client, signal) => client.heads(signal))
      expect(after.peers.find((one) => one.peer === peer)?.verdict).toBe('current')
      await repair(vault)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  })
})

describe('a friend who keeps nothing for anybody', () => {
  it('is gone around', async () => {
    const { vault, friend } = world('freeRider')
    await vault.tell(async () => {
      vault.write('film', noise(1_000_000))
      const { published, settling } = await vault.backUp()
      expect({ published, settling }).toEqual({ published: true, settling: 0 })
      expect(sharesOf(friend)).toEqual([])
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  })

  it('gets no more room than its quota', async () => {
    const vault = new TestVault({ peers: 3 })
    const [friend] = vault.friends.all
    const rider = new HostileMember(vault.friends.grid, new SimRandom(1))
    const about = { role: 'device', vault: rider.vault, quota: 450_000 } as const
    vault.friends.admit(rider.peer, about)
    await vault.tell(async () => {
      const machine = vault.world.addMachine('rider')
      const network = await machine.ports.network(rider.key.seed)
      const put = async (shareNumber: number): Promise<string> => {
        const session = new PeerSession(vault.friends.peerOf(friend!), {
          network,
          clock: machine.ports.clock,
          addresses: () => [friend!.machine.address ?? ''],
        })
        const { vault: own, pack } = rider
        const piece = pack.pieces[shareNumber]!
        const share = { vault: own, manifest: pack.manifestBytes, shareNumber, piece }
        return await session.put(share, forever).catch((error: PeerRefusedError) => error.code)
      }
      expect([await put(0), await put(1), await put(2)]).toEqual(['stored', 'stored', 'quota'])
      const quotaOf = (): number => about.quota
      new Keeping({ quotaOf, capacityOf: () => Infinity, isSpoilt: () => false }).look([friend!])
    })
  })
})

describe('a friend who never deletes', () => {
  it('keeps what was released, and it alone', async () => {
    const { vault, friend } = world('hoarder')
    await vault.tell(async () => {
      vault.write('film', noise(1_000_000, 1))
      await vault.backUp()
      vault.remove('film')
      vault.write('letter', noise(20_000, 2))
      await vault.backUp()
      await vault.withClient((client, signal) =>
        client.forget({ policy: { last: 1 }, isDryRun: false }, signal),
      )
      await vault.withClient((client, signal) =>
        client.gc({ isDryRun: false, isCancel: false }, signal),
      )
      const before = sharesOf(friend).length
      await pass(vault, 60)
      const honest = vault.friends.all.find((one) => one !== friend && usedBy(one) > 0)!
      expect(usedBy(honest)).toBeLessThan(150_000)
      expect(sharesOf(friend).length).toBe(before)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  })
})

describe('a thief with the keys of the laptop', () => {
  it('releases everything; its owner recovers a month later, and nothing is lost', async () => {
    const vault = new TestVault({ peers: PEERS })
    await vault.tell(async () => {
      vault.write('film', noise(1_000_000, 1))
      vault.write('letter', noise(20_000, 2))
      const { sequence } = await vault.backUp()
      const then = vault.picture()
      vault.laptop.crash('kill')
      const thief = new Thief(vault.world, 'thief', vault.laptop.saveState())
      expect(await thief.destroy()).toBeGreaterThan(900_000)
      await pass(vault, 27)
      await vault.recoverElsewhere({ head: sequence })
      await vault.withClient((client, signal) =>
        client.gc({ isDryRun: false, isCancel: true }, signal),
      )
      expect(await thief.destroy()).toBeInstanceOf(Error)
      await pass(vault, 40)
      expect(await vault.differences('latest', then)).toEqual([])
    })
  })
})

describe('plans with people of all kinds', () => {
  const plain = drawPlan(3, { peers: PEERS, days: 5, budget: 'within' })

  it('count those who are false as what they destroy', () => {
    expect(isFair(withKinds(plain, 'liar'))).toBe(true)
    expect(isFair(withKinds(plain, 'liar', 'hostage', 'fuzzer'))).toBe(false)
    expect(isFair({ ...withKinds(plain, 'liar', 'hostage', 'fuzzer'), budget: 'beyond' })).toBe(
      true,
    )
    const plan = withKinds(plain, 'wrongClock')
    expect(readPlan(writePlan(plan))).toEqual(plan)
  })

  for (const kind of Object.keys(FALSE_KINDS)) {
    it(`keep what they promise with one ${kind}`, async () => {
      const { failure, lines } = await playPlan(withKinds(plain, kind))
      if (failure !== undefined) throw new Error(lines.join('\n'), { cause: failure })
      expect(lines.at(-1)).toContain('all is well')
    })
  }
})

/** Days in which all computers sleep but for an hour. */
async function pass({ world: { scheduler } }: TestVault, days: number): Promise<void> {
  for (let day = 0; day < days; day++) {
    scheduler.skip(DAY_MS - AWAKE_MS)
    await scheduler.sleep(AWAKE_MS)
  }
}

/** The plan with friends of these kinds, and nothing else that destroys. */
function withKinds(plan: Plan, ...kinds: string[]): Plan {
  const peers = plan.peers.map((peer, index): PlanPeer => {
    const kind = kinds[index - 3]
    if (kind === undefined) return { ...peer, kind: 'nas' }
    const { clock } = (FALSE_KINDS as Readonly<Record<string, PeerKind>>)[kind]!
    return { ...peer, kind, clock: clock?.(new SimRandom(1)) ?? peer.clock }
  })
  const passing: readonly Plan['events'][number]['type'][] = ['edit', 'backup', 'restore', 'check']
  return { ...plan, peers, events: plan.events.filter(({ type }) => passing.includes(type)) }
}

/** A vault whose third friend is of a kind that runs in a guise. */
function world(kind: keyof typeof FALSE_KINDS): { vault: TestVault; friend: Friend } {
  const vault = new TestVault({ peers: PEERS })
  const friend = vault.friends.all[2]!
  const { guise }: PeerKind = FALSE_KINDS[kind]
  vault.friends.guiseOf = (one) =>
    one === friend
      ? guise?.({ random: new SimRandom(1), key: friend.key, grid: vault.friends.grid })
      : undefined
  return { vault, friend }
}

async function expectNamedAndMended(vault: TestVault, friend: Friend, draws: number) {
  const audit = await auditOf(vault, friend, draws)
  expect(audit?.verdict).toBe('failed')
  expect(audit?.bad.length).toBeGreaterThan(0)
  await repair(vault)
  const { packs } = await vault.withClient((client, signal) => client.check({}, signal))
  expect(packs.filter(({ verdict }) => verdict !== 'whole')).toEqual([])
  // All without it.
  vault.friends.lose(friend)
  expect(await vault.differences('latest', vault.picture())).toEqual([])
}

async function auditOf(vault: TestVault, friend: Friend, count: number) {
  const peer = vault.friends.peerOf(friend)
  const { audits } = await vault.withClient((client, signal) => client.audit({ count }, signal))
  return audits.find((one) => one.peer === peer)
}

async function repair(vault: TestVault): Promise<void> {
  await vault.withClient((client, signal) =>
    client.repair({ isDryRun: false, isPatient: false }, signal),
  )
}

/** @returns the path of the largest share that a friend keeps */
function largestOf({ machine }: Friend): string {
  const files = machine.volume.files().toSorted((a, b) => b.file.size - a.file.size)
  return files[0]?.path ?? ''
}

function usedBy({ machine }: Friend): number {
  return machine.volume
    .files()
    .filter(({ path }) => path.startsWith('shares/'))
    .reduce((sum, { file }) => sum + file.size, 0)
}

function sharesOf({ machine: { volume } }: Friend): KeptShare[] {
  const files = volume.files().filter(({ path }) => path.endsWith('.share'))
  return files.map(({ path, file }) => {
    const cut = path.lastIndexOf('/')
    const folder = volume.folder(path.slice(0, cut))!
    return {
      drop: () => volume.change(folder, path.slice(cut + 1), undefined),
      blank: (part) => file.blank(Math.floor(part * file.size), 16_384),
    }
  })
}
