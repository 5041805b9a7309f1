import { describe, expect, it } from 'vitest'

import { PeerError, PeerUnreachableError } from '../../src/base/errors.ts'
import { PeerSession, type SharePut } from '../../src/grid/peer-session.ts'
import { readRun } from '../../src/grid/read-pack.ts'
import { STREAMS_MAX } from '../../src/grid/peer-streams.ts'
import type { Network } from '../../src/ports/network.ts'
import type { Line } from '../../sim/internet.ts'
import type { TestPack } from '../support/test-shares.ts'
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

describe('a session over a narrow line', () => {
  const line = { upload: 20_000, download: 20_000, latencyMs: 120 }

  it('stores shares that were handed over at once, two at a time', async () => {
    await withSession(
      async ({ session, test }) => {
        const stored = Array.from({ length: 4 }, async (_, seed) =>
          session.put(putOf(test, makePack(500_000, { needed: 1, total: 2 }, seed)), forever),
        )
        expect(await Promise.all(stored)).toEqual(['stored', 'stored', 'stored', 'stored'])
      },
      { line },
    )
  })

  it('reads parts that were asked for at once, two at a time', async () => {
    await withSession(
      async ({ session, test }) => {
        const pack = makePack(4_200_000, { needed: 1, total: 2 })
        await session.put(putOf(test, pack), forever)
        const where = { id: pack.id, manifest: pack.manifest }
        const leaf = pack.manifest.leafSize
        const count = Math.floor(1_000_000 / leaf)
        const runs = Array.from({ length: 4 }, (_, index) => ({ first: index * count, count }))
        const parts = runs.map((run) => readRun(session, where, 0, run, forever))
        const lengths = (await Promise.all(parts)).map(({ length }) => length)
        expect(lengths).toEqual(runs.map(() => count * leaf))
      },
      { line },
    )
  })

  it('knows that the peer is there while a share is on its way: questions wait behind it', async () => {
    await withSession(
      async ({ session, test }) => {
        const pack = makePack(900_000, { needed: 1, total: 2 })
        let sent = 0
        const asked: Promise<unknown>[] = []
        const stored = session.put(putOf(test, pack), forever, (size) => {
          sent += size
          if (asked.length < 3) asked.push(session.status(forever))
        })
        expect(await stored).toBe('stored')
        expect((await Promise.allSettled(asked)).map(({ status }) => status)).toEqual(
          asked.map(() => 'fulfilled'),
        )
        expect([sent, asked.length, session.isAway]).toEqual([900_000, 3, false])
      },
      { line: { ...line, upload: 7000, download: 7000 } },
    )
  })

  it('has several on their way once one of them has shown that the line is wide', async () => {
    await withSession(async ({ session, test, peer }) => {
      const packs = Array.from({ length: 5 }, (_, seed) =>
        makePack(500_000, { needed: 1, total: 2 }, seed),
      )
      let most = 0
      const put = async (pack: TestPack) => session.put(putOf(test, pack), forever)
      await put(packs[0]!)
      const others = packs.slice(1).map(put)
      const watch = async () => {
        for (;;) {
          await test.laptop.ports.clock.sleep(10)
          most = Math.max(most, peer.node?.service.streamCount ?? 0)
          if (session.load === 0) return
        }
      }
      await Promise.all([...others, watch()])
      expect(most).toBe(STREAMS_MAX)
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

function putOf({ vault }: TestGrid, { manifestBytes, pieces }: TestPack): SharePut {
  return { vault, manifest: manifestBytes, shareNumber: 0, piece: pieces[0]! }
}

async function withSession(
  story: (scene: Scene) => Promise<void>,
  options: { readonly line?: Partial<Line> } = {},
): Promise<void> {
  const test = new TestGrid({ peers: 1, machine: () => options })
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
