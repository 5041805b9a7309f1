import { describe, expect, it } from 'vitest'

import { encodeCbor } from '../../protocol/cbor.ts'
import { decodeFrames, encodeFrame } from '../../protocol/frame.ts'
import { vaultIdFromBytes, vaultIdToBytes, type VaultId } from '../../protocol/ids.ts'
import {
  deriveVaultKeys,
  peerIdOf,
  signingKeyFromSeed,
  type SigningKey,
} from '../../protocol/keys.ts'
import { packIdToBytes } from '../../protocol/manifest.ts'
import {
  decodeResponse,
  encodeRequest,
  PROTOCOL,
  type Request,
  type Response,
} from '../../protocol/messages.ts'
import { signStatement } from '../../protocol/roster.ts'
import {
  DiskFullError,
  PeerError,
  PeerRefusedError,
  PeerUnreachableError,
  StreamResetError,
} from '../../src/base/errors.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import { STREAMS_PER_PEER_MAX } from '../../src/peer/peer-service.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { ByteStream } from '../../src/ports/network.ts'
import { forever, makePack, seedOf, TestGrid, type TestPeer } from '../support/test-grid.ts'

const pack = makePack(40_000, { needed: 2, total: 3 })
const otherKeys = deriveVaultKeys(seedOf('another vault'))
const stranger = signingKeyFromSeed(seedOf('a stranger'))
const MINUTE_MS = 60_000

describe('admission', () => {
  it('N05: lets no stranger reach a handler', async () => {
    await withPeer(async ({ test, session, peer }) => {
      const other = await sessionOf(test, stranger)
      await expect(other.status(forever)).rejects.toThrow(PeerUnreachableError)
      expect(await session.status(forever)).toMatchObject({ capacity: 1e9, used: 0 })
      expect(peer.node.roster.isAdmitted(peerIdOf(stranger.publicKey))).toBe(false)
    })
  })

  it('ends for a member that is removed, on streams that are open too', async () => {
    await withPeer(async ({ test, session, peer }) => {
      await session.status(forever)
      const issuer = peerIdOf(test.founder.publicKey)
      const subject = peerIdOf(test.device.publicKey)
      const issuedAt = peer.machine.ports.clock.now()
      const common = { version: 1, grid: test.id, issuer, issuedAt, subject } as const
      await peer.node.roster.merge([signStatement({ ...common, type: 'remove' }, test.founder)])
      await expect(session.status(forever)).rejects.toThrow('not a member')
      await expect(session.status(forever)).rejects.toThrow(PeerError)
      expect(peer.node.roster.isAdmitted(subject)).toBe(false)
    })
  })

  it('is by role: what each may ask for its own vault, and what of another', async () => {
    const test = new TestGrid({ peers: 1 })
    const other = vaultIdFromBytes(signingKeyFromSeed(seedOf('another vault')).publicKey)
    const invite = signingKeyFromSeed(seedOf('an invite'))
    const friend = signingKeyFromSeed(seedOf('another peer'))
    test.admit(peerIdOf(invite.publicKey), 'invite', { expiresAt: Date.UTC(2030, 0) })
    test.admit(peerIdOf(friend.publicKey), 'peer')
    await test.tell(async () => {
      const allowed = async (key: SigningKey) => {
        const asked: string[] = []
        for (const [name, request] of Object.entries(requestsFor(test, other))) {
          const answer = await ask(test, key, request)
          if (answer.type !== 'error' || answer.code !== 'not-admitted') asked.push(name)
        }
        return asked.join(' ')
      }
      expect(await allowed(test.device)).toBe(
        'status roster news have read heads adopt forgo publish release seen put account credits',
      )
      expect(await allowed(test.keys.recoveryKey)).toBe('status roster news have read heads')
      expect(await allowed(friend)).toBe(
        'status roster news have read heads seen credits heads-of-other',
      )
      expect(await allowed(invite)).toBe('status roster news')
    })
  })

  it('tells when other peers were heard, and of nobody else', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const [peer, other, third] = test.peers
      const { clock } = test.laptop.ports
      await clock.sleep(2 * MINUTE_MS)
      third!.machine.crash()
      await clock.sleep(120 * MINUTE_MS)
      const network = await test.laptop.ports.network(test.device.seed)
      const addresses = () => [peer!.machine.address ?? '']
      const session = new PeerSession(peer!.id, { network, clock, addresses })
      await session.status(forever)
      const asked = [
        other!.id,
        third!.id,
        peerIdOf(test.device.publicKey),
        peerIdOf(stranger.publicKey),
      ]
      const [ofOther, ofThird, ...ofOthers] = await session.seen(asked, forever)
      expect(ofOther).toBeLessThan(61 * MINUTE_MS)
      expect(ofThird).toBeGreaterThanOrEqual(119 * MINUTE_MS)
      expect(ofOthers).toEqual([undefined, undefined])
    })
  })

  it('shows a device nothing of other vaults, and a peer everything', async () => {
    const test = new TestGrid({ peers: 1 })
    const friend = signingKeyFromSeed(seedOf('another peer'))
    const neighbour = signingKeyFromSeed(seedOf('another laptop'))
    test.admit(peerIdOf(friend.publicKey), 'peer')
    const vault = vaultIdFromBytes(signingKeyFromSeed(seedOf('another vault')).publicKey)
    test.admit(peerIdOf(neighbour.publicKey), 'device', { vault })
    await test.tell(async () => {
      await putShare(await sessionOf(test, test.device), test, 0)
      const seen = async (key: SigningKey) => {
        const session = await sessionOf(test, key)
        const { shares, manifests } = await session.have([pack.id], { manifests: true }, forever)
        return [shares, manifests.map((manifest) => manifest !== null)]
      }
      expect(await seen(test.device)).toEqual([[[0]], [true]])
      expect(await seen(test.keys.recoveryKey)).toEqual([[[0]], [true]])
      expect(await seen(friend)).toEqual([[[0]], [true]])
      expect(await seen(neighbour)).toEqual([[[]], [false]])
    })
  })
})

