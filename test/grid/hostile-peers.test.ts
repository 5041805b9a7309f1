import { describe, expect, it } from 'vitest'

import { concat } from '../../protocol/bytes.ts'
import { decodeFrames, encodeFrame } from '../../protocol/frame.ts'
import { decodeRequest, encodeResponse, PROTOCOL, type Request } from '../../protocol/messages.ts'
import { MerkleTree } from '../../protocol/merkle.ts'
import { DiskFullError } from '../../src/base/errors.ts'
import { NotEnoughSharesError, type Grid, type Placement } from '../../src/grid/grid.ts'
import { STILL_MS_MAX } from '../../src/grid/read-pack.ts'
import type { ByteStream } from '../../src/ports/network.ts'
import { digestOf, forever, makePack, TestGrid, type TestPeer } from '../support/test-grid.ts'

const MINUTE_MS = 60_000

/** 5 peers: 2-of-4, so that one spare is left. */
const pack = makePack(300_000, { needed: 2, total: 4 })
const otherPack = makePack(300_000, { needed: 2, total: 4 }, 2)

/** What a liar says when it is asked for leaves of share 0. */
type Lie = (stream: ByteStream, range: { first: number; count: number }) => Promise<void>

const lies: Readonly<Record<string, Lie>> = {
  'S01: one wrong bit': (stream, range) => {
    const { proof, bytes } = leavesOf(pack, 0, range)
    bytes[bytes.length - 1]! ^= 1
    return sendLeaves(stream, proof, bytes)
  },
  'a wrong proof': (stream, range) => {
    const { proof, bytes } = leavesOf(pack, 0, range)
    return sendLeaves(stream, proof.toReversed(), bytes)
  },
  'S03: another share of the pack': (stream, range) => {
    const { proof, bytes } = leavesOf(pack, 1, range)
    return sendLeaves(stream, proof, bytes)
  },
  'S04: the same share of another pack': (stream, range) => {
    const { proof, bytes } = leavesOf(otherPack, 0, range)
    return sendLeaves(stream, proof, bytes)
  },
  'other leaves of the share': (stream, { first, count }) => {
    const { proof, bytes } = leavesOf(pack, 0, { first: first + 1, count })
    return sendLeaves(stream, proof, bytes)
  },
  'S02: fewer leaves': (stream, { first }) => {
    const { proof, bytes } = leavesOf(pack, 0, { first, count: 1 })
    return sendLeaves(stream, proof, bytes.slice(0, 4000))
  },
  'a body that ends early': async (stream, range) => {
    const { proof, bytes } = leavesOf(pack, 0, range)
    const response = { type: 'leaves', proof, bodySize: bytes.length } as const
    await stream.write(encodeFrame(encodeResponse(response)))
    await stream.write(encodeFrame(bytes.subarray(0, 100)))
    await stream.end()
  },
  'a frame that ends early': async (stream) => {
    await stream.write(Uint8Array.of(0, 0, 1, 0, 7, 7, 7))
    await stream.end()
  },
  'a length of 2^32 − 1': (stream) => stream.write(Uint8Array.of(0xff, 0xff, 0xff, 0xff)),
  'a length of 0': (stream) => stream.write(new Uint8Array(4)),
  'no message': (stream) => stream.write(encodeFrame(Uint8Array.of(0xa1, 0x00))),
  'another answer': (stream) => stream.write(encodeFrame(encodeResponse({ type: 'stored' }))),
  'that it has nothing': (stream) => {
    const response = { type: 'error', code: 'not-found', message: '\u001b[31mgone\n' } as const
    return stream.write(encodeFrame(encodeResponse(response)))
  },
  'nothing at all': () => new Promise(() => undefined),
  'the end': (stream) => stream.end(),
  'a reset': async (stream) => stream.reset(),
}

