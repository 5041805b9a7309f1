/** What a peer makes of bad bytes and bad manners: the rows W01 to W15 of test/oracles/faults.csv. */

import { describe, expect, it } from 'vitest'

import { concat, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { encodeFrame } from '../../protocol/frame.ts'
import { vaultIdToBytes } from '../../protocol/ids.ts'
import { peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { packIdToBytes } from '../../protocol/manifest.ts'
import type { Request } from '../../protocol/messages.ts'
import { VERSIONS_PROTOCOL } from '../../protocol/versions.ts'
import { PeerVersionError } from '../../src/grid/peer-versions.ts'
import { STREAMS_MAX, STREAMS_PER_PEER_MAX } from '../../src/peer/peer-service.ts'
import type { ByteStream } from '../../src/ports/network.ts'
import { forever, makePack, seedOf, TestGrid, type TestPeer } from '../support/test-grid.ts'
import { answersOf, frame, isBroken, Wire } from '../support/wire.ts'

const pack = makePack(40_000, { needed: 2, total: 3 })
const hoarder = signingKeyFromSeed(seedOf('another peer'))
const SECOND_MS = 1000
const MINUTE_MS = 60 * SECOND_MS

describe('a peer', () => {
  it('W01 W02 W03: ends the stream of a bad frame with words, and keeps the connection', () =>
    withPeer(async ({ wire, peer, test }) => {
      const session = await wire.session()
      await session.status(forever)
      const before = connectionsMade(test)
      for (const bytes of [
        new Uint8Array(4),
        Uint8Array.of(0xff, 0xff, 0xff, 0xff),
        Uint8Array.of(0x80, 0, 0, 0),
        new Uint8Array(11).fill(0xff),
      ]) {
        const stream = await wire.dial()
        await stream.write(bytes)
        const answers = answersOf(stream)
        expect(await answers.next()).toMatchObject({ value: { code: 'bad-request' } })
        expect((await answers.next()).done).toBe(true)
      }
      await session.status(forever)
      expect(before()).toBe(0)
      expect(peer.node.service.streamCount).toBeLessThanOrEqual(1)
    }))

  it('W04: cut off at every byte of a request, has nothing begun and nothing left', () =>
    withPeer(async ({ wire, test, peer }) => {
      for (const request of requests(test)) {
        const bytes = frame(request)
        for (let size = 0; size < bytes.length; size += 1) {
          const stream = await wire.dial()
          await stream.write(bytes.subarray(0, size))
          if (size % 3 === 0) stream.reset()
          else await stream.end()
          const [first] = await Array.fromAsync(answersOf(stream)).catch(() => [])
          if (size % 3 !== 0 && size > 0) expect(first).toMatchObject({ code: 'bad-request' })
        }
      }
      await peer.machine.ports.clock.sleep(2 * MINUTE_MS)
      expect(filesOf(peer)).toEqual([])
      expect(peer.node.service.streamCount).toBe(0)
      expect(peer.node.headStore.heads(test.vault, { all: true })).toEqual([])
    }))

  it('W04: cut off in a piece and killed, sweeps the half of it when it starts again', () =>
    withPeer(async ({ wire, test, peer }) => {
      const large = makePack(1_000_000, { needed: 2, total: 3 })
      const stream = await wire.dial()
      await stream.write(frame(putOf(test, large)))
      await answersOf(stream).next()
      await stream.write(encodeFrame(large.pieces[0]!.subarray(0, 250_000)))
      await stream.write(encodeFrame(large.pieces[0]!.subarray(250_000, 499_000)))
      await peer.machine.ports.clock.sleep(5 * SECOND_MS)
      expect(filesOf(peer)).toEqual([expect.stringMatching(/\.part$/)])
      peer.machine.crash('kill')
      peer.machine.boot()
      await peer.restart()
      expect(filesOf(peer)).toEqual([])
      expect(peer.node.shareStore.used()).toBe(0)
    }))

  it('W05: frees the place of who sends a byte in 30 s, and serves others meanwhile', () =>
    withPeer(async ({ wire, test, peer }) => {
      const session = await wire.session()
      const { clock } = peer.machine.ports
      const request = await wire.dial(hoarder)
      const body = await wire.dial()
      await body.write(frame(putOf(test)))
      await answersOf(body).next()
      const from = clock.monotonic()
      const slow = [drip(request, clock), drip(body, clock)]
      for (let count = 0; count < 4; count += 1) {
        await session.status(forever)
        await clock.sleep(10 * SECOND_MS)
      }
      await Promise.all(slow)
      expect(clock.monotonic() - from).toBeLessThan(4 * MINUTE_MS)
      await clock.sleep(2 * MINUTE_MS)
      expect(peer.node.service.streamCount).toBe(0)
      expect(filesOf(peer)).toEqual([])
    }))

  it('W05: lets go who asks and does not read', () =>
    withPeer(async ({ wire, test, peer }) => {
      const large = makePack(4_000_000, { needed: 2, total: 3 })
      const session = await wire.session()
      await putShare(session, test, large)
      const read = { type: 'read', pack: packIdToBytes(large.id), shareNumber: 0 } as const
      for (let count = 0; count < STREAMS_PER_PEER_MAX - 1; count += 1) {
        const stream = await wire.dial()
        for (let ask = 0; ask < 4; ask += 1) {
          await stream.write(frame({ ...read, first: 0, count: 256 }))
        }
      }
      const other = await wire.session(hoarder)
      expect(await other.status(forever)).toMatchObject({ type: 'status' })
      await peer.machine.ports.clock.sleep(5 * MINUTE_MS)
      expect(peer.node.service.streamCount).toBe(0)
    }))

  it('W06: with 10,000 streams of one member, goes on with a transfer of another', async () => {
    const test = new TestGrid({ peers: 1 })
    test.admit(peerIdOf(hoarder.publicKey), 'peer')
    await test.tell(async () => {
      const [wire, peer] = [new Wire(test), test.peers[0]!]
      const session = await wire.session()
      const large = makePack(8_000_000, { needed: 2, total: 3 })
      const transfer = putShare(session, test, large)
      await wire.dial(hoarder)
      const streams = await Promise.all(Array.from({ length: 10_000 }, () => wire.dial(hoarder)))
      expect(peer.node.service.streamCount).toBeLessThanOrEqual(STREAMS_PER_PEER_MAX + 4)
      const first = await Promise.all(
        streams.map((stream) =>
          answersOf(stream)
            .next()
            .catch(() => undefined),
        ),
      )
      const busy = first.filter(
        (each) => each?.value?.type === 'error' && each.value.code === 'busy',
      )
      expect(busy).toHaveLength(10_001 - STREAMS_PER_PEER_MAX)
      expect(await transfer).toBe('stored')
    })
  }, 60_000)

  it('W06: keeps streams for each member, though others fill all theirs', async () => {
    const test = new TestGrid({ peers: 1 })
    const crowd = Array.from({ length: 12 }, (_, index) => signingKeyFromSeed(seedOf(`h${index}`)))
    for (const key of crowd) test.admit(peerIdOf(key.publicKey), 'peer')
    await test.tell(async () => {
      const [wire, peer] = [new Wire(test), test.peers[0]!]
      for (const key of crowd) {
        for (let count = 0; count < STREAMS_PER_PEER_MAX; count += 1) await wire.dial(key)
      }
      expect(peer.node.service.streamCount).toBeGreaterThanOrEqual(STREAMS_MAX)
      const session = await wire.session()
      expect(await putShare(session, test)).toBe('stored')
    })
  })

  it('W07: says unknown-type of what it does not know, and refuses unknown fields by name', () =>
    withPeer(async ({ wire }) => {
      const stream = await wire.dial()
      const answers = answersOf(stream)
      await stream.write(encodeFrame(encodeCbor({ type: 'selfdestruct' })))
      expect(await answers.next()).toMatchObject({ value: { code: 'unknown-type' } })
      await stream.write(encodeFrame(encodeCbor({ type: 'status', colour: 'red' })))
      const { value } = await answers.next()
      expect(value).toMatchObject({
        code: 'bad-request',
        message: expect.stringContaining('colour'),
      })
      await stream.write(frame({ type: 'status' }))
      expect(await answers.next()).toMatchObject({ value: { type: 'status' } })
    }))

  it('W09: names the field that is out of range, and goes on', () =>
    withPeer(async ({ wire }) => {
      const stream = await wire.dial()
      const answers = answersOf(stream)
      const read = {
        type: 'read',
        pack: packIdToBytes(pack.id),
        shareNumber: 0,
        first: 0,
        count: 1,
      }
      for (const [field, number] of [
        ['shareNumber', 256],
        ['shareNumber', 2 ** 31],
        ['first', -1],
        ['first', 2n ** 53n],
        ['count', 0],
        ['count', 257],
      ] as const) {
        await stream.write(encodeFrame(encodeCbor({ ...read, [field]: number })))
        const { value } = await answers.next()
        const message = expect.stringContaining(`field ${field}`)
        expect(value).toMatchObject({ code: 'bad-request', message })
      }
    }))

  it('W10: answers and logs odd strings without a raw control byte, and bounds them', () =>
    withPeer(async ({ wire, test }) => {
      const logged: string[] = []
      test.world.trace.listen(({ fields }) => logged.push(JSON.stringify(fields)))
      const stream = await wire.dial()
      const answers = answersOf(stream)
      for (const text of ['\0', '\u001b[2J', '\u202egnp', '\ud800', 'x'.repeat(1_000_000)]) {
        await stream.write(encodeFrame(encodeCbor({ type: text })))
        const { value } = await answers.next()
        const message = value?.type === 'error' ? value.message : ''
        // oxlint-disable-next-line no-control-regex -- that is what must not be there
        expect(message).not.toMatch(/[\0-\x1f\x7f\u202a-\u202e]/)
        expect(message.length).toBeLessThanOrEqual(512)
      }
      // oxlint-disable-next-line no-control-regex -- likewise
      expect(logged.join('')).not.toMatch(/[\0-\x1f\x7f]/)
    }))

  it('W12: does a recorded session over again without any second effect', () =>
    withPeer(async ({ wire, test, peer }) => {
      const session = concat(
        frame(putOf(test)),
        encodeFrame(pack.pieces[0]!),
        frame({ type: 'publish', head: test.chained(1) }),
        frame({
          type: 'adopt',
          vault: vaultIdToBytes(test.vault),
          packs: [packIdToBytes(pack.id)],
          head: 1,
        }),
        frame({ type: 'release', document: test.release(1, { packs: [pack.id] }) }),
      )
      const states: unknown[] = []
      for (let round = 0; round < 3; round += 1) {
        const stream = await wire.dial()
        // The body of the second round is not wanted any more: it is said before.
        const part = round === 0 ? session : concat(frame(putOf(test)), tailOf(test))
        await stream.write(part)
        await stream.end()
        const answers = await Array.fromAsync(answersOf(stream))
        states.push(answers.slice(-3).map((answer) => ({ ...answer })))
        await peer.machine.ports.clock.sleep(MINUTE_MS)
        expect(peer.node.headStore.heads(test.vault, { all: true })).toHaveLength(1)
        expect(peer.node.shareStore.have(pack.id)).toEqual([0])
      }
      // A put takes its share out of release for a while; what follows releases it as before.
      expect(states[2]).toEqual(states[1])
    }))

  it('W12: takes nobody’s session from another identity', () =>
    withPeer(async ({ wire, test }) => {
      const stream = await wire.dial(hoarder)
      await stream.write(frame(putOf(test)))
      expect(await answersOf(stream).next()).toMatchObject({ value: { code: 'not-admitted' } })
    }))

  it('W13: of another version is told by which side is to be updated, before any data', async () => {
    for (const [speaks, words] of [
      [[1, 2], 'its Cairn is newer (protocol 2, here 1): update Cairn on this computer'],
      [[0], 'its Cairn is older (protocol 0, here 1): ask that friend to update Cairn'],
      [undefined, 'it speaks no protocol of this Cairn: update Cairn there and here'],
    ] as const) {
      const test = new TestGrid({ peers: 1 })
      await test.tell(async () => {
        const [peer] = test.peers
        await becomeOther(peer!, speaks)
        const session = await new Wire(test).session()
        const failed = session.put(
          {
            vault: test.vault,
            manifest: pack.manifestBytes,
            shareNumber: 0,
            piece: pack.pieces[0]!,
          },
          forever,
        )
        await expect(failed).rejects.toThrow(PeerVersionError)
        await expect(failed).rejects.toThrow(words)
      })
    }
  })

  it('W13: says what it speaks to whoever shares no protocol with it', () =>
    withPeer(async ({ wire }) => {
      await expect(wire.dial(undefined, '/cairn/7')).rejects.toMatchObject({
        name: 'ProtocolNotServedError',
      })
      const stream = await wire.dial(undefined, VERSIONS_PROTOCOL)
      const parts = await Array.fromAsync(stream.source)
      expect(concat(...parts)).toEqual(encodeFrame(encodeCbor({ speaks: [1] })))
    }))

  it('W15: keeps nothing of a piece whose sender closes or resets, and takes it when it comes again', () =>
    withPeer(async ({ wire, test, peer }) => {
      const half = await wire.dial()
      await half.write(frame(putOf(test)))
      await half.write(encodeFrame(pack.pieces[0]!.subarray(0, 9000)))
      await half.end()
      const answers = await Array.fromAsync(answersOf(half))
      expect(answers).toMatchObject([{ type: 'go' }, { code: 'bad-request' }])

      const broken = await wire.dial()
      await broken.write(frame(putOf(test)))
      await broken.write(encodeFrame(pack.pieces[0]!).subarray(0, 9000))
      broken.reset()
      await peer.machine.ports.clock.sleep(SECOND_MS)
      expect(filesOf(peer)).toEqual([])
      expect(peer.node.service.streamCount).toBe(0)

      const asked = await wire.dial()
      await asked.write(frame({ type: 'status' }))
      await asked.end()
      expect(await Array.fromAsync(answersOf(asked))).toMatchObject([{ used: 0, free: 1e9 }])
      expect(await putShare(await wire.session(), test)).toBe('stored')
    }))
})

interface Scene {
  readonly test: TestGrid
  readonly peer: TestPeer
  readonly wire: Wire
}

async function withPeer(story: (scene: Scene) => Promise<void>): Promise<void> {
  const test = new TestGrid({ peers: 1 })
  test.admit(peerIdOf(hoarder.publicKey), 'peer')
  await test.tell(() => story({ test, peer: test.peers[0]!, wire: new Wire(test) }))
}

function putOf(test: TestGrid, of = pack): Extract<Request, { type: 'put' }> {
  const vault = vaultIdToBytes(test.vault)
  const bodySize = of.pieces[0]!.length
  return { type: 'put', vault, manifest: of.manifestBytes, shareNumber: 0, bodySize }
}

function tailOf(test: TestGrid): Uint8Array {
  return concat(
    frame({ type: 'publish', head: test.chained(1) }),
    frame({
      type: 'adopt',
      vault: vaultIdToBytes(test.vault),
      packs: [packIdToBytes(pack.id)],
      head: 1,
    }),
    frame({ type: 'release', document: test.release(1, { packs: [pack.id] }) }),
  )
}

async function putShare(
  session: Awaited<ReturnType<Wire['session']>>,
  test: TestGrid,
  of = pack,
): Promise<'stored' | 'held'> {
  const put = { vault: test.vault, manifest: of.manifestBytes, shareNumber: 0 }
  return await session.put({ ...put, piece: of.pieces[0]! }, forever)
}

/** One of every kind. */
function requests(test: TestGrid): Request[] {
  const vault = vaultIdToBytes(test.vault)
  const packs = [packIdToBytes(pack.id)]
  return [
    { type: 'status' },
    putOf(test),
    { type: 'have', packs, manifests: true },
    { type: 'read', pack: packs[0]!, shareNumber: 0, first: 0, count: 1 },
    { type: 'adopt', vault, packs, head: 1 },
    { type: 'publish', head: test.head(1) },
    { type: 'release', document: test.release(1) },
    { type: 'heads', vault, all: true },
    { type: 'roster', statements: [utf8('no statement')] },
  ]
}

/** Shares, whole or not, on the peer's disk. */
function filesOf({ machine }: TestPeer): string[] {
  const paths = machine.volume.files().map(({ path }) => path)
  return paths.filter((path) => path.startsWith('shares/'))
}

/** @returns a count of connections made from now on */
function connectionsMade({ world }: TestGrid): () => number {
  let count = 0
  world.trace.listen(({ event }) => {
    if (event === 'net.connect') count += 1
  })
  return () => count
}

async function drip(
  stream: ByteStream,
  clock: { sleep(ms: number): Promise<void> },
): Promise<void> {
  const isOver = isBroken(stream)
  try {
    for (;;) {
      await stream.write(Uint8Array.of(0))
      await clock.sleep(30 * SECOND_MS)
    }
  } catch {
    await isOver
  }
}

/** Put a Cairn of another version in the peer's place; it serves nothing of ours. */
async function becomeOther(
  { machine, key }: TestPeer,
  speaks: readonly number[] | undefined,
): Promise<void> {
  machine.boot()
  await machine.run(async ({ network: makeNetwork }) => {
    const network = await makeNetwork(key.seed)
    network.gate(() => true)
    if (speaks === undefined) return
    await network.serve(VERSIONS_PROTOCOL, async (stream) => {
      await stream.write(encodeFrame(encodeCbor({ speaks })))
      await stream.end()
    })
  })
}
