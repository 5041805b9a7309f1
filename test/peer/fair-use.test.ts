/** Quotas, grants and grace as a peer keeps them, and what others vouch for. */

import { describe, expect, it } from 'vitest'

import { openAccount, signAccount, signCredit } from '../../protocol/account.ts'
import { encodeManifest, PACK_SIZE_MAX } from '../../protocol/manifest.ts'
import { decodeFrames, encodeFrame } from '../../protocol/frame.ts'
import { vaultIdToBytes } from '../../protocol/ids.ts'
import { peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { decodeResponse, encodeRequest, PROTOCOL } from '../../protocol/messages.ts'
import { signStatement } from '../../protocol/roster.ts'
import { shareLayout } from '../../protocol/share.ts'
import type { ByteStream } from '../../src/ports/network.ts'
import { PROMISED_PER_VAULT_MAX } from '../../src/store/share-room.ts'
import { FairPerson, passDays, type TestPack } from '../support/fair-people.ts'
import { forever, makePack, seedOf, TestGrid, type GridOptions } from '../support/test-grid.ts'

const DAY_MS = 24 * 3600_000
const [one, two, three, four] = [1, 2, 3, 4].map((seed) =>
  makePack(20_000, { needed: 1, total: 1 }, seed),
) as [TestPack, TestPack, TestPack, TestPack]
const SHARE_SIZE = 20_600

describe('a quota', () => {
  it('L08: that a share would exceed by one byte refuses it with numbers, and keeps what is there', async () => {
    for (const [spare, outcome] of [
      [0, 'stored'],
      [-1, 'quota'],
    ] as const) {
      const test = new TestGrid({ peers: 1 })
      const size = shareLayout({
        vault: test.vault,
        shareNumber: 0,
        manifest: one.manifestBytes,
      }).size
      const ada = new FairPerson(test, 'ada', { quota: 2 * size + spare })
      await test.tell(async () => {
        const [peer] = test.peers
        expect(await ada.put(peer!, one)).toBe('stored')
        const answer = await ada.put(peer!, two)
        expect(answer.split(':')[0]).toBe(outcome)
        if (outcome === 'quota') {
          expect(answer).toMatch(
            /quota here is 40\.\d KiB, 20\.\d KiB are kept, and 20\.\d KiB more/,
          )
          expect(answer).toContain('"cairn forget" and "cairn gc" free space')
        }
        expect(await ada.put(peer!, one)).toBe('held')
      })
    }
  })

  it('L08: of 0 takes nothing', async () => {
    const test = new TestGrid({ peers: 1 })
    const ada = new FairPerson(test, 'ada', { quota: 0 })
    await test.tell(async () => {
      expect(await ada.put(test.peers[0]!, one)).toMatch(
        /^quota: .*the quota here is 0 B, 0 B are kept/,
      )
      const status = await (await ada.session(test.peers[0]!)).status(forever)
      expect(status).toMatchObject({ used: 0, grant: 0 })
    })
  })

  it('L08: lowered below use keeps and serves every share, takes no new one, and says what is too much', async () => {
    const test = new TestGrid({ peers: 1 })
    const ada = new FairPerson(test, 'ada', { quota: 100_000 })
    await test.tell(async () => {
      const [peer] = test.peers
      for (const pack of [one, two]) expect(await ada.put(peer!, pack)).toBe('stored')
      peer!.node.shareStore.adopt(ada.vault, [one.id, two.id], 1)
      const issuedAt = peer!.machine.ports.clock.now()
      const device = peerIdOf(ada.device.publicKey)
      const lower = { vault: ada.vault, quota: 30_000, issuedAt }
      await peer!.node.roster.merge([test.admit(device, 'device', lower)])
      expect(await ada.put(peer!, three)).toMatch(/^quota/)
      const session = await ada.session(peer!)
      const { used, grant, over, now } = await session.status(forever)
      expect(grant).toBe(30_000)
      expect(over).toMatchObject({ bytes: used - 30_000 })
      expect(over!.until, 'refused already').toBeLessThanOrEqual(now)
      await peer!.machine.ports.clock.sleep(100 * DAY_MS)
      for (const pack of [one, two]) {
        const range = { pack: pack.id, shareNumber: 0, first: 0, count: 1, size: 4096 }
        expect((await session.read(range, forever)).bytes).toEqual(pack.bytes.slice(0, 4096))
      }
    })
  })
})

describe('a vault above its grant', () => {
  it('L09: stores on for 29 days, is told so, and is refused after 31; nothing goes for it', async () => {
    await withLender(async ({ test, ada }) => {
      const [peer] = test.peers
      const session = await ada.session(peer!)
      expect(await ada.put(peer!, one)).toBe('stored')
      expect(await session.status(forever)).toMatchObject({ grant: 25_000 })
      expect((await session.status(forever)).over).toBeUndefined()
      expect(await ada.put(peer!, two), 'above from now on').toBe('stored')
      peer!.node.shareStore.adopt(ada.vault, [one.id, two.id], 1)
      const { over, now } = await session.status(forever)
      expect(over!.bytes).toBeGreaterThan(2 * 20_000 - 25_000)
      expect(over!.until - now).toBeGreaterThan(29.9 * DAY_MS)
      await passDays(test, 29)
      expect(await ada.put(peer!, three)).toBe('stored')
      await passDays(test, 2)
      const refusal = await ada.put(peer!, four)
      expect(refusal).toMatch(/^quota: .*60\.\d KiB are kept here, 24\.4 KiB are granted/)
      expect(refusal).toMatch(/30 days of grace are over.*hold 0 B for others; lend more, or/)
      const later = await session.status(forever)
      expect(later.over!.since).toBeLessThan(later.now - 30 * DAY_MS)
      expect(await ada.put(peer!, one), 'what is here').toBe('held')
      peer!.node.shareStore.adopt(ada.vault, [three.id], 1)
      await passDays(test, 120)
      for (const pack of [one, two, three]) {
        const range = { pack: pack.id, shareNumber: 0, first: 0, count: 1, size: 4096 }
        expect((await session.read(range, forever)).bytes).toHaveLength(4096)
      }
    })
  })

  it('stores again once it is below, as far as it fits', async () => {
    await withLender(
      async ({ test, ada }) => {
        const [peer] = test.peers
        const { shareStore } = peer!.node
        for (const pack of [one, two, three]) await ada.put(peer!, pack)
        shareStore.adopt(ada.vault, [one.id, two.id, three.id], 1)
        await passDays(test, 32)
        expect(await ada.put(peer!, four)).toMatch(/^quota/)
        const head = { sequence: 2, id: new Uint8Array(32) }
        const release = { vault: ada.vault, certificate: ada.certificate, epoch: 1, head }
        const packs = [two.id, three.id]
        peer!.node.shareStore.release({ ...release, kind: 'release', packs })
        expect(await ada.put(peer!, four)).toBe('stored')
        expect(await ada.put(peer!, makePack(20_000, { needed: 1, total: 1 }, 9))).toMatch(/^quota/)
      },
      { floor: 2 * SHARE_SIZE },
    )
  })

  it('may store a little more all the same to say what it does without, and does not grow by that', async () => {
    await withLender(
      async ({ test, ada }) => {
        const [peer] = test.peers
        const tidy = async (seed: number) => {
          const pack = makePack(20_000, { needed: 1, total: 1 }, seed)
          const outcome = await ada.put(peer!, pack, { isTidying: true })
          peer!.node.shareStore.adopt(ada.vault, [pack.id], 1)
          return outcome
        }
        for (const pack of [one, two, three]) await ada.put(peer!, pack)
        peer!.node.shareStore.adopt(ada.vault, [one.id, two.id, three.id], 1)
        expect(await tidy(10), 'within grace').toBe('stored')
        await passDays(test, 32)
        expect(await ada.put(peer!, four)).toMatch(/^quota/)
        expect([await tidy(11), await tidy(12)]).toEqual(['stored', 'stored'])
        expect(await tidy(13)).toMatch(/^quota: .*30 days of grace are over/)
        const head = { sequence: 2, id: new Uint8Array(32) }
        const release = { vault: ada.vault, certificate: ada.certificate, epoch: 1, head }
        peer!.node.shareStore.release({ ...release, kind: 'release', packs: [one.id, two.id] })
        expect(await tidy(14), 'it came down').toBe('stored')
        expect(await tidy(15)).toBe('stored')
        expect(await tidy(16), 'and goes up from there no further').toMatch(/^quota/)
      },
      { tidySize: 2.5 * SHARE_SIZE },
    )
  })

  it('is nobody’s trouble where a peer asks nothing in return', async () => {
    const test = new TestGrid({ peers: 1 })
    const ada = new FairPerson(test, 'ada')
    await test.tell(async () => {
      const [peer] = test.peers
      for (const pack of [one, two, three]) expect(await ada.put(peer!, pack)).toBe('stored')
      const status = await (await ada.session(peer!)).status(forever)
      expect([status.grant, status.over]).toEqual([undefined, undefined])
      expect(peer!.node.fairUse.grantOf(ada.vault, undefined).bytes).toBe(Infinity)
    })
  })
})

describe('a vault whose quota is used up', () => {
  it('L08: may store a little more to say what it does without, and nothing else', async () => {
    const test = new TestGrid({ peers: 1, each: () => ({ tidySize: SHARE_SIZE }) })
    const ada = new FairPerson(test, 'ada', { quota: 1.5 * SHARE_SIZE })
    await test.tell(async () => {
      const [peer] = test.peers
      expect(await ada.put(peer!, one)).toBe('stored')
      expect(await ada.put(peer!, two)).toMatch(/^quota/)
      expect(await ada.put(peer!, two, { isTidying: true })).toBe('stored')
      expect(await ada.put(peer!, three, { isTidying: true })).toBe('stored')
      expect(await ada.put(peer!, four, { isTidying: true }), 'not for ever').toMatch(/^quota/)
    })
  })
})

describe('an account', () => {
  it('says what was held, and is signed by the peer', async () => {
    await withLender(async ({ test, ada }) => {
      const [peer] = test.peers
      await ada.put(peer!, one)
      await peer!.machine.ports.clock.sleep(10 * DAY_MS)
      const session = await ada.session(peer!)
      const account = openAccount(await session.account(ada.vault, forever))
      const { used } = await session.status(forever)
      expect(account).toMatchObject({ vault: ada.vault, peer: peer!.id, bytesHeld: used })
      expect(account.byteDays).toBeGreaterThanOrEqual(10 * used)
      expect(account.byteDays).toBeLessThan(10.1 * used)
      expect(account.until - account.since).toBeGreaterThanOrEqual(10 * DAY_MS)
      await expect(session.account(test.vault, forever)).rejects.toMatchObject({
        code: 'not-admitted',
      })
    })
  })

  it('L04: of what is in release counts no more, and every status tells so', async () => {
    await withLender(async ({ test, ada }) => {
      const [peer] = test.peers
      await ada.put(peer!, one)
      const head = { sequence: 2, id: new Uint8Array(32) }
      const release = { vault: ada.vault, certificate: ada.certificate, epoch: 1, head }
      peer!.node.shareStore.release({ ...release, kind: 'release', packs: [one.id] })
      const session = await ada.session(peer!)
      expect(openAccount(await session.account(ada.vault, forever)).bytesHeld).toBe(0)
      const status = await session.status(forever)
      expect(status.released).toBe(status.used)
      // What another device of the vault, or its owner at a restored laptop, sees.
      const [row] = peer!.node.fairUse.book()
      expect(row).toMatchObject({ vault: ada.vault, standing: { released: status.used } })
    })
  })
})

describe('credits', () => {
  it('that one peer was told reach the others, and count there two weeks later', async () => {
    await withLender(
      async ({ test, ada, ben }) => {
        const [lender, ours, far] = test.peers
        // Ben stores everywhere; ada's peer holds for him, and his device says so to one peer.
        for (const peer of test.peers) await ben.put(peer, one)
        await passDays(test, 4)
        const told = await ben.vouch(ours!)
        await ben.tell(lender!, [told])
        await passDays(test, 2)
        const grantAt = (peer = far!) => peer.node.fairUse.grantOf(ada.vault, undefined)
        expect(far!.node.fairUse.known()).toHaveLength(1)
        expect(grantAt().held, 'a newcomer').toBe(0)
        await passDays(test, 14)
        expect(grantAt().held).toBeGreaterThan(19_000)
        expect(grantAt(), 'half of 1.2 times that').toMatchObject({ by: 'held' })
        expect(grantAt().bytes).toBe(Math.floor(0.6 * grantAt().held))
      },
      { peers: 3, floor: 100, ownerOf: (index) => (index === 1 ? 'ada' : 'ben') },
    )
  })

  it('of strangers, of removed devices, about strangers, or dated ahead are not kept', async () => {
    await withLender(async ({ test, ada, ben }) => {
      const [peer] = test.peers
      await ada.put(peer!, one)
      await peer!.machine.ports.clock.sleep(DAY_MS)
      const { fairUse, roster } = peer!.node
      const now = peer!.machine.ports.clock.now()
      const ahead = await ada.vouch(peer!, { issuedAt: now + 2 * DAY_MS })
      const stranger = signingKeyFromSeed(seedOf('a stranger'))
      const span = { since: now - DAY_MS, until: now, byteDays: 100, bytesHeld: 100, capacity: 100 }
      const strange = signCredit(
        {
          account: signAccount(
            { vault: ada.vault, peer: peerIdOf(stranger.publicKey), ...span },
            stranger,
          ),
          certificate: ada.certificate,
          bytes: 1,
          passed: 1,
          failed: 0,
          issuedAt: now,
        },
        ada.device,
      )
      const flipped = (await ada.vouch(peer!)).slice()
      flipped[40]! ^= 1
      expect(fairUse.take([ahead, strange, flipped, new Uint8Array(9)])).toBe(0)
      const good = await ada.vouch(peer!)
      const issuer = peerIdOf(test.founder.publicKey)
      const common = { version: 1, grid: test.id, type: 'remove', issuer } as const
      const removal = { ...common, subject: peerIdOf(ada.device.publicKey), issuedAt: now }
      await roster.merge([signStatement(removal, test.founder)])
      expect(fairUse.take([good])).toBe(0)
      expect(fairUse.take([await ben.vouch(peer!)])).toBe(1)
    })
  })
})

describe('holdings', () => {
  it('are shown to the owner of a peer and to nobody else', async () => {
    await withLender(async ({ test, ada, ben }) => {
      const [peer] = test.peers
      await ada.put(peer!, one)
      const [holding] = await (await ben.session(peer!)).holdings(forever)
      expect(holding!.vault).toEqual(vaultIdToBytes(ada.vault))
      expect(holding!.bytes).toBeGreaterThan(20_000)
      const theirs = (await ada.session(peer!)).holdings(forever)
      await expect(theirs).rejects.toMatchObject({ code: 'not-admitted' })
    })
  })
})

describe('room that was promised', () => {
  it('W05: is free again when its upload stalls, and others get theirs meanwhile', async () => {
    const test = new TestGrid({ peers: 1, each: () => ({ capacity: 2.5 * SHARE_SIZE }) })
    const [ada, ben] = ['ada', 'ben'].map((name) => new FairPerson(test, name))
    await test.tell(async () => {
      const [peer] = test.peers
      const { clock } = peer!.machine.ports
      const stalled = await Promise.all([1, 2].map((seed) => begin(test, ada!, seed)))
      await stalled[0]!.write(new Uint8Array([0, 0]))
      expect(await ben!.put(peer!, three), 'half of the room is promised twice').toMatch(/^full/)
      await clock.sleep(61_000)
      expect(await ben!.put(peer!, three)).toBe('stored')
      expect(await ben!.put(peer!, four)).toBe('stored')
      const status = await (await ben!.session(peer!)).status(forever)
      expect(status.free).toBe(status.capacity - status.used)
    })
  })

  it('is bounded for each vault: who asks for more is told to come later, and others are served', async () => {
    const test = new TestGrid({ peers: 1 })
    const [ada, ben] = ['ada', 'ben'].map((name) => new FairPerson(test, name))
    await test.tell(async () => {
      const [peer] = test.peers
      const answers: string[] = []
      for (let count = 0; count < 6; count += 1) {
        const stream = await dial(test, ada!)
        await stream.write(encodeFrame(encodeRequest(hugePut(ada!))))
        answers.push(await answerOn(stream))
      }
      expect(answers).toEqual(['go', 'go', 'go', 'go', 'busy', 'busy'])
      const free = (await (await ben!.session(peer!)).status(forever)).free
      expect(free).toBeGreaterThanOrEqual(1e9 - PROMISED_PER_VAULT_MAX)
      expect(await ben!.put(peer!, one)).toBe('stored')
    })
  })
})

interface Scene {
  readonly test: TestGrid
  readonly ada: FairPerson
  readonly ben: FairPerson
}

/** Peers whose owner is ben unless told otherwise; ada stores there. */
async function withLender(
  story: (scene: Scene) => Promise<void>,
  options: {
    readonly peers?: number
    readonly floor?: number
    readonly tidySize?: number
    readonly ownerOf?: (index: number) => 'ada' | 'ben'
  } = {},
): Promise<void> {
  const { peers = 1, floor = 25_000, tidySize = 0, ownerOf = () => 'ben' } = options
  const people = new Map<string, FairPerson>()
  const each: GridOptions['each'] = (index) => {
    const vault = people.get(ownerOf(index))?.vault
    return { floor, tidySize, ...(vault === undefined ? {} : { vault }) }
  }
  const test = new TestGrid({ peers, each })
  for (const name of ['ada', 'ben']) people.set(name, new FairPerson(test, name))
  const [ada, ben] = [people.get('ada')!, people.get('ben')!]
  await test.tell(async () => {
    await test.world.scheduler.sleep(5000)
    await story({ test, ada, ben })
  })
}

async function dial(test: TestGrid, { device }: FairPerson): Promise<ByteStream> {
  const network = await test.laptop.ports.network(device.seed)
  const [peer] = test.peers
  return await network.dial(peer!.id, PROTOCOL, [peer!.machine.address ?? ''], forever)
}

/** Begin an upload of a small share, and send nothing of it. */
async function begin(test: TestGrid, person: FairPerson, seed: number): Promise<ByteStream> {
  const stream = await dial(test, person)
  const pack = makePack(20_000, { needed: 1, total: 1 }, seed)
  const vault = vaultIdToBytes(person.vault)
  const manifest = pack.manifestBytes
  const put = { type: 'put', vault, manifest, shareNumber: 0, bodySize: 20_000 } as const
  await stream.write(encodeFrame(encodeRequest(put)))
  expect(await answerOn(stream)).toBe('go')
  return stream
}

/** Of the largest share there is; no two are the same. */
function hugePut({ vault }: FairPerson) {
  const roots = [seedOf(`root ${Math.floor(hugePuts++)}`)]
  const sizes = { needed: 1, total: 1, size: PACK_SIZE_MAX, leafSize: 16_384 } as const
  const manifest = encodeManifest({ version: 1, ...sizes, roots })
  const names = { vault: vaultIdToBytes(vault), manifest, shareNumber: 0 }
  return { type: 'put', ...names, bodySize: PACK_SIZE_MAX } as const
}
let hugePuts = 0

async function answerOn(stream: ByteStream): Promise<string> {
  for await (const payload of decodeFrames(stream.source)) {
    const answer = decodeResponse(payload)
    return answer.type === 'error' ? answer.code : answer.type
  }
  return 'nothing'
}