describe('a reader whose peer answers with', () => {
  for (const [name, lie] of Object.entries(lies)) {
    it(`${name}: gets the right bytes from the others, and does not ask there again`, async () => {
      const test = new TestGrid({ peers: 5 })
      await test.tell(async () => {
        const grid = await test.client()
        const liar = test.peers[4]!
        await placeBeside(test, grid, liar)
        const asked = await makeLiar(liar, lie)
        const { clock } = test.laptop.ports
        const from = clock.monotonic()
        const location = (await grid.have([pack.id], forever)).get(pack.id)!
        expect(location.holders.get(0)).toEqual([liar.id])

        const bytes = await grid.read(location, 5000, 100_000, forever)
        expect(digestOf(bytes)).toBe(digestOf(pack.bytes.slice(5000, 105_000)))
        expect(clock.monotonic() - from).toBeLessThan(MINUTE_MS)
        const { reads } = asked
        expect(reads).toBeGreaterThan(0)
        expect(digestOf(await grid.read(location, 0, 300_000, forever))).toBe(digestOf(pack.bytes))
        expect(asked.reads, 'asked once and never again').toBe(reads)
      })
    })
  }

  it('other bytes tells who gave them, once, and nothing of who is silent', async () => {
    for (const [name, isWrong] of [
      ['S01: one wrong bit', true],
      ['that it has nothing', false],
      ['nothing at all', false],
    ] as const) {
      const test = new TestGrid({ peers: 5 })
      await test.tell(async () => {
        const told: unknown[] = []
        const onWrong = (share: unknown) => told.push(share)
        const grid = await test.client(undefined, undefined, { onWrong })
        const liar = test.peers[4]!
        await placeBeside(test, grid, liar)
        await makeLiar(liar, lies[name]!)
        const location = (await grid.have([pack.id], forever)).get(pack.id)!
        await grid.read(location, 0, 300_000, forever)
        await grid.read(location, 5000, 100_000, forever)
        const wrong = { pack: pack.id, shareNumber: 0, peer: liar.id }
        expect(told).toEqual(isWrong ? [wrong] : [])
      })
    }
  })

  it('lies in place of manifests and shares: uses what the others say', async () => {
    const test = new TestGrid({ peers: 5 })
    await test.tell(async () => {
      const grid = await test.client()
      const liar = test.peers[0]!
      await placeBeside(test, grid, liar)
      const say = (response: Parameters<typeof encodeResponse>[0]) =>
        encodeFrame(encodeResponse(response))
      const { manifestBytes } = otherPack
      await makeLiar(liar, async () => undefined, {
        have: ({ manifests }) =>
          say({ type: 'have', shares: [[0, 3, 200]], manifests: manifests ? [manifestBytes] : [] }),
      })
      const other = await test.client(test.keys.recoveryKey)
      const location = (await other.have([pack.id], forever)).get(pack.id)!
      expect(location.manifestBytes).toEqual(pack.manifestBytes)
      expect(location.holders.has(200)).toBe(false)
      expect(digestOf(await other.read(location, 0, 300_000, forever))).toBe(digestOf(pack.bytes))
    })
  })
})