describe('a peer', () => {
  it('stores a share once, gives its leaves, and says what it holds', async () => {
    await withPeer(async ({ test, session }) => {
      expect(await putShare(session, test, 1)).toBe('stored')
      expect(await putShare(session, test, 1)).toBe('held')
      const range = { pack: pack.id, shareNumber: 1, first: 1, count: 2, size: 8192 }
      const { bytes } = await session.read(range, forever)
      expect(bytes).toEqual(pack.pieces[1]!.slice(4096, 12_288))
      expect((await session.status(forever)).used).toBeGreaterThan(20_000)
      expect(await session.adopt(test.vault, [pack.id], 1, forever)).toBe(1)
    })
  })

  it('refuses a wrong piece and keeps nothing of it', async () => {
    await withPeer(async ({ test, session, peer }) => {
      const wrong = pack.pieces[0]!.slice()
      wrong[17]! ^= 1
      const put = { vault: test.vault, manifest: pack.manifestBytes, shareNumber: 0 }
      const refused = session.put({ ...put, piece: wrong }, forever)
      await expect(refused).rejects.toMatchObject({ code: 'bad-request' })
      expect(peer.node.shareStore.have(pack.id)).toEqual([])
      expect(await putShare(session, test, 0)).toBe('stored')
    })
  })

  it('L07: keeps the first bytes of a share, whatever comes under its name later', async () => {
    await withPeer(async ({ test, session, peer }) => {
      const wrong = pack.pieces[0]!.slice()
      wrong[17]! ^= 1
      const put = { vault: test.vault, manifest: pack.manifestBytes, shareNumber: 0 }
      const sent: number[] = []
      const late = await dial(test)
      await late.write(encodeFrame(encodeRequest(putRequest(test))))
      const answers = answersOf(late)
      expect(await answers.next()).toMatchObject({ value: { type: 'go' } })
      expect(await putShare(session, test, 0)).toBe('stored')
      expect(await session.put({ ...put, piece: wrong }, forever, (n) => sent.push(n))).toBe('held')
      expect(sent, 'nobody looks at them').toEqual([])
      for (const frame of bodyFrames(wrong)) await late.write(frame)
      expect(await answers.next(), 'begun before').toMatchObject({ value: { code: 'bad-request' } })
      const range = { pack: pack.id, shareNumber: 0, first: 0, count: 1, size: 4096 }
      expect((await session.read(range, forever)).bytes).toEqual(pack.pieces[0]!.slice(0, 4096))
      expect(peer.node.shareStore.have(pack.id)).toEqual([0])
    })
  })

  it('says full or quota before a byte is sent', async () => {
    const test = new TestGrid({ peers: 1, quota: 25_000, each: () => ({ capacity: 60_000 }) })
    await test.tell(async () => {
      const session = await sessionOf(test, test.device)
      await putShare(session, test, 0)
      const sent: number[] = []
      const quota = putShare(session, test, 1, (size) => sent.push(size))
      await expect(quota).rejects.toMatchObject({ code: 'quota' })
      expect(sent).toEqual([])
    })
  })

  it('says full when its disk fills up in the middle of a piece, and takes it later', async () => {
    await withPeer(async ({ test, session, peer }) => {
      let appends = 0
      peer.machine.diskTrouble.onStep = ({ operation }) => {
        if (operation === 'append') appends += 1
        return appends > 2 ? new DiskFullError('no space left') : 'pass'
      }
      const large = makePack(4_000_000, { needed: 2, total: 3 })
      const put = () => putShare(session, test, 0, () => undefined, large)
      await expect(put()).rejects.toMatchObject({ code: 'full' })
      peer.machine.diskTrouble.onStep = undefined
      expect(await put()).toBe('stored')
      expect(await putShare(session, test, 0)).toBe('stored')
    })
  })

  it('refuses a forked, an older and a distant head by name', async () => {
    await withPeer(async ({ test, session }) => {
      await session.publish(test.head(5, { writtenAt: 1 }), forever)
      const codeOf = async (head: Uint8Array) => {
        const error: unknown = await session.publish(head, forever).catch((caught) => caught)
        return error instanceof PeerRefusedError ? error.code : error
      }
      expect(await codeOf(test.head(5, { writtenAt: 2 }))).toBe('fork')
      expect(await codeOf(test.head(4))).toBe('stale-head')
      expect(await codeOf(test.head(1006))).toBe('jump')
      const forged = test.head(6)
      forged[20]! ^= 1
      expect(await codeOf(forged)).toBe('bad-signature')
      expect(await session.heads(test.vault, { all: true }, forever)).toHaveLength(2)
    })
  })
})

