import { describe, expect, it } from 'vitest'

import { vaultIdFromBytes } from '../../protocol/ids.ts'
import {
  deriveVaultKeys,
  peerIdOf,
  signingKeyFromSeed,
  type SigningKey,
} from '../../protocol/keys.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import { GRANT_SKEW_MS } from '../../src/peer/repair-grants.ts'
import { flip } from '../vectors/format.ts'
import { grantFor, type GrantOptions } from '../support/repair-caps.ts'
import { forever, makePack, seedOf, TestGrid, type TestPeer } from '../support/test-grid.ts'

const pack = makePack(40_000, { needed: 2, total: 3 })
const otherKeys = deriveVaultKeys(seedOf('another vault'))
const helper = signingKeyFromSeed(seedOf('a helper'))
const bystander = signingKeyFromSeed(seedOf('a bystander'))
const VAULT = vaultIdFromBytes(deriveVaultKeys(seedOf('a vault')).vaultKey.publicKey)
const OTHER_VAULT = vaultIdFromBytes(otherKeys.vaultKey.publicKey)
const DAY_MS = 86_400_000

describe('a helper with a repair grant', () => {
  it('renews the lease, and is told to the vault’s owner', async () => {
    await withPeer(async ({ test, peer, session, ask }) => {
      const owner = await sessionOf(test, test.device)
      await owner.put(share(0), forever)
      const { clock } = peer.machine.ports
      await clock.sleep(3 * DAY_MS)
      peer.node.shareStore.ages.check()
      const before = peer.node.shareStore.leases.get(test.vault)!.renewedAge
      await session.renew(grantFor(ask()), forever)
      const after = peer.node.shareStore.leases.get(test.vault)!.renewedAge
      expect(after).toBeGreaterThan(before)
      const { helpers } = await owner.status(forever)
      expect(helpers).toEqual([{ peer: helper.publicKey, at: expect.any(Number) }])
      expect(Math.abs(helpers![0]!.at - clock.now())).toBeLessThan(60_000)
    })
  })

  it('puts shares that match their manifest, and no others', async () => {
    await withPeer(async ({ peer, session, ask }) => {
      const repair = grantFor(ask())
      const wrong = pack.pieces[1]!.slice()
      wrong[5]! ^= 1
      const refused = session.put({ ...share(0), piece: wrong, repair }, forever)
      await expect(refused).rejects.toMatchObject({ code: 'bad-request' })
      expect(await session.put({ ...share(1), repair }, forever)).toBe('stored')
      expect(await session.put({ ...share(1), repair }, forever)).toBe('held')
      expect(peer.node.shareStore.have(pack.id)).toEqual([1])
    })
  })

  it('fills no more than the vault’s own quota', async () => {
    await withPeer(
      async ({ test, session, ask }) => {
        const owner = await sessionOf(test, test.device)
        await owner.put(share(0), forever)
        const repair = grantFor(ask())
        const refused = session.put({ ...share(1), repair }, forever)
        await expect(refused).rejects.toMatchObject({ code: 'quota' })
      },
      { quota: 25_000 },
    )
  })

  it('brings nothing for a vault that has no device in the grid', async () => {
    await withPeer(async ({ session, ask }) => {
      const vault = ask({ keys: otherKeys })
      const put = { ...share(0), vault: OTHER_VAULT, repair: grantFor(vault) }
      await expect(session.put(put, forever)).rejects.toMatchObject({ code: 'quota' })
    })
  })

  it('adopts for the heads that are kept here, and for none beyond', async () => {
    await withPeer(async ({ test, peer, session, ask }) => {
      const owner = await sessionOf(test, test.device)
      await owner.put(share(0), forever)
      for (const sequence of [1, 2]) await owner.publish(test.chained(sequence), forever)
      const repair = grantFor(ask())
      expect(await session.adopt(test.vault, [pack.id], 2 ** 40, forever, repair)).toBe(1)
      const key = { vault: test.vault, pack: pack.id, shareNumber: 0 }
      expect(peer.node.shareStore.account(key)).toMatchObject({ adoptedBy: 2, keptBy: 2 })
      await owner.publish(test.chained(3), forever)
      const { count } = await owner.release(test.release(3, { packs: [pack.id] }), forever)
      expect(count, 'the helper keeps nothing from being released').toBe(1)
    })
  })

  it('takes no share out of release that a later head does without', async () => {
    await withPeer(async ({ test, peer, session, ask }) => {
      const owner = await sessionOf(test, test.device)
      await owner.put(share(0), forever)
      for (const sequence of [1, 2, 3]) await owner.publish(test.chained(sequence), forever)
      await owner.adopt(test.vault, [pack.id], 1, forever)
      await owner.release(test.release(3, { packs: [pack.id] }), forever)
      await session.adopt(test.vault, [pack.id], 2, forever, grantFor(ask()))
      const key = { vault: test.vault, pack: pack.id, shareNumber: 0 }
      expect(peer.node.shareStore.account(key)?.release).toMatchObject({ sequence: 3 })
    })
  })
})

