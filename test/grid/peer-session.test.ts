import { describe, expect, it } from 'vitest'

import { PeerError, PeerUnreachableError } from '../../src/base/errors.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import { STREAMS_MAX } from '../../src/grid/peer-streams.ts'
import type { Network } from '../../src/ports/network.ts'
import { forever, makePack, TestGrid, type TestPeer } from '../support/test-grid.ts'

const MINUTE_MS = 60_000

describe('a peer session', () => {
  it('opens no more streams than it may, and uses them again', async () => {
    await withSession(async ({ session, dials }) => {
      const many = Array.from({ length: 20 }, () => session.status(forever))
      await Promise.all(many)
      expect(dials()).toBe(STREAMS_MAX)
      await session.status(forever)
      expect(dials()).toBe(STREAMS_MAX)
      expect(session.load).toBe(0)
    })
  })

  it('does not notice that the peer closed what was not used for long, or was started again', async () => {
    await withSession(async ({ session, peer, test, dials }) => {
      await session.status(forever)
      await test.laptop.ports.clock.sleep(10 * MINUTE_MS)
      await session.status(forever)
      expect(dials()).toBe(2)
      peer.machine.boot()
      await peer.restart()
      await session.status(forever)
      expect(dials()).toBe(3)
    })
  })

  it('leaves a peer alone that it did not reach, longer each time, until it is told to try', async () => {
    await withSession(async ({ session, peer, test, dials }) => {
      const { clock } = test.laptop.ports
      peer.machine.crash('power')
      await expect(session.status(forever)).rejects.toThrow(PeerUnreachableError)
      expect([session.isAway, dials()]).toEqual([true, 1])
      await expect(session.status(forever)).rejects.toThrow('a moment ago')
      expect(dials()).toBe(1)
      await clock.sleep(6000)
      await expect(session.status(forever)).rejects.toThrow(PeerUnreachableError)
      await clock.sleep(6000)
      await expect(session.status(forever), 'ten seconds by now').rejects.toThrow('a moment ago')
      expect(dials()).toBe(2)

      peer.machine.boot()
      await peer.restart()
      session.forgive()
      await session.status(forever)
      expect(session.isAway).toBe(false)
    })
  })

  it('gives up a peer that falls silent, within its limits', async () => {
    await withSession(async ({ session, test }) => {
      const { clock } = test.laptop.ports
      await session.status(forever)
      test.world.internet.split(['peer-0'])
      const from = clock.monotonic()
      await expect(session.status(forever)).rejects.toThrow(PeerError)
      expect(clock.monotonic() - from).toBeLessThan(MINUTE_MS)
    })
  })

  it('gives up a put whose peer falls silent in the middle, and may try again', async () => {
    await withSession(async ({ session, test }) => {
      const pack = makePack(8_000_000, { needed: 1, total: 2 })
      const { vault } = test
      const put = { vault, manifest: pack.manifestBytes, shareNumber: 0, piece: pack.pieces[0]! }
      let sent = 0
      const stored = session.put(put, forever, (size) => {
        sent += size
        if (sent > 1_000_000) test.world.internet.split(['peer-0'])
      })
      await expect(stored).rejects.toThrow(PeerError)
      expect(sent).toBeLessThan(8_000_000)
      test.world.internet.heal()
      await test.laptop.ports.clock.sleep(MINUTE_MS)
      expect(['stored', 'held']).toContain(await session.put(put, forever))
    })
  })
})

interface Scene {
  readonly test: TestGrid
  readonly peer: TestPeer
  readonly session: PeerSession
  /** Streams opened so far, or tried to. */
  readonly dials: () => number
}

async function withSession(story: (scene: Scene) => Promise<void>): Promise<void> {
  const test = new TestGrid({ peers: 1 })
  await test.tell(async () => {
    const [peer] = test.peers
    const { clock, network: makeNetwork } = test.laptop.ports
    const network = await makeNetwork(test.device.seed)
    let count = 0
    const dial: Network['dial'] = (...question) => {
      count += 1
      return network.dial(...question)
    }
    const counting = new Proxy(network, { get: (of, name) => pick(of, name, dial) })
    const addresses = () => [peer!.machine.address ?? '']
    const session = new PeerSession(peer!.id, { network: counting, clock, addresses })
    await story({ test, peer: peer!, session, dials: () => count })
  })
}

/** A network as it is, but for one method. */
function pick(network: Network, name: string | symbol, dial: Network['dial']): unknown {
  if (name === 'dial') return dial
  const value: unknown = Reflect.get(network, name)
  return typeof value === 'function' ? value.bind(network) : value
}
