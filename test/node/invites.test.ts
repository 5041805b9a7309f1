import { describe, expect, it } from 'vitest'

import { decodeInviteCode, codeIdentity, encodeInviteCode } from '../../protocol/invite-code.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import {
  encodeWish,
  joinProof,
  joinWords,
  type DeviceWish,
  type Wish,
} from '../../protocol/join.ts'
import {
  deriveVaultKeys,
  issueCertificate,
  peerIdOf,
  publicKeyOf,
  type PeerId,
} from '../../protocol/keys.ts'
import { PeerUnreachableError } from '../../src/base/errors.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import { InviteExpiredError } from '../../src/node/grid-link.ts'
import { CONFIRM_MS_MAX, InviteOverError, NotConfirmedError } from '../../src/node/join-by-code.ts'
import { INVITES_OPEN_MAX } from '../../src/peer/invite-desk.ts'
import type { Machine } from '../../sim/machine.ts'
import {
  comeIn,
  DAY_MS,
  decide,
  deviceWish,
  invite,
  keyOf,
  knowing,
  peerWish,
  seen,
} from '../support/newcomer.ts'
import { forever, seedOf, TestGrid, type TestPeer } from '../support/test-grid.ts'

interface Scene {
  readonly test: TestGrid
  readonly inviter: TestPeer
  /** The newcomer's machine. */
  readonly house: Machine
}

/** Three peers, and somebody at the door. The inviter is not the founder. */
async function scene(story: (scene: Scene) => Promise<void>): Promise<void> {
  const test = new TestGrid({ peers: 3 })
  const house = test.world.addMachine('house')
  await test.tell(async () => {
    // What everybody says at start has been said.
    await test.world.scheduler.sleep(60_000)
    await story({ test, inviter: test.peers[1]!, house })
  })
}

