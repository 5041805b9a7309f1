import { describe, expect, it } from 'vitest'

import { vaultIdFromBytes } from '../../protocol/ids.ts'
import {
  deriveVaultKeys,
  peerIdOf,
  signingKeyFromSeed,
  type SigningKey,
  type VaultKeys,
} from '../../protocol/keys.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import { grantFor } from '../support/repair-caps.ts'
import { forever, makePack, seedOf, TestGrid, type TestPeer } from '../support/test-grid.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const pack = makePack(40_000, { needed: 1, total: 1 })
const more = makePack(40_000, { needed: 1, total: 1 }, 2)
const helper = signingKeyFromSeed(seedOf('a helper'))
const neighbour = signingKeyFromSeed(seedOf('another laptop'))
const neighbourVault = vaultIdFromBytes(deriveVaultKeys(seedOf('another vault')).vaultKey.publicKey)

describe('a vault whose owner is offline', () => {
  it('L01: for 35 days loses nothing of what a head adopted', async () => {
    await withPeer(async ({ test, peer }) => {
      await pass(test, peer, 35)
      await wantRoom(test)
      expect(peer.node.shareStore.have(pack.id)).toEqual([0])
    })
  })

  it('L01: for 410 days keeps it while nobody needs the room', async () => {
    await withPeer(async ({ test, peer }) => {
      await pass(test, peer, 410)
      expect(peer.node.shareStore.have(pack.id)).toEqual([0])
      const owner = await sessionOf(test, test.device)
      const { helpers } = await owner.status(forever)
      expect(helpers).toBeUndefined()
      // Back within the grace: nobody may take the room from now on.
      await wantRoom(test)
      expect(peer.node.shareStore.have(pack.id)).toEqual([0])
    })
  })

  it('L01: for 410 days gives way to others who need the room', async () => {
    await withPeer(async ({ test, peer }) => {
      await pass(test, peer, 410)
      expect(await wantRoom(test)).toBe('stored')
      expect(peer.node.shareStore.have(pack.id)).toEqual([])
    })
  })

  it('L01: and for which a helper is heard keeps its room, however long it takes', async () => {
    await withPeer(async ({ test, peer }) => {
      const { clock } = test.laptop.ports
      const session = await sessionOf(test, helper)
      for (let day = 0; day < 800; day += 200) {
        await pass(test, peer, 200)
        const issuedAt = clock.now()
        const asked = { keys: test.keys, peer: peerIdOf(helper.publicKey), issuedAt }
        await session.renew(grantFor(asked), forever)
      }
      await pass(test, peer, 200)
      expect(await wantRoom(test)).toBe('full')
      expect(peer.node.shareStore.have(pack.id)).toEqual([0])
    })
  })
})

describe('a vault that a helper makes up', () => {
  it('leaves nothing behind where it keeps nothing, and has nobody in the grid', async () => {
    await withPeer(async ({ test, peer }) => {
      const session = await sessionOf(test, helper)
      const issuedAt = test.laptop.ports.clock.now()
      const asked = { peer: peerIdOf(helper.publicKey), issuedAt }
      const keys = deriveVaultKeys(seedOf('a vault of nobody'))
      await session.renew(grantFor({ ...asked, keys }), forever)
      await session.renew(grantFor({ ...asked, keys: test.keys }), forever)
      const { leases } = peer.node.shareStore
      const leaseOf = ({ vaultKey }: VaultKeys) => leases.get(vaultIdFromBytes(vaultKey.publicKey))
      expect(leaseOf(keys)).toBeUndefined()
      expect(leases.helpers.of(vaultIdFromBytes(keys.vaultKey.publicKey))).toEqual([])
      expect(leaseOf(test.keys)).toBeDefined()
    })
  })
})

/** One peer that is full with what the vault's laptop stored, published and adopted. */
async function withPeer(
  story: (scene: { readonly test: TestGrid; readonly peer: TestPeer }) => Promise<void>,
): Promise<void> {
  const test = new TestGrid({ peers: 1, each: () => ({ capacity: 60_000 }) })
  test.admit(peerIdOf(helper.publicKey), 'peer')
  test.admit(peerIdOf(neighbour.publicKey), 'device', { vault: neighbourVault })
  await test.tell(async () => {
    const [peer] = test.peers
    const owner = await sessionOf(test, test.device)
    const share = { vault: test.vault, manifest: pack.manifestBytes, shareNumber: 0 }
    await owner.put({ ...share, piece: pack.pieces[0]! }, forever)
    await owner.publish(test.head(1), forever)
    await owner.adopt(test.vault, [pack.id], 1, forever)
    await story({ test, peer: peer! })
  })
}

/** Days pass, of which the peer's own age counts two at a time: in between nothing happens. */
async function pass(test: TestGrid, { node }: TestPeer, days: number): Promise<void> {
  for (let left = days; left > 0; left -= 2) {
    test.world.scheduler.skip(Math.min(2, left) * DAY_MS)
    node.shareStore.ages.check()
  }
  await test.laptop.ports.clock.sleep(2 * HOUR_MS)
}

/** Another vault asks for more than is left. */
async function wantRoom(test: TestGrid): Promise<string> {
  const session = await sessionOf(test, neighbour)
  const share = { vault: neighbourVault, manifest: more.manifestBytes, shareNumber: 0 }
  try {
    return await session.put({ ...share, piece: more.pieces[0]! }, forever)
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}

async function sessionOf(test: TestGrid, key: SigningKey): Promise<PeerSession> {
  const { clock, network } = test.laptop.ports
  const [peer] = test.peers
  const addresses = () => [peer!.machine.address ?? '']
  return new PeerSession(peer!.id, { network: await network(key.seed), clock, addresses })
}