describe('a peer with a hostile member', () => {
  it('answers nonsense with an error, and goes on', async () => {
    await withPeer(async ({ test }) => {
      const stream = await dial(test)
      const answers = answersOf(stream)
      await stream.write(encodeFrame(new Uint8Array([0xff, 0xff])))
      expect(await answers.next()).toMatchObject({ value: { code: 'bad-request' } })
      await stream.write(encodeFrame(encodeCbor({ type: 'selfdestruct' })))
      expect(await answers.next()).toMatchObject({ value: { code: 'unknown-type' } })
      await stream.write(encodeFrame(encodeRequest({ type: 'status' })))
      expect(await answers.next()).toMatchObject({ value: { type: 'status' } })
    })
  })

  it('ends a stream whose frames are broken: too long, empty, or cut off', async () => {
    await withPeer(async ({ test, session }) => {
      for (const bytes of [
        [0xff, 0xff, 0xff, 0xff],
        [0, 0, 0, 0],
      ]) {
        const stream = await dial(test)
        await stream.write(new Uint8Array(bytes))
        const answers = answersOf(stream)
        expect(await answers.next()).toMatchObject({ value: { code: 'bad-request' } })
        expect((await answers.next()).done).toBe(true)
      }
      const stream = await dial(test)
      await stream.write(new Uint8Array([0, 0, 0, 9, 1]))
      await stream.end()
      expect(await answersOf(stream).next()).toMatchObject({ value: { code: 'bad-request' } })
      await session.status(forever)
    })
  })

  it('frees what it kept for an upload that stops at any point', async () => {
    await withPeer(async ({ test, session, peer }) => {
      for (const size of [0, 1, 4, 5000, 19_999]) {
        const stream = await dial(test)
        await stream.write(encodeFrame(encodeRequest(putRequest(test))))
        await answersOf(stream).next()
        const body = encodeFrame(pack.pieces[0]!)
        await stream.write(body.subarray(0, size))
        if (size % 2 === 0) stream.reset()
        else await stream.end()
      }
      await peer.machine.ports.clock.sleep(2 * MINUTE_MS)
      expect(await session.status(forever)).toMatchObject({ free: 1e9, used: 0 })
      expect(await putShare(session, test, 0)).toBe('stored')
    })
  })

  it('ends what trickles, and serves others meanwhile', async () => {
    await withPeer(async ({ test, session, peer }) => {
      const { clock } = peer.machine.ports
      const from = clock.monotonic()
      const request = encodeFrame(encodeRequest({ type: 'status' }))
      const onRequest = await dial(test)
      const onBody = await dial(test)
      await onBody.write(encodeFrame(encodeRequest(putRequest(test))))
      await answersOf(onBody).next()
      const ends = [trickle(onRequest, request, clock), trickle(onBody, request, clock)]
      expect(await putShare(session, test, 1)).toBe('stored')
      await Promise.all(ends)
      expect(clock.monotonic() - from).toBeLessThan(3 * MINUTE_MS)
      const { used, free } = await session.status(forever)
      expect(used + free, 'nothing is promised any more').toBe(1e9)
    })
  })

  it('gives each member so many streams, and others theirs', async () => {
    await withPeer(async ({ test, session }) => {
      const hoarder = signingKeyFromSeed(seedOf('another peer'))
      const streams: ByteStream[] = []
      for (let count = 0; count < STREAMS_PER_PEER_MAX; count += 1) {
        streams.push(await dial(test, hoarder))
      }
      const status = encodeFrame(encodeRequest({ type: 'status' }))
      await streams[0]!.write(status)
      expect(await answersOf(streams[0]!).next()).toMatchObject({ value: { type: 'status' } })
      const more = await dial(test, hoarder)
      expect(await answersOf(more).next()).toMatchObject({ value: { code: 'busy' } })
      expect(await session.status(forever)).toMatchObject({ type: 'status' })
      streams[1]!.reset()
      await session.status(forever)
      const again = await dial(test, hoarder)
      await again.write(status)
      expect(await answersOf(again).next()).toMatchObject({ value: { type: 'status' } })
    })
  })
})