describe('a reader', () => {
  it('S06: reads with any k shares, and with one fewer says what is missing', async () => {
    const test = new TestGrid({ peers: 5 })
    await test.tell(async () => {
      const grid = await test.client()
      const { holders } = await grid.place(pack, test.vault, new Map(), forever)
      for (const share of [0, 1]) test.peer(holders.get(share)).machine.crash('power')
      const other = await test.client(test.keys.recoveryKey)
      const location = (await other.have([pack.id], forever)).get(pack.id)!
      expect(new Set(location.holders.keys())).toEqual(new Set([2, 3]))
      expect(digestOf(await other.read(location, 0, 300_000, forever))).toBe(digestOf(pack.bytes))

      test.peer(holders.get(2)).machine.crash('power')
      const failed = other.read(location, 0, 300_000, forever)
      await expect(failed).rejects.toThrow(NotEnoughSharesError)
      await expect(failed).rejects.toMatchObject({ pack: pack.id, found: 1, needed: 2 })

      const back = test.peer(holders.get(0))
      back.machine.boot()
      await back.restart()
      expect(digestOf(await other.read(location, 0, 300_000, forever))).toBe(digestOf(pack.bytes))
    })
  })

  it('asks everybody again though the holder itself failed after all others had', async () => {
    const test = new TestGrid({ peers: 5 })
    await test.tell(async () => {
      const grid = await test.client()
      const slow = test.peers[4]!
      await placeBeside(test, grid, slow)
      const others = test.peers.filter((peer) => peer !== slow)
      const { clock } = test.laptop.ports
      // While one keeps the reader waiting, the others are away for longer than it waits for one alone.
      const asked = await makeLiar(slow, async (stream) => {
        if (asked.reads > 1) return stream.reset()
        for (const { machine } of others) machine.crash('kill')
        await clock.sleep(STILL_MS_MAX + 20_000)
        for (const other of others) {
          other.machine.boot()
          await other.restart()
        }
        stream.reset()
      })
      const location = (await grid.have([pack.id], forever)).get(pack.id)!
      const bytes = await grid.read(location, 5000, 2000, forever)
      expect(digestOf(bytes)).toBe(digestOf(pack.bytes.slice(5000, 7000)))
    })
  })

  it('S08: goes on when a holder dies in the middle of a read', async () => {
    const test = new TestGrid({ peers: 5 })
    await test.tell(async () => {
      const grid = await test.client()
      const large = makePack(6_000_000, { needed: 2, total: 4 })
      const { holders } = await grid.place(large, test.vault, new Map(), forever)
      const dying = test.peer(holders.get(0))
      let reads = 0
      dying.machine.diskTrouble.onStep = ({ operation }) => {
        if (operation === 'read') reads += 1
        return reads > 4 ? 'cut' : 'pass'
      }
      const location = (await grid.have([large.id], forever)).get(large.id)!
      expect(digestOf(await grid.read(location, 0, 6_000_000, forever))).toBe(digestOf(large.bytes))
      expect(dying.machine.isUp).toBe(false)
    })
  })

  it('fetches from one peer what lies in one share, and no more than its leaves', async () => {
    const test = new TestGrid({ peers: 5 })
    await test.tell(async () => {
      const grid = await test.client()
      await grid.place(pack, test.vault, new Map(), forever)
      const location = (await grid.have([pack.id], forever)).get(pack.id)!
      let arrived = 0
      test.world.trace.listen(({ node, event, fields }) => {
        if (node === 'laptop' && event === 'net.arrive') arrived += Number(fields['size'])
      })
      await grid.read(location, 10_000, 2000, forever)
      expect(arrived).toBeLessThan(4096 + 1000)
    })
  })

  it('stops at once when told to, with the reason it was given', async () => {
    const test = new TestGrid({ peers: 5 })
    await test.tell(async () => {
      const grid = await test.client()
      const liar = test.peers[4]!
      await placeBeside(test, grid, liar)
      const controller = new AbortController()
      const reason = new Error('enough')
      await makeLiar(liar, async () => controller.abort(reason))
      const location = (await grid.have([pack.id], forever)).get(pack.id)!
      const { clock } = test.laptop.ports
      const from = clock.monotonic()
      await expect(grid.read(location, 0, 300_000, controller.signal)).rejects.toBe(reason)
      expect(clock.monotonic() - from).toBeLessThan(1000)
    })
  })
})