describe('a repair grant', () => {
  it('K07: counts for the peer that it names and for no other', async () => {
    await withPeer(async ({ test, ask }) => {
      const other = await sessionOf(test, bystander)
      const repair = grantFor(ask())
      const code = { code: 'not-admitted' }
      await expect(other.renew(repair, forever)).rejects.toMatchObject(code)
      await expect(other.put({ ...share(0), repair }, forever)).rejects.toMatchObject(code)
    })
  })

  it('counts for its own vault and for no other', async () => {
    await withPeer(async ({ session, ask }) => {
      const repair = grantFor(ask({ keys: otherKeys }))
      const code = { code: 'not-admitted' }
      await expect(session.put({ ...share(0), repair }, forever)).rejects.toMatchObject(code)
    })
  })

  it('gives nothing to a device, an invite, or a stranger to the grid', async () => {
    await withPeer(async ({ test, ask }) => {
      const device = await sessionOf(test, test.device)
      const repair = grantFor(ask({ peer: peerIdOf(test.device.publicKey) }))
      const code = { code: 'not-admitted' }
      await expect(device.renew(repair, forever)).rejects.toMatchObject(code)
      await expect(device.put({ ...share(0), repair }, forever)).rejects.toMatchObject(code)
    })
  })

  it('ends by the peer’s clock, with a day for clocks that differ', async () => {
    await withPeer(async ({ peer, session, ask }) => {
      const { clock } = peer.machine.ports
      const repair = grantFor(ask({ expiresAt: clock.now() + DAY_MS }))
      await clock.sleep(DAY_MS + GRANT_SKEW_MS - 60_000)
      await session.renew(repair, forever)
      await clock.sleep(120_000)
      await expect(session.renew(repair, forever)).rejects.toMatchObject({ code: 'not-admitted' })
    })
  })

  it('of a device that was replaced is refused, once the new one has published', async () => {
    await withPeer(async ({ test, session, ask }) => {
      const owner = await sessionOf(test, test.device)
      const old = grantFor(ask({ epoch: 1 }))
      await session.renew(old, forever)
      await owner.publish(test.head(1, { epoch: 2 }), forever)
      await expect(session.renew(old, forever)).rejects.toMatchObject({ code: 'stale-head' })
      await session.renew(grantFor(ask({ epoch: 2 })), forever)
    })
  })

  it('that somebody changed is refused, and the stream goes on', async () => {
    await withPeer(async ({ session, ask }) => {
      const repair = grantFor(ask())
      const refused = session.renew(flip(repair, -1), forever)
      await expect(refused).rejects.toMatchObject({ code: 'bad-signature' })
      const none = session.renew(new Uint8Array(40), forever)
      await expect(none).rejects.toMatchObject({ code: 'bad-request' })
      await session.renew(repair, forever)
    })
  })

  it('L04: lets nobody publish, release or cancel', async () => {
    await withPeer(async ({ test, session }) => {
      const code = { code: 'not-admitted' }
      await expect(session.publish(test.head(1), forever)).rejects.toMatchObject(code)
      for (const kind of ['release', 'cancel'] as const) {
        await expect(session.release(test.release(1, { kind }), forever)).rejects.toMatchObject(
          code,
        )
      }
    })
  })
})

interface Scene {
  readonly test: TestGrid
  readonly peer: TestPeer
  /** The helper's. */
  readonly session: PeerSession
  /** What a good grant says, with changes. */
  readonly ask: (changes?: Partial<GrantOptions>) => GrantOptions
}

async function withPeer(
  story: (scene: Scene) => Promise<void>,
  options: { readonly quota?: number } = {},
): Promise<void> {
  const test = new TestGrid({ peers: 1, ...options })
  for (const key of [helper, bystander]) test.admit(peerIdOf(key.publicKey), 'peer')
  await test.tell(async () => {
    const [peer] = test.peers
    const session = await sessionOf(test, helper)
    const ask = (changes: Partial<GrantOptions> = {}): GrantOptions => ({
      keys: test.keys,
      peer: peerIdOf(helper.publicKey),
      issuedAt: peer!.machine.ports.clock.now(),
      ...changes,
    })
    await story({ test, peer: peer!, session, ask })
  })
}

/** Somebody's session with the one peer there is. */
async function sessionOf(test: TestGrid, key: SigningKey): Promise<PeerSession> {
  const { clock, network } = test.laptop.ports
  const [peer] = test.peers
  const addresses = () => [peer!.machine.address ?? '']
  return new PeerSession(peer!.id, { network: await network(key.seed), clock, addresses })
}

function share(shareNumber: number) {
  const { manifestBytes: manifest, pieces } = pack
  return { vault: VAULT, manifest, shareNumber, piece: pieces[shareNumber]! }
}