interface Scene {
  readonly test: TestGrid
  readonly peer: TestPeer
  /** The laptop's. */
  readonly session: PeerSession
}

async function withPeer(story: (scene: Scene) => Promise<void>): Promise<void> {
  const test = new TestGrid({ peers: 1 })
  test.admit(peerIdOf(signingKeyFromSeed(seedOf('another peer')).publicKey), 'peer')
  await test.tell(async () => {
    const session = await sessionOf(test, test.device)
    await story({ test, peer: test.peers[0]!, session })
  })
}

async function sessionOf(test: TestGrid, key: SigningKey): Promise<PeerSession> {
  const { clock, network } = test.laptop.ports
  const [peer] = test.peers
  const addresses = () => [peer!.machine.address ?? '']
  return new PeerSession(peer!.id, { network: await network(key.seed), clock, addresses })
}

/** A stream to say anything on. */
async function dial(test: TestGrid, key = test.device): Promise<ByteStream> {
  const network = await test.laptop.ports.network(key.seed)
  const [peer] = test.peers
  return await network.dial(peer!.id, PROTOCOL, [peer!.machine.address ?? ''], forever)
}

async function* answersOf(stream: ByteStream): AsyncGenerator<Response> {
  for await (const payload of decodeFrames(stream.source)) yield decodeResponse(payload)
}