describe('a placement', () => {
  it('goes on to the next peer when one is full, dies, or cannot be reached', async () => {
    const test = new TestGrid({ peers: 10, each: (index) => (index === 0 ? { capacity: 10 } : {}) })
    await test.tell(async () => {
      const grid = await test.client()
      const [, away, dying, filling] = test.peers
      away!.machine.crash('power')
      dying!.machine.diskTrouble.onStep = ({ operation }) => (operation === 'sync' ? 'cut' : 'pass')
      filling!.machine.diskTrouble.onStep = ({ operation }) =>
        operation === 'append' ? new DiskFullError('no space left') : 'pass'
      const large = makePack(1_000_000, { needed: 2, total: 6 })
      const placement = await grid.place(large, test.vault, new Map(), forever)
      expect(placement).toMatchObject({ safe: true, happiness: 6, wanted: 6 })
      const bad = [0, 1, 2, 3].map((index) => test.peers[index]!.id)
      for (const peer of placement.holders.values()) expect(bad).not.toContain(peer)
      for (const { peer } of placement.failures) expect(bad).toContain(peer)
      expect(placement.failures.length).toBeGreaterThan(0)
    })
  })

  it('that misses some is told as it is, and completed by the next one', async () => {
    const test = new TestGrid({ peers: 4 })
    await test.tell(async () => {
      const grid = await test.client()
      const [first, second] = test.peers
      for (const peer of [first!, second!]) peer.machine.crash('power')
      const wanted = makePack(50_000, { needed: 1, total: 3 })
      const some = await grid.place(wanted, test.vault, new Map(), forever)
      expect(some).toMatchObject({ safe: true, happiness: 2, needed: 2, wanted: 3 })
      first!.machine.boot()
      await first!.restart()
      await test.laptop.ports.clock.sleep(MINUTE_MS)
      const all = await grid.place(wanted, test.vault, some.holders, forever)
      expect(all).toMatchObject({ happiness: 3, bytesSent: 50_000 })
      for (const [share, peer] of some.holders) expect(all.holders.get(share)).toBe(peer)
    })
  })

  it('is one share to a failure domain first, and safe only across domains', async () => {
    const domains = ['house', 'house', 'house', 'flat', undefined]
    const each = (index: number) => {
      const domain = domains[index]
      return domain === undefined ? {} : { domain }
    }
    const test = new TestGrid({ peers: 5, each })
    await test.tell(async () => {
      const grid = await test.client()
      await test.laptop.ports.clock.sleep(1000)
      await grid.syncRoster(forever)
      const domainsOf = ({ holders }: Placement) =>
        [...holders.values()].map((peer) => grid.roster.domain(peer))
      const three = makePack(9000, { needed: 1, total: 3 })
      const spread = await grid.place(three, test.vault, new Map(), forever)
      expect(new Set(domainsOf(spread)).size).toBe(3)
      const five = makePack(9000, { needed: 4, total: 5 })
      const crowded = await grid.place(five, test.vault, new Map(), forever)
      expect(crowded).toMatchObject({ safe: false, happiness: 3, needed: 5 })
      expect(crowded.holders.size).toBe(5)
    })
  })

  it('leaves nothing behind on a peer that dies in the middle', async () => {
    const test = new TestGrid({ peers: 5 })
    await test.tell(async () => {
      const grid = await test.client()
      for (const peer of test.peers) {
        peer.machine.diskTrouble.onStep = ({ operation }) => (operation === 'sync' ? 'cut' : 'pass')
      }
      const placement = await grid.place(pack, test.vault, new Map(), forever)
      expect(placement).toMatchObject({ safe: false, happiness: 0, holders: new Map() })
      for (const peer of test.peers) {
        peer.machine.diskTrouble.onStep = undefined
        peer.machine.boot()
        await peer.restart()
        expect(peer.node.shareStore.used()).toBe(0)
      }
      await test.laptop.ports.clock.sleep(10 * MINUTE_MS)
      const again = await grid.place(pack, test.vault, new Map(), forever)
      expect(again).toMatchObject({ safe: true, happiness: 4 })
    })
  })
})

/** Place the pack as if the liar had taken share 0. */
async function placeBeside(test: TestGrid, grid: Grid, liar: TestPeer): Promise<void> {
  const placement = await grid.place(pack, test.vault, new Map([[0, liar.id]]), forever)
  expect(placement.holders.size).toBe(4)
}

interface Asked {
  reads: number
}

interface Answers {
  readonly have?: (request: Extract<Request, { type: 'have' }>) => Uint8Array
}

/** Put a liar in place of a peer: it says that it holds share 0, and lies when asked for it. */
async function makeLiar(peer: TestPeer, lie: Lie, answers: Answers = {}): Promise<Asked> {
  const asked: Asked = { reads: 0 }
  peer.machine.boot()
  await peer.machine.run(async ({ network: makeNetwork }) => {
    const network = await makeNetwork(peer.key.seed)
    network.gate(() => true)
    await network.serve(PROTOCOL, async (stream) => {
      for await (const payload of decodeFrames(stream.source)) {
        const request = decodeRequest(payload)
        if (request.type === 'have') {
          const manifests = request.manifests ? [pack.manifestBytes] : []
          const honest = encodeResponse({ type: 'have', shares: [[0]], manifests })
          await stream.write(answers.have?.(request) ?? encodeFrame(honest))
        } else if (request.type === 'read') {
          asked.reads += 1
          await lie(stream, request)
        }
      }
    })
  })
  return asked
}

function leavesOf(
  of: typeof pack,
  shareNumber: number,
  { first, count }: { first: number; count: number },
): { proof: Uint8Array[]; bytes: Uint8Array } {
  const piece = of.pieces[shareNumber]!
  const tree = MerkleTree.ofShare(shareNumber, piece, 4096)
  const proof = tree.prove(first, Math.min(count, tree.leafCount - first))
  return { proof, bytes: piece.slice(first * 4096, (first + count) * 4096) }
}

async function sendLeaves(
  stream: ByteStream,
  proof: readonly Uint8Array[],
  bytes: Uint8Array,
): Promise<void> {
  const response = encodeResponse({ type: 'leaves', proof, bodySize: bytes.length })
  await stream.write(concat(encodeFrame(response), encodeFrame(bytes)))
}