describe('an invite code', () => {
  it('brings in a peer once the inviter confirms, and the same words are shown on both sides', async () => {
    await scene(async ({ test, inviter, house }) => {
      const { id, code } = await invite(inviter, { domain: 'Ann’s house' })
      const wish = peerWish('Ann’s NAS', house)
      const coming = comeIn(house, code, wish)
      const shown = await decide(inviter.node, id, true)
      expect(await coming.words).toEqual(shown)
      expect(shown).toHaveLength(6)
      const { grid, statements } = await coming.joined
      expect(grid).toBe(test.id)
      expect(statements.length).toBeGreaterThan(3)
      expect(inviter.node.roster.member(wish.peer)).toMatchObject({
        role: 'peer',
        name: 'Ann’s NAS',
        domain: 'Ann’s house',
        addresses: wish.addresses,
      })
      // Whoever is told that it is in finds that all who are there know.
      expect(knowing(test, wish)).toBe(3)
    })
  })

  it('brings in a vault: its device with the quota, and its recovery identity without one', async () => {
    await scene(async ({ test, inviter, house }) => {
      const { id, code } = await invite(inviter, { quota: 50e9 })
      const wish = deviceWish('Ben’s laptop')
      const coming = comeIn(house, code, wish)
      await decide(inviter.node, id, true)
      await coming.joined
      const { roster } = test.peers[2]!.node
      expect(roster.member(wish.device)).toMatchObject({
        role: 'device',
        vault: wish.vault,
        quota: 50e9,
      })
      expect(roster.member(wish.recovery)).toMatchObject({ role: 'recovery', vault: wish.vault })
      expect(roster.member(wish.recovery)).not.toHaveProperty('quota')
    })
  })

  it('lets in without a question where the inviter said so', async () => {
    await scene(async ({ inviter, house }) => {
      const { code } = await invite(inviter, { isAutomatic: true })
      const wish = peerWish('Ann’s NAS', house)
      await comeIn(house, code, wish).joined
      expect(inviter.node.roster.isAdmitted(wish.peer)).toBe(true)
    })
  })

  it('shows the inviter other words where somebody else got hold of it first', async () => {
    await scene(async ({ test, inviter, house }) => {
      const { id, code } = await invite(inviter)
      const friend = peerWish('friend', house)
      const thief = test.world.addMachine('thief')
      const stolen = comeIn(thief, code, peerWish('thief', thief))
      const { newcomer } = await seen(inviter.node, id)
      expect(await stolen.words).toEqual(newcomer?.words)

      await expect(comeIn(house, code, friend).joined).rejects.toMatchObject({ state: 'used' })
      const shared = { ...decodeInviteCode(code), inviter: inviter.id }
      expect(joinWords(shared, friend)).not.toEqual(newcomer?.words)
      expect(inviter.node.invites.find(id)).toMatchObject({ others: 1 })

      await inviter.node.invites.decide(id, false)
      await expect(stolen.joined).rejects.toMatchObject({ state: 'refused' })
      expect(inviter.node.roster.members()).toHaveLength(5)
    })
  })

  it('N06: with a wrong secret is burnt at the first guess; both sides are told, the roster is unchanged', async () => {
    await scene(async ({ test, inviter, house }) => {
      const { id, code } = await invite(inviter)
      const before = inviter.node.roster.statements()
      const guess = { ...decodeInviteCode(code), secret: new Uint8Array(16) }
      const wish = peerWish('Ann’s NAS', house)
      const guessing = comeIn(house, encodeInviteCode(guess), wish)
      await expect(guessing.joined).rejects.toThrow(InviteOverError)
      await expect(guessing.joined).rejects.toMatchObject({ state: 'burnt' })
      expect(await seen(inviter.node, id)).toMatchObject({ state: 'burnt' })
      // The right one is worth nothing any more, and neither is a second guess.
      for (const text of [code, encodeInviteCode(guess)]) {
        await expect(comeIn(house, text, wish).joined).rejects.toMatchObject({ state: 'burnt' })
      }
      expect(inviter.node.roster.statements()).toEqual(before)
      expect(knowing(test, wish)).toBe(0)
    })
  })

  it('N06: that was used is refused to others, before and after the newcomer is in', async () => {
    await scene(async ({ test, inviter, house }) => {
      const { id, code } = await invite(inviter)
      const coming = comeIn(house, code, peerWish('first', house))
      await seen(inviter.node, id)
      const other = test.world.addMachine('other')
      await expect(comeIn(other, code, peerWish('second')).joined).rejects.toThrow('was used')
      await inviter.node.invites.decide(id, true)
      await coming.joined
      const late = comeIn(other, code, peerWish('second'))
      await expect(late.joined).rejects.toMatchObject({ name: 'InviteOverError', state: 'used' })
      expect(knowing(test, peerWish('second'))).toBe(0)
      expect(inviter.node.invites.find(id)).toMatchObject({ state: 'admitted' })
    })
  })

  it('N06: that expired is refused, by the inviter’s clock', async () => {
    await scene(async ({ test, inviter, house }) => {
      const { id, code } = await invite(inviter)
      await house.ports.clock.sleep(DAY_MS)
      const wish = peerWish('late', house)
      await expect(comeIn(house, code, wish).joined).rejects.toThrow(InviteExpiredError)
      expect(inviter.node.invites.find(id)).toMatchObject({ state: 'expired' })
      expect(await inviter.node.invites.decide(id, true)).toBe(false)
      expect(knowing(test, wish)).toBe(0)
    })
  })

  it('N06: that expires while somebody waits lets them in no more', async () => {
    await scene(async ({ inviter, house }) => {
      const expiresAt = inviter.machine.ports.clock.now() + 60_000
      const { id, code } = await invite(inviter, { expiresAt })
      const coming = comeIn(house, code, peerWish('late', house))
      await coming.words
      await expect(coming.joined).rejects.toThrow(InviteExpiredError)
      expect(await inviter.node.invites.decide(id, true)).toBe(false)
    })
  })

  it('N05: opens the gate to one identity, and to one question', async () => {
    await scene(async ({ test, inviter, house }) => {
      const session = async (seed: Uint8Array) => {
        const { clock, network } = house.ports
        const addresses = () => inviter.node.roster.addresses(inviter.id)
        return new PeerSession(inviter.id, { network: await network(seed), clock, addresses })
      }
      const { code } = await invite(inviter)
      const guest = codeIdentity(decodeInviteCode(code).id)
      const known = await session(guest.seed)
      await expect(known.status(forever)).rejects.toMatchObject({ code: 'not-admitted' })
      await expect(known.roster([], forever)).rejects.toMatchObject({ code: 'not-admitted' })
      await expect(known.news([], forever)).rejects.toMatchObject({ code: 'not-admitted' })
      const stranger = await session(keyOf('a stranger').seed)
      await expect(stranger.status(forever)).rejects.toThrow(PeerUnreachableError)
      // At other peers the guest is a stranger like any.
      expect(test.peers[0]!.node.roster.isAdmitted(peerIdOf(guest.publicKey))).toBe(false)
      expect(test.peers[0]!.node.invites.isGuest(peerIdOf(guest.publicKey))).toBe(false)
    })
  })

  it('is answered the same after a crash: before the friend was confirmed, and after', async () => {
    await scene(async ({ test, inviter, house }) => {
      const { id, code } = await invite(inviter)
      const wish = peerWish('Ann’s NAS', house)
      const coming = comeIn(house, code, wish)
      const words = await coming.words
      const restart = async () => {
        inviter.machine.crash('power')
        inviter.machine.boot()
        await inviter.restart()
      }
      await restart()
      expect(inviter.node.invites.find(id)).toMatchObject({ state: 'waiting' })
      expect(await decide(inviter.node, id, true)).toEqual(words)
      await coming.joined

      await restart()
      expect(inviter.node.roster.isAdmitted(wish.peer)).toBe(true)
      await expect(comeIn(house, code, { ...wish, addresses: [] }).joined).resolves.toBeDefined()
      const other = comeIn(test.world.addMachine('other'), code, peerWish('second'))
      await expect(other.joined).rejects.toMatchObject({ state: 'used' })
    })
  })

  it('that was used is used, wherever the power failed', async () => {
    for (let step = 1; step <= 12; step += 1) {
      await scene(async ({ test, inviter, house }) => {
        const { id, code } = await invite(inviter, { isAutomatic: true })
        const wish = peerWish('Ann’s NAS', house)
        const { diskTrouble } = inviter.machine
        const last = diskTrouble.steps + step
        diskTrouble.onStep = ({ index }) => (index === last ? 'cut' : 'pass')
        const coming = comeIn(house, code, wish)
        await Promise.race([coming.joined.catch(() => undefined), house.ports.clock.sleep(30_000)])
        if (!inviter.machine.isUp) {
          diskTrouble.onStep = undefined
          inviter.machine.boot()
          await inviter.restart()
        }
        const isForgotten = inviter.node.invites.find(id)?.state === 'open'
        const other = comeIn(test.world.addMachine('other'), code, peerWish('second'))
        if (isForgotten) await other.joined
        else {
          // The first stays the first, and is let in.
          await expect(other.joined).rejects.toMatchObject({ state: 'used' })
          await comeIn(house, code, wish).joined
        }
        expect(inviter.node.roster.isAdmitted(wish.peer)).toBe(!isForgotten)
      })
    }
  })

  it('is waited for, and the wait ends', async () => {
    await scene(async ({ inviter, house }) => {
      const { id, code } = await invite(inviter)
      const coming = comeIn(house, code, peerWish('patient', house))
      await expect(coming.joined).rejects.toThrow(NotConfirmedError)
      expect(house.ports.clock.monotonic()).toBeGreaterThanOrEqual(CONFIRM_MS_MAX)
      // Nothing is lost: the same command goes on.
      const again = comeIn(house, code, peerWish('patient', house))
      await decide(inviter.node, id, true)
      await again.joined
    })
  }, 20_000)

  it('says so when the inviter is not there', async () => {
    await scene(async ({ inviter, house }) => {
      const { code } = await invite(inviter)
      inviter.machine.crash()
      const coming = comeIn(house, code, peerWish('early', house))
      await expect(coming.joined).rejects.toThrow(PeerUnreachableError)
      await expect(coming.joined).rejects.toThrow('does not answer')
    })
  })

  it('lets no device back in that another one of its vault replaced', async () => {
    await scene(async ({ test, inviter, house }) => {
      const client = await test.client()
      await client.publish(test.head(1, { epoch: 2 }), forever)
      const { code } = await invite(inviter, { isAutomatic: true })
      const stolen = comeIn(house, code, deviceOf(test, 1))
      await expect(stolen.joined).rejects.toMatchObject({ state: 'refused' })
      await comeIn(house, code, deviceOf(test, 2)).joined
    })
  })
})

