/** Everybody comes back at the same moment: the row N08 of test/oracles/faults.csv. */

import { describe, expect, it } from 'vitest'

import { peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import { STREAMS_MAX, STREAMS_PER_PEER_SURE } from '../../src/peer/peer-service.ts'
import { forever, makePack, seedOf, TestGrid } from '../support/test-grid.ts'
import { Wire } from '../support/wire.ts'

const MEMBERS = 100
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

describe('a peer to which a hundred members come back at the same moment', () => {
  it('N08: answers all of them, and never holds more streams than it has places', async () => {
    const test = new TestGrid({ peers: 1 })
    const members = Array.from({ length: MEMBERS }, (_, index) =>
      signingKeyFromSeed(seedOf(`member ${index}`)),
    )
    for (const key of members) test.admit(peerIdOf(key.publicKey), 'peer')
    const pack = makePack(400_000, { needed: 2, total: 3 })
    await test.tell(async () => {
      const [peer] = test.peers
      const owner = await new Wire(test).session()
      const put = { vault: test.vault, manifest: pack.manifestBytes, shareNumber: 0 }
      await owner.put({ ...put, piece: pack.pieces[0]! }, forever)
      let most = 0
      const { clock } = test.laptop.ports
      const from = clock.monotonic()
      const all = members.map(async (key) => {
        const { network } = test.laptop.ports
        const addresses = () => [peer!.machine.address ?? '']
        const parts = { network: await network(key.seed), clock, addresses }
        const session = new PeerSession(peer!.id, parts)
        await session.roster([], forever)
        await session.have([pack.id], { manifests: true }, forever)
        most = Math.max(most, peer!.node.service.streamCount)
        // An audit: one leaf.
        const range = { pack: pack.id, shareNumber: 0, first: 3, count: 1, size: 4096 }
        await session.read(range, forever)
        session.close()
      })
      await Promise.all(all)
      expect(clock.monotonic() - from).toBeLessThan(MINUTE_MS)
      expect(most).toBeLessThanOrEqual(STREAMS_MAX + MEMBERS * STREAMS_PER_PEER_SURE)
    })
  })
})

describe('peers that start at the same moment', () => {
  it('N08: do not go on asking each other in step', async () => {
    const test = new TestGrid({ peers: 12 })
    await test.tell(async () => {
      const { scheduler, trace } = test.world
      await scheduler.sleep(10 * MINUTE_MS)
      const askedAt: number[] = []
      trace.listen(({ event }) => {
        if (event === 'net.open' || event === 'net.connect') askedAt.push(scheduler.elapsed)
      })
      await scheduler.sleep(3 * HOUR_MS)
      expect(askedAt.length).toBeGreaterThan(100)
      const minutes = Map.groupBy(askedAt, (at) => Math.floor(at / MINUTE_MS))
      const busiest = Math.max(...[...minutes.values()].map((each) => each.length))
      // A peer asks eleven others at once; more than three of twelve in one minute would be in step.
      expect(busiest).toBeLessThanOrEqual(3 * 11 * 2)
    })
  })
})
