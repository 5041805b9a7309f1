/** Releases and cancels as a peer takes them from the wire, good ones and bad ones. */

import { describe, expect, it } from 'vitest'

import { concat, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { sha256 } from '../../protocol/hash.ts'
import {
  deriveVaultKeys,
  peerIdOf,
  sign,
  signingKeyFromSeed,
  type CertificateRole,
  type SigningKey,
} from '../../protocol/keys.ts'
import { vaultIdFromBytes, vaultIdToBytes } from '../../protocol/ids.ts'
import { packIdToBytes, type PackId } from '../../protocol/manifest.ts'
import { PeerRefusedError } from '../../src/base/errors.ts'
import type { Grid } from '../../src/grid/grid.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import {
  forever,
  makePack,
  seedOf,
  TestGrid,
  type ReleaseOptions,
  type TestPeer,
} from '../support/test-grid.ts'

const DAY_MS = 24 * 3600_000
const pack = makePack(20_000, { needed: 1, total: 2 })
const second = makePack(10_000, { needed: 1, total: 2 }, 2)
const unknown = makePack(100, { needed: 1, total: 1 }, 3)

describe('a release', () => {
  it('counts the shares in release, the same again when it is sent again', async () => {
    await withPeer(async ({ put, publish, release, store, test }) => {
      await put(pack)
      await put(second)
      await publish(1, 2)
      const bytes = store().used(test.vault)
      for (let round = 0; round < 2; round += 1) {
        const packs = [pack.id, second.id, unknown.id]
        expect(await release(2, { packs })).toEqual({
          type: 'released',
          count: 4,
          bytes,
          refused: 0,
        })
      }
      expect(store().released(test.vault)).toBe(bytes)
    })
  })

  it('goes to every peer of a grid, whose answers are told one by one', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const grid = await test.client()
      const three = makePack(10_000, { needed: 1, total: 3 })
      await grid.place(three, test.vault, new Map(), forever)
      await grid.publish(test.head(1), forever)
      const documents = [
        test.release(1, { packs: [three.id] }),
        test.release(1, { packs: [unknown.id] }),
      ]
      test.peers[2]!.machine.crash('power')
      const { answers, failures } = await grid.release(documents, forever)
      expect(answers.map(({ count, refused }) => [count, refused])).toEqual([
        [1, 0],
        [1, 0],
      ])
      expect(failures.map(({ peer }) => peer)).toEqual([test.peers[2]!.id])
    })
  })

  it('L04: leaves its shares to be read and offered until the peer’s own sweep takes them', async () => {
    await withPeer(async ({ put, publish, adopt, release, grid, peer }) => {
      await put(pack)
      await put(second)
      await publish(1, 2)
      await adopt([pack.id, second.id], 1)
      await release(2, { packs: [pack.id] })
      const { clock } = peer().machine.ports
      const told = peer().machine.ports.log.events.find(({ event }) => event === 'shares released')
      expect(told?.fields, 'to whoever lends').toMatchObject({ head: 2, shares: 2 })
      await clock.sleep(29 * DAY_MS)
      const location = (await grid.have([pack.id], forever)).get(pack.id)!
      expect(await grid.read(location, 0, 100, forever)).toEqual(pack.bytes.slice(0, 100))
      await clock.sleep(30 * DAY_MS)
      const left = await grid.have([pack.id, second.id], forever)
      expect(left.get(pack.id)?.holders.size ?? 0).toBe(0)
      expect(left.get(second.id)?.holders.size).toBe(2)
    })
  })

  it('frees the quota at once, and capacity only when it is carried out', async () => {
    await withPeer(
      async ({ put, publish, release, store, test }) => {
        expect(await put(pack)).toEqual(['stored', 'stored'])
        await expect(put(second)).rejects.toMatchObject({ code: 'quota' })
        await publish(1)
        const { free } = await store().space()
        await release(1, { packs: [pack.id] })
        expect((await store().space()).free).toBe(free)
        expect(await put(second)).toEqual(['stored', 'stored'])
        expect(store().used(test.vault)).toBeGreaterThan(60_000)
      },
      { quota: 42_000 },
    )
  })

  it('is undone for a share that the vault stores again', async () => {
    await withPeer(async ({ put, publish, adopt, release, store, test, peer }) => {
      await put(pack)
      await put(second)
      await publish(1)
      await adopt([pack.id, second.id], 1)
      await publish(2)
      await release(2, { packs: [pack.id, second.id] })
      expect(await put(pack), 'provisional again').toEqual(['held', 'held'])
      const key = { vault: test.vault, pack: pack.id, shareNumber: 0 }
      expect(store().account(key)).toMatchObject({ adoptedBy: null, release: null })
      await publish(3)
      await adopt([pack.id], 3)
      expect(await release(2, { packs: [pack.id] }), 'sent again').toMatchObject({ refused: 2 })
      await peer().machine.ports.clock.sleep(90 * DAY_MS)
      expect(store().have(pack.id)).toEqual([0, 1])
      expect(store().have(second.id)).toEqual([])
    })
  })

  it('is undone by the adoption of a later head, for good', async () => {
    await withPeer(async ({ put, publish, adopt, release, store, test }) => {
      await put(pack)
      await publish(1, 2)
      await release(2, { packs: [pack.id] })
      await adopt([pack.id], 1)
      expect(store().released(test.vault), 'by an earlier head').toBeGreaterThan(0)
      await publish(3)
      await adopt([pack.id], 3)
      expect(store().released(test.vault)).toBe(0)
      for (const sequence of [2, 3]) {
        const answer = await release(sequence, { packs: [pack.id] })
        expect(answer).toMatchObject({ count: 0, refused: 2 })
      }
      await publish(4)
      expect(await release(4, { packs: [pack.id] })).toMatchObject({ count: 2, refused: 0 })
    })
  })

  it('outlives adoptions of heads that nobody published', async () => {
    await withPeer(async ({ put, publish, adopt, release }) => {
      await put(pack)
      await publish(1)
      await adopt([pack.id], 2 ** 43 - 1)
      expect(await release(1, { packs: [pack.id] })).toMatchObject({ refused: 2 })
      await publish(2)
      expect(await release(2, { packs: [pack.id] })).toMatchObject({ count: 2 })
    })
  })
})

