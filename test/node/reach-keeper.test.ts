import { describe, expect, it } from 'vitest'

import { Grid } from '../../src/grid/grid.ts'
import { RosterBook } from '../../src/grid/roster-book.ts'
import { diagnose, type Diagnosis } from '../../src/node/doctor.ts'
import { RELAYS_KEPT } from '../../src/node/reach-keeper.ts'
import { forever, makePack, TestGrid, type TestPeer } from '../support/test-grid.ts'

const MINUTE_MS = 60_000

/** Peers 0, 1 and 2 can be dialled; 3 and 4 only dial out. */
const machine = (index: number) => ({ isReachable: index <= 2 })

describe('a peer that others can dial', () => {
  it('is told so by friends, and asks nobody to lead others to it', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      await pass(test, MINUTE_MS)
      for (const { node, id } of test.peers) {
        expect(node.roster.member(id)?.addresses).toHaveLength(1)
      }
      const { peers } = await doctor(test)
      expect(peers.map(({ verdict }) => verdict)).toEqual(['open', 'open', 'open'])
    })
  })
})

describe('a peer that only dials out', () => {
  it('is led to by friends, tells the grid who they are, and is reached through them', async () => {
    const test = new TestGrid({ peers: 5, machine })
    await test.tell(async () => {
      await pass(test, MINUTE_MS)
      const closed = test.peers.slice(3)
      for (const { id } of closed) {
        const addresses = test.peers[0]!.node.roster.member(id)?.addresses ?? []
        expect(addresses).toHaveLength(RELAYS_KEPT)
        for (const address of addresses) expect(address).toMatch(/^\/p2p\/.*\/p2p-circuit\/p2p\//)
      }
      const { peers } = await doctor(test)
      for (const { id } of closed) {
        const found = peers.find(({ peer }) => peer === id)
        expect(found).toMatchObject({ verdict: 'closed', link: { way: 'relay' } })
        expect(found?.relays).toHaveLength(RELAYS_KEPT)
      }
    })
  })

  it('takes shares and gives them back, to a laptop that only dials out as well', async () => {
    const test = new TestGrid({ peers: 5, machine })
    await test.tell(async () => {
      await pass(test, MINUTE_MS)
      const grid = await test.client()
      await grid.syncRoster(forever)
      const pack = makePack(200_000, { needed: 2, total: 5 })
      const { holders } = await grid.place(pack, test.vault, new Map(), forever)
      expect(new Set(holders.values()).size).toBe(5)
      // Of those who can be dialled only one is left, who leads to the others.
      for (const peer of test.peers.slice(1, 3)) peer.machine.crash('kill')
      await pass(test, 5 * MINUTE_MS)
      const again = await test.client()
      await again.syncRoster(forever)
      const found = (await again.have([pack.id], forever)).get(pack.id)
      expect(await again.read(found!, 0, 200_000, forever)).toEqual(pack.bytes)
    })
  })

  it('takes another friend where one is gone', async () => {
    const test = new TestGrid({ peers: 4, machine })
    await test.tell(async () => {
      await pass(test, MINUTE_MS)
      const closed = test.peers[3]!
      const before = relaysOf(closed)
      const gone = test.peers.find(({ id }) => before.includes(id))!
      gone.machine.crash('kill')
      await pass(test, 3 * MINUTE_MS)
      const after = relaysOf(closed)
      expect(after).toHaveLength(RELAYS_KEPT)
      expect(after).not.toContain(gone.id)
    })
  })

  it('is led to by nobody where it does not want to, or where nobody can', async () => {
    const test = new TestGrid({ peers: 4, machine, each: () => ({ mayUseRelays: false }) })
    await test.tell(async () => {
      await pass(test, MINUTE_MS)
      expect(relaysOf(test.peers[3]!)).toEqual([])
    })
    const alone = new TestGrid({ peers: 3, machine: (index) => ({ isReachable: index === 0 }) })
    await alone.tell(async () => {
      await pass(alone, MINUTE_MS)
      alone.peers[0]!.machine.crash('power')
      await pass(alone, 60 * MINUTE_MS)
      const { peers } = await doctor(alone)
      expect(peers.every(({ link }) => link === undefined)).toBe(true)
    })
  })

  it('does not storm: friends who are all gone are asked less and less often', async () => {
    const test = new TestGrid({ peers: 2, machine: (index) => ({ isReachable: index === 0 }) })
    await test.tell(async () => {
      await pass(test, MINUTE_MS)
      test.peers[0]!.machine.crash('power')
      await pass(test, 10 * MINUTE_MS)
      let count = 0
      test.world.trace.listen(() => (count += 1))
      await pass(test, 120 * MINUTE_MS)
      expect(count).toBeLessThan(1000)
    })
  })
})

describe('a peer that moves', () => {
  it('N03: is found where it is now, by who is in the middle of sending to it, and what was sent is there', async () => {
    const test = new TestGrid({ peers: 4 })
    await test.tell(async () => {
      await pass(test, MINUTE_MS)
      const grid = await test.client()
      await grid.syncRoster(forever)
      const packs = [1, 2, 3].map((seed) => makePack(8_000_000, { needed: 1, total: 4 }, seed))
      const moving = pass(test, 1_500).then(() => test.peers[2]!.machine.move())
      for (const pack of packs) {
        const { holders, safe } = await grid.place(pack, test.vault, new Map(), forever)
        expect(safe).toBe(true)
        // Whoever was missed gets its share at the next try, as a backup makes one.
        await pass(test, MINUTE_MS)
        const again = await grid.place(pack, test.vault, holders, forever)
        expect(new Set(again.holders.values()).size).toBe(4)
      }
      await moving
      const [, , moved] = test.peers
      expect(moved!.machine.address).toContain('/ip4/11.')
      const known = test.peers[0]!.node.roster.member(moved!.id)?.addresses
      expect(known).toEqual([`${moved!.machine.address}/p2p/${moved!.id}`])
      for (const { id } of packs) expect(moved!.node.shareStore.have(id)).toHaveLength(1)
    })
  })

  it('N03: is found by those who only dial out and whom it leads to others, as long as another friend knows', async () => {
    const test = new TestGrid({ peers: 4, machine: (index) => ({ isReachable: index <= 1 }) })
    await test.tell(async () => {
      await pass(test, MINUTE_MS)
      const [moving, other, ...closed] = test.peers
      moving!.machine.move()
      await pass(test, 5 * MINUTE_MS)
      const { peers } = await doctor(test, other)
      const ways = new Map(peers.map(({ peer, link }) => [peer, link?.way]))
      expect(ways.get(moving!.id)).toBe('local')
      for (const { id } of closed) expect(ways.get(id)).toBe('relay')
      for (const peer of closed) expect(relaysOf(peer)).toContain(moving!.id)
    })
  })
})

async function doctor(test: TestGrid, at?: TestPeer): Promise<Diagnosis> {
  const { clock, log } = test.laptop.ports
  const network = await test.laptop.ports.network(test.device.seed)
  // What the founding statements say of a peer that moved is out of date; any peer knows better.
  const statements = at === undefined ? test.statements : at.node.roster.statements()
  const save = () => Promise.resolve()
  const roster = new RosterBook({ grid: test.id, clock, statements, save })
  const grid = new Grid({ network, clock, log, roster })
  await grid.syncRoster(forever)
  return await diagnose({ grid, roster, network, clock }, [], forever)
}

function relaysOf(peer: TestPeer): string[] {
  const addresses = peer.node.roster.member(peer.id)?.addresses ?? []
  return addresses.map((address) => /\/p2p\/([^/]+)\/p2p-circuit/.exec(address)?.[1] ?? '')
}

async function pass(test: TestGrid, ms: number): Promise<void> {
  await test.laptop.ports.clock.sleep(ms)
}
