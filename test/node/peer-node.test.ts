import { describe, expect, it } from 'vitest'

import { peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { PeerUnreachableError } from '../../src/base/errors.ts'
import { forever, makePack, seedOf, TestGrid } from '../support/test-grid.ts'

const MINUTE_MS = 60_000

describe('a peer node', () => {
  it('has its shares, heads and roster again after a crash', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const grid = await test.client()
      const pack = makePack(10_000, { needed: 1, total: 3 })
      await grid.place(pack, test.vault, new Map(), forever)
      await grid.publish(test.head(1), forever)
      await grid.adopt([pack.id], 1, test.vault, forever)
      for (const peer of test.peers) peer.machine.crash('power')
      for (const peer of test.peers) {
        peer.machine.boot()
        await peer.restart()
        expect(peer.node.shareStore.have(pack.id)).toHaveLength(1)
        expect(peer.node.headStore.heads(test.vault, { all: true })).toHaveLength(1)
      }
      const { answers } = await grid.heads(test.vault, forever)
      expect(answers).toHaveLength(3)
    })
  })

  it('learns from the others who is in the grid and where', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const [first, , last] = test.peers
      const newcomer = peerIdOf(signingKeyFromSeed(seedOf('a newcomer')).publicKey)
      const statement = test.admit(newcomer, 'peer', { name: 'Zoë' })
      await first!.node.roster.merge([statement])
      last!.machine.boot()
      await last!.restart()
      await last!.machine.ports.clock.sleep(MINUTE_MS)
      expect(last!.node.roster.member(newcomer)).toMatchObject({ role: 'peer', name: 'Zoë' })
      const [address] = first!.node.roster.addresses(last!.id)
      expect(address).toBe(`${last!.machine.address}/p2p/${last!.id}`)
    })
  })

  it('keeps what it learnt: it needs nobody to tell it again', async () => {
    const test = new TestGrid({ peers: 2 })
    await test.tell(async () => {
      const [first, second] = test.peers
      const newcomer = peerIdOf(signingKeyFromSeed(seedOf('a newcomer')).publicKey)
      await second!.node.roster.merge([test.admit(newcomer, 'peer')])
      test.statements.length = 0
      first!.machine.crash('power')
      second!.machine.crash('power')
      second!.machine.boot()
      await second!.restart()
      expect(second!.node.roster.isAdmitted(newcomer)).toBe(true)
    })
  })

  it('stops when it is told to, and serves nobody then', async () => {
    const test = new TestGrid({ peers: 1 })
    await test.tell(async () => {
      const grid = await test.client()
      const [peer] = test.peers
      peer!.program.stop(new Error('enough'))
      await peer!.program.result
      const [answer] = await grid.status(forever)
      expect(answer?.error).toBeInstanceOf(PeerUnreachableError)
    })
  })

  it('serves on when it can write nothing more', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const grid = await test.client()
      const pack = makePack(10_000, { needed: 1, total: 3 })
      await grid.place(pack, test.vault, new Map(), forever)
      for (const peer of test.peers) {
        peer.machine.diskTrouble.capacity = peer.machine.volume.used
        const late = signingKeyFromSeed(seedOf(`after ${peer.id}`))
        const statement = test.admit(peerIdOf(late.publicKey), 'peer')
        await peer.node.roster.merge([statement]).catch(() => undefined)
      }
      await test.laptop.ports.clock.sleep(120 * MINUTE_MS)
      const location = (await grid.have([pack.id], forever)).get(pack.id)!
      expect(location.holders.size).toBe(3)
      expect(await grid.read(location, 0, 100, forever)).toEqual(pack.bytes.slice(0, 100))
    })
  })
})