describe('a cancel', () => {
  it('L04: takes a release back, and the release is not taken again', async () => {
    await withPeer(async ({ put, publish, release, store, test, peer }) => {
      await put(pack)
      await put(second)
      await publish(1)
      const both = [pack.id, second.id]
      await release(1, { packs: both })
      await publish(2)
      const cancel = { kind: 'cancel', packs: [pack.id] } as const
      expect(await release(2, cancel)).toEqual({ type: 'released', count: 0, bytes: 0, refused: 0 })
      expect(await release(1, { packs: both }), 'replayed').toMatchObject({ count: 2, refused: 2 })
      await peer().machine.ports.clock.sleep(25 * DAY_MS)
      await release(2, cancel)
      await test.laptop.ports.clock.sleep(1)
      expect(store().have(pack.id)).toEqual([0, 1])
      expect(store().released(test.vault)).toBeGreaterThan(0)
      await publish(3)
      expect(await release(3, { packs: [pack.id] }), 'a new one').toMatchObject({ count: 2 })
    })
  })

  it('of no packs is of all, also of what a peer hears of only later', async () => {
    await withPeer(async ({ put, publish, release, store, test }) => {
      await put(pack)
      await publish(1, 2)
      await release(1, { packs: [pack.id] })
      expect(await release(2, { kind: 'cancel', packs: [] })).toMatchObject({
        count: 0,
        refused: 0,
      })
      expect(store().released(test.vault)).toBe(0)
      await put(second)
      for (const { id } of [pack, second]) {
        expect(await release(2, { packs: [id] })).toMatchObject({ count: 0, refused: 2 })
      }
    })
  })

  it('from before the release changes nothing', async () => {
    await withPeer(async ({ put, publish, release }) => {
      await put(pack)
      await publish(1, 2)
      await release(2, { packs: [pack.id] })
      for (const packs of [[pack.id], []]) {
        expect(await release(1, { kind: 'cancel', packs })).toMatchObject({ count: 2, refused: 2 })
      }
    })
  })

  it('is taken for a head that the peer has missed: it errs on the side of keeping', async () => {
    await withPeer(async ({ put, publish, release }) => {
      await put(pack)
      await publish(1)
      await release(1, { packs: [pack.id] })
      expect(await release(2, { kind: 'cancel', packs: [pack.id] })).toMatchObject({ count: 0 })
      expect(await release(1, { packs: [pack.id] })).toMatchObject({ refused: 2 })
    })
  })
})