function putRequest(test: TestGrid): Request {
  const vault = vaultIdToBytes(test.vault)
  const { manifestBytes: manifest } = pack
  return { type: 'put', vault, manifest, shareNumber: 0, bodySize: 20_000 }
}

function bodyFrames(piece: Uint8Array): Uint8Array[] {
  return [encodeFrame(piece)]
}

async function putShare(
  session: PeerSession,
  test: TestGrid,
  shareNumber: number,
  onSent?: (size: number) => void,
  of = pack,
): Promise<'stored' | 'held'> {
  const piece = of.pieces[shareNumber]!
  const put = { vault: test.vault, manifest: of.manifestBytes, shareNumber, piece }
  return await session.put(put, forever, onSent)
}

/** Write a byte now and then until the other side has had enough. */
async function trickle(stream: ByteStream, bytes: Uint8Array, clock: Clock): Promise<void> {
  try {
    for (const byte of bytes) {
      await stream.write(Uint8Array.of(byte))
      await clock.sleep(20_000)
    }
  } catch (error) {
    expect(error).toBeInstanceOf(StreamResetError)
    return
  }
  throw new Error('all of it was taken')
}

/** One request of every kind, by what it is called in the test. */
function requestsFor(test: TestGrid, other: VaultId): Record<string, Request> {
  const vault = vaultIdToBytes(test.vault)
  const ofOther = vaultIdToBytes(other)
  const packs = [packIdToBytes(pack.id)]
  const put = putRequest(test)
  return {
    status: { type: 'status' },
    roster: { type: 'roster', statements: [] },
    news: { type: 'news', statements: [] },
    // Nobody who is in comes in again.
    join: { type: 'join', invite: seedOf('i').slice(16), wish: seedOf('w'), proof: seedOf('p') },
    have: { type: 'have', packs, manifests: true },
    read: { type: 'read', pack: packs[0]!, shareNumber: 0, first: 0, count: 1 },
    heads: { type: 'heads', vault, all: true },
    adopt: { type: 'adopt', vault, packs, head: 1 },
    forgo: { type: 'forgo', vault, head: 1 },
    publish: { type: 'publish', head: test.head(1) },
    release: { type: 'release', document: test.release(1) },
    seen: { type: 'seen', peers: [test.founder.publicKey] },
    put,
    account: { type: 'account', vault },
    credits: { type: 'credits', credits: [], known: [] },
    holdings: { type: 'holdings' },
    'account-of-other': { type: 'account', vault: ofOther },
    'heads-of-other': { type: 'heads', vault: ofOther, all: true },
    'adopt-of-other': { type: 'adopt', vault: ofOther, packs, head: 1 },
    'forgo-of-other': { type: 'forgo', vault: ofOther, head: 1 },
    'release-of-other': { type: 'release', document: test.release(1, { keys: otherKeys }) },
    'put-of-other': { ...put, vault: ofOther } as Request,
  }
}

/** Ask on a stream of its own, and break it after the first answer. */
async function ask(test: TestGrid, key: SigningKey, request: Request): Promise<Response> {
  const stream = await dial(test, key)
  await stream.write(encodeFrame(encodeRequest(request)))
  const { value } = await answersOf(stream).next()
  stream.reset()
  if (value === undefined) throw new Error('no answer')
  return value
}