describe('a newcomer who names others for himself', () => {
  const thief = deviceWish('thief')

  it('is refused where they are members, and what they are does not change', async () => {
    await scene(async ({ test, inviter, house }) => {
      const laptop = peerIdOf(test.device.publicKey)
      const [founder, , other] = test.peers
      const keys = deriveVaultKeys(seedOf('vault of thief'))
      const asDevice = (key: PeerId): DeviceWish => {
        const device = deviceIdFromBytes(publicKeyOf(key))
        const certificate = issueCertificate(keys.vaultKey, { device, epoch: 1, issuedAt: 1 })
        return { ...thief, device: key, certificate }
      }
      const asPeer = { as: 'peer', addresses: ['/trap'], name: 'trap', domain: 'trap' } as const
      const wishes: Wish[] = [
        { ...asPeer, peer: laptop },
        { ...asPeer, peer: other!.id, vault: thief.vault },
        { ...asPeer, peer: inviter.id, vault: thief.vault },
        asDevice(founder!.id),
        asDevice(other!.id),
        asDevice(laptop),
        { ...thief, recovery: other!.id },
      ]
      const before = inviter.node.roster.members()
      for (const wish of wishes) {
        const { id, code } = await invite(inviter, { isAutomatic: true })
        const coming = comeIn(house, code, wish)
        await expect(coming.joined).rejects.toMatchObject({ state: 'refused' })
        expect(inviter.node.invites.find(id)).toMatchObject({ state: 'open' })
      }
      expect(inviter.node.roster.members()).toEqual(before)
    })
  })

  it('changes neither name, nor domain, nor addresses of a peer that is in', async () => {
    await scene(async ({ test, inviter, house }) => {
      const { peer, ...known } = inviter.node.roster.member(test.peers[2]!.id)!
      const { code } = await invite(inviter, { isAutomatic: true })
      const said = { name: 'trap', domain: 'trap', addresses: ['/trap'] }
      await comeIn(house, code, { as: 'peer', peer, ...said }).joined
      expect(inviter.node.roster.member(peer)).toEqual({ peer, ...known })
    })
  })

  it('is refused where they came in while he waited', async () => {
    await scene(async ({ test, inviter, house }) => {
      const wish = { ...peerWish('Ann’s NAS', house), domain: 'trap' }
      const { id, code } = await invite(inviter)
      const coming = comeIn(house, code, { ...wish, vault: thief.vault })
      await coming.words
      const honest = await invite(inviter, { isAutomatic: true })
      await comeIn(test.world.addMachine('Ann’s'), honest.code, wish).joined
      const before = inviter.node.roster.member(wish.peer)
      await inviter.node.invites.decide(id, true)
      await expect(coming.joined).rejects.toMatchObject({ state: 'refused' })
      expect(inviter.node.roster.member(wish.peer)).toEqual(before)
    })
  })
})