describe('a lease', () => {
  it('is renewed by any request of a device of the vault, and by nobody else’s', async () => {
    const test = new TestGrid({ peers: 1 })
    const friend = signingKeyFromSeed(seedOf('another peer'))
    test.admit(peerIdOf(friend.publicKey), 'peer')
    await test.tell(async () => {
      const lease = () => test.peers[0]!.node.shareStore.leases.get(test.vault)
      const { clock } = test.laptop.ports
      await (await test.client(friend)).heads(test.vault, forever)
      await (await test.client(test.keys.recoveryKey)).heads(test.vault, forever)
      expect(lease()).toBeUndefined()
      const grid = await test.client()
      let renewed = -1
      for (const ask of [() => grid.status(forever), () => grid.have([pack.id], forever)]) {
        await clock.sleep(DAY_MS)
        await ask()
        expect(lease()!.renewedAge).toBeGreaterThan(renewed)
        renewed = lease()!.renewedAge
      }
      expect(renewed).toBeGreaterThan(2 * DAY_MS - 1000)
    })
  })
})

describe('a bad release', () => {
  it('L04: signed by a device’s key, or any other but the prune key, is refused by name, and releases nothing', async () => {
    await withPeer(async ({ put, publish, codeOf, store, test }) => {
      await put(pack)
      await publish(5, 6)
      const packs = [pack.id]
      const other = deriveVaultKeys(seedOf('another vault'))
      const { device } = test
      const bad: [string, string, Uint8Array][] = [
        ['a head that is not there', 'unknown-head', test.release(4, { packs })],
        ['a head to come', 'unknown-head', test.release(7, { packs })],
        ['another head of the sequence', 'unknown-head', otherHead(test, packs)],
        ['another vault', 'not-admitted', test.release(5, { packs, keys: other })],
        ['a changed bit', 'bad-signature', flipped(test.release(5, { packs }))],
        ['the device’s key', 'bad-signature', forged(test, device)],
        ['another vault’s prune key', 'bad-signature', forged(test, other.pruneKey)],
        ['a device’s certificate', 'bad-request', forged(test, device, 'device')],
        ['a helper’s certificate', 'bad-request', forged(test, device, 'repair')],
        ['a certificate of its own', 'bad-signature', forged(test, device, 'prune', device)],
      ]
      for (const [name, code, document] of bad) {
        expect(await codeOf(document), `by ${name}`).toBe(code)
      }
      expect(store().released()).toBe(0)
    })
  })

  it('names a head of a fork, or one before it; after the fork it is taken', async () => {
    await withPeer(async ({ put, publish, codeOf, release, session, test }) => {
      await put(pack)
      const packs = [pack.id]
      await publish(5, 6)
      await session.publish(test.head(6, { writtenAt: 99 }), forever).catch(() => undefined)
      expect(await codeOf(test.release(6, { packs }))).toBe('fork')
      expect(await codeOf(test.release(5, { packs }))).toBe('fork')
      await publish(7)
      expect(await release(7, { packs })).toMatchObject({ count: 2 })
    })
  })

  it('is signed for a device that was replaced', async () => {
    await withPeer(async ({ put, codeOf, session, test }) => {
      await put(pack)
      const head = test.head(1, { epoch: 2 })
      await session.publish(head, forever)
      const packs = [pack.id]
      expect(await codeOf(test.release(1, { packs, head }))).toBe('stale-head')
      expect(await codeOf(test.release(1, { packs, head, epoch: 2 }))).toBe('released')
    })
  })

  it('of packs that are not here is no trouble', async () => {
    await withPeer(async ({ publish, release }) => {
      await publish(1)
      const nothing = { type: 'released', count: 0, bytes: 0, refused: 0 }
      expect(await release(1, { packs: [unknown.id] })).toEqual(nothing)
      expect(await release(1, { kind: 'cancel', packs: [unknown.id] })).toEqual(nothing)
    })
  })

  it('comes from a recovery identity, a peer or an invite, and is not looked at', async () => {
    const test = new TestGrid({ peers: 1 })
    const friend = signingKeyFromSeed(seedOf('another peer'))
    const invite = signingKeyFromSeed(seedOf('an invite'))
    test.admit(peerIdOf(friend.publicKey), 'peer')
    test.admit(peerIdOf(invite.publicKey), 'invite', { expiresAt: Date.UTC(2030, 0) })
    await test.tell(async () => {
      for (const key of [test.keys.recoveryKey, friend, invite]) {
        const grid = await test.client(key)
        const { failures } = await grid.release([test.release(1)], forever)
        const answer = failures.find(({ peer }) => peer === test.peers[0]!.id)
        expect(answer?.error).toMatchObject({ code: 'not-admitted' })
      }
    })
  })

  it('of another vault’s device touches nothing of this one', async () => {
    const test = new TestGrid({ peers: 1 })
    const thief = signingKeyFromSeed(seedOf('another laptop'))
    const keys = deriveVaultKeys(seedOf('another vault'))
    const vault = vaultIdFromBytes(keys.vaultKey.publicKey)
    test.admit(peerIdOf(thief.publicKey), 'device', { vault })
    await test.tell(async () => {
      const grid = await test.client()
      await grid.place(makeOne(), test.vault, new Map(), forever)
      await grid.publish(test.head(1), forever)
      const theirs = await test.client(thief)
      for (const document of [test.release(1, { keys }), test.release(1)]) {
        const { failures } = await theirs.release([document], forever)
        expect(failures).toHaveLength(1)
      }
      expect(test.peers[0]!.node.shareStore.released()).toBe(0)
    })
  })
})

