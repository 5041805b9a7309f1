import { describe, expect, it } from 'vitest'

import { openHead } from '../../protocol/head.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import { forever, makePack, TestGrid, type TestPeer } from '../support/test-grid.ts'

const HOUR_MS = 3_600_000
const pack = makePack(10_000, { needed: 1, total: 3 })

describe('heads', () => {
  it('come to a peer that holds shares of the vault and has none of its heads', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const [first, second, third] = test.peers
      await put(test, first!)
      await publish(test, second!, [1, 2])
      expect(sequences(first!, test)).toEqual([])
      await test.laptop.ports.clock.sleep(2 * HOUR_MS)
      expect(sequences(first!, test)).toEqual([2])
      expect(sequences(third!, test), 'it holds nothing of the vault').toEqual([])
    })
  })

  it('of later days come within a day or two', async () => {
    const test = new TestGrid({ peers: 2 })
    await test.tell(async () => {
      const [first, second] = test.peers
      await put(test, first!)
      for (const peer of [first!, second!]) await publish(test, peer, [1])
      await publish(test, second!, [2, 3])
      await test.laptop.ports.clock.sleep(26 * HOUR_MS)
      expect(sequences(first!, test)).toEqual([3])
    })
  })
})

async function put(test: TestGrid, peer: TestPeer): Promise<void> {
  const share = { vault: test.vault, manifest: pack.manifestBytes, shareNumber: 0 }
  await (await sessionOf(test, peer)).put({ ...share, piece: pack.pieces[0]! }, forever)
}

async function publish(test: TestGrid, peer: TestPeer, heads: readonly number[]): Promise<void> {
  const session = await sessionOf(test, peer)
  for (const sequence of heads) await session.publish(test.chained(sequence), forever)
}

/** Of the newest heads that a peer keeps. */
function sequences(peer: TestPeer, test: TestGrid): number[] {
  const kept = peer.node.headStore.heads(test.vault, { all: false })
  return kept.map(({ head }) => openHead(head).sequence)
}

async function sessionOf(test: TestGrid, peer: TestPeer): Promise<PeerSession> {
  const { clock, network } = test.laptop.ports
  const addresses = () => [peer.machine.address ?? '']
  return new PeerSession(peer.id, { network: await network(test.device.seed), clock, addresses })
}