/** A device of the test's vault, certified at this epoch. */
function deviceOf({ keys, vault }: TestGrid, epoch: number): DeviceWish {
  const { publicKey } = keyOf(`device of epoch ${epoch}`)
  const device = deviceIdFromBytes(publicKey)
  return {
    as: 'device',
    device: peerIdOf(publicKey),
    recovery: peerIdOf(keys.recoveryKey.publicKey),
    vault,
    certificate: issueCertificate(keys.vaultKey, { device, epoch, issuedAt: 1 }),
  }
}

describe('a desk full of invites', () => {
  it('gives no more, until one is taken back', async () => {
    await scene(async ({ inviter }) => {
      const made = []
      for (let count = 0; count < INVITES_OPEN_MAX; count += 1) made.push(await invite(inviter))
      await expect(invite(inviter)).rejects.toThrow('32 invites are open')
      await inviter.node.invites.decide(made[0]!.id, false)
      await invite(inviter)
      expect(inviter.node.invites.list()).toHaveLength(33)
    })
  })

  it('answers a wish that is none, and an id that is another’s, and stays open', async () => {
    await scene(async ({ inviter, house }) => {
      const { id, code } = await invite(inviter)
      const opened = decodeInviteCode(code)
      const { clock, network } = house.ports
      const session = new PeerSession(inviter.id, {
        network: await network(codeIdentity(opened.id).seed),
        clock,
        addresses: () => opened.addresses,
      })
      const nonsense = new Uint8Array(50)
      const proof = joinProof(opened, nonsense)
      await expect(
        session.join({ invite: opened.id, wish: nonsense, proof }, forever),
      ).rejects.toMatchObject({ code: 'bad-request' })
      const wish = encodeWish(peerWish('Ann’s NAS', house))
      const other = new Uint8Array(16)
      await expect(
        session.join(
          { invite: other, wish, proof: joinProof({ ...opened, id: other }, wish) },
          forever,
        ),
      ).rejects.toMatchObject({ code: 'bad-request' })
      expect(inviter.node.invites.find(id)).toMatchObject({ state: 'open' })
    })
  })
})