interface Scene {
  readonly test: TestGrid
  readonly grid: Grid
  readonly session: PeerSession
  readonly peer: () => TestPeer
  readonly store: () => TestPeer['node']['shareStore']
  /** Both shares, at the one peer. */
  readonly put: (of: typeof pack) => Promise<string[]>
  readonly publish: (...sequences: number[]) => Promise<void>
  readonly adopt: (packs: readonly PackId[], sequence: number) => Promise<number>
  readonly release: (sequence: number, options: ReleaseOptions) => Promise<unknown>
  /** How the peer answers: the code of its refusal, or `released`. */
  readonly codeOf: (document: Uint8Array) => Promise<string>
}

async function withPeer(
  story: (scene: Scene) => Promise<void>,
  options: { readonly quota?: number } = {},
): Promise<void> {
  const test = new TestGrid({ peers: 1, ...options })
  await test.tell(async () => {
    const peer = () => test.peers[0]!
    const { clock, network } = test.laptop.ports
    const addresses = () => [peer().machine.address ?? '']
    const parts = { network: await network(test.device.seed), clock, addresses }
    const session = new PeerSession(peer().id, parts)
    await story({
      test,
      grid: await test.client(),
      session,
      peer,
      store: () => peer().node.shareStore,
      put: async (of) => {
        const outcomes: string[] = []
        for (const [shareNumber, piece] of of.pieces.entries()) {
          const put = { vault: test.vault, manifest: of.manifestBytes, shareNumber, piece }
          outcomes.push(await session.put(put, forever))
        }
        return outcomes
      },
      publish: async (...sequences) => {
        for (const sequence of sequences) await session.publish(test.chained(sequence), forever)
      },
      adopt: (packs, sequence) => session.adopt(test.vault, packs, sequence, forever),
      release: (sequence, more) => session.release(test.release(sequence, more), forever),
      codeOf: async (document) => {
        const answer: unknown = await session.release(document, forever).catch((error) => error)
        return answer instanceof PeerRefusedError ? answer.code : 'released'
      },
    })
  })
}

/** A release of `pack` for head 5, as the format has it and our own code would not sign it. */
function forged(
  test: TestGrid,
  signer: SigningKey,
  role: CertificateRole = 'prune',
  certifier = test.keys.vaultKey,
): Uint8Array {
  const subject = role === 'prune' ? test.keys.pruneKey : signer
  const body = encodeCbor({
    certificate: certificateOf(test, { subject, role, certifier }),
    kind: 'release',
    sequence: 5,
    headId: sha256(test.chained(5)),
    packs: [packIdToBytes(pack.id)],
  })
  return concat(utf8('cairnrl1'), sign(signer, 'cairnrl1', body), body)
}

/** Says that it is of this vault, whoever signs it. */
function certificateOf(
  test: TestGrid,
  by: { subject: SigningKey; role: CertificateRole; certifier: SigningKey },
): Uint8Array {
  const body = encodeCbor({
    vault: vaultIdToBytes(test.vault),
    key: by.subject.publicKey,
    role: by.role,
    epoch: 1,
    issuedAt: 1,
  })
  return concat(utf8('cairnct1'), sign(by.certifier, 'cairnct1', body), body)
}

function makeOne() {
  return makePack(10_000, { needed: 1, total: 1 })
}

function otherHead(test: TestGrid, packs: readonly PackId[]): Uint8Array {
  return test.release(5, { packs, head: test.head(5, { writtenAt: 77 }) })
}

function flipped(bytes: Uint8Array): Uint8Array {
  return bytes.with(20, (bytes[20] ?? 0) ^ 1)
}
