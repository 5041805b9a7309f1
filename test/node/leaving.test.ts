import { describe, expect, it } from 'vitest'

import { peerIdOf, type PeerId, type SigningKey } from '../../protocol/keys.ts'
import { signStatement } from '../../protocol/roster.ts'
import { PeerUnreachableError } from '../../src/base/errors.ts'
import type { EncodedPack } from '../../src/codec/encode-pack.ts'
import type { Grid } from '../../src/grid/grid.ts'
import { lookOnce, lookWhileLeaving, type LeaveProgress } from '../../src/node/leave.ts'
import { forever, makePack, TestGrid, type TestPeer } from '../support/test-grid.ts'

const HOUR_MS = 3_600_000

/** A pack on all peers but the last, adopted by a head. */
async function placed(test: TestGrid, seed: number): Promise<{ grid: Grid; pack: EncodedPack }> {
  const grid = await test.client()
  const pack = makePack(20_000, { needed: 2, total: test.peers.length - 1 }, seed)
  const held = new Map<number, PeerId>()
  for (const [share, peer] of test.peers.slice(0, -1).entries()) {
    await give(grid, test, peer, pack, share)
    held.set(share, peer.id)
  }
  await grid.publish(test.head(1), forever)
  await grid.adopt([pack.id], 1, test.vault, forever)
  return { grid, pack }
}

async function give(
  grid: Grid,
  test: TestGrid,
  { id }: TestPeer,
  { manifestBytes: manifest, pieces }: EncodedPack,
  shareNumber: number,
): Promise<void> {
  const [session] = grid.sessions([id])
  const piece = pieces[shareNumber]
  if (session === undefined || piece === undefined) throw new Error('no such peer or share')
  await session.put({ vault: test.vault, manifest, shareNumber, piece }, forever)
}

describe('a peer that leaves', () => {
  it('L11: waits until others hold what it holds, says whose is left, and goes', async () => {
    const test = new TestGrid({ peers: 5 })
    await test.tell(async () => {
      const { grid, pack } = await placed(test, 1)
      const [, leaver, , , spare] = test.peers
      const { node, machine } = leaver!
      await announce(leaver!)
      for (const peer of test.peers) {
        expect(peer.node.roster.member(leaver!.id)).toMatchObject({ isLeaving: true })
      }
      const looks = lookWhileLeaving(node, machine.ports.clock, forever)
      expect(await nextOf(looks)).toEqual({
        sharesTotal: 1,
        sharesLeft: 1,
        vaults: [{ vault: test.vault, sharesLeft: 1 }],
        peersAsked: 4,
        peersAnswered: 4,
      })
      // The owner has the share made again elsewhere.
      await give(grid, test, spare!, pack, 1)
      expect(await nextOf(looks)).toMatchObject({ sharesTotal: 1, sharesLeft: 0, vaults: [] })
      expect((await looks.next()).done).toBe(true)

      await say(leaver!, 'remove')
      for (const peer of test.peers) expect(peer.node.roster.isAdmitted(leaver!.id)).toBe(false)
      const owner = await test.client()
      await owner.syncRoster(forever)
      const location = (await owner.have([pack.id], forever)).get(pack.id)
      expect(location?.holders.get(1)).toEqual([spare!.id])
    })
  })

  it('does not count on one that leaves too, nor on one that does not answer', async () => {
    const test = new TestGrid({ peers: 4 })
    await test.tell(async () => {
      const { grid, pack } = await placed(test, 2)
      const [first, second, , spare] = test.peers
      await give(grid, test, second!, pack, 0)
      expect(await lookOnce(first!.node, forever)).toMatchObject({ sharesLeft: 0 })
      await announce(second!)
      expect(await lookOnce(first!.node, forever)).toMatchObject({ sharesLeft: 1, peersAsked: 2 })
      await give(grid, test, spare!, pack, 0)
      expect(await lookOnce(first!.node, forever)).toMatchObject({ sharesLeft: 0 })
      spare!.machine.crash()
      expect(await lookOnce(first!.node, forever)).toMatchObject({
        sharesLeft: 1,
        peersAnswered: 1,
      })
    })
  })

  it('does not wait for what no head needs', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const grid = await test.client()
      await give(grid, test, test.peers[0]!, makePack(5_000, { needed: 1, total: 2 }), 0)
      expect(await lookOnce(test.peers[0]!.node, forever)).toMatchObject({ sharesTotal: 0 })
    })
  })

  it('that founded the grid can leave as well, and the others go on', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      await say(test.peers[0]!, 'remove')
      for (const { node } of test.peers.slice(1)) {
        expect(node.roster.storagePeers().map(({ peer }) => peer)).toEqual(
          [test.peers[1]!.id, test.peers[2]!.id].toSorted(),
        )
      }
    })
  })
})

describe('a peer on vacation', () => {
  it('says until when, and that it is back', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const [, away, other] = test.peers
      const until = away!.machine.ports.clock.now() + 30 * 24 * HOUR_MS
      await announce(away!, { awayUntil: until })
      expect(other!.node.roster.member(away!.id)).toMatchObject({
        awayUntil: until,
        isLeaving: false,
      })
      await test.world.scheduler.sleep(HOUR_MS)
      await announce(away!, {})
      expect(other!.node.roster.member(away!.id)).not.toHaveProperty('awayUntil')
    })
  })
})

describe('a device that was revoked', () => {
  it('K12: publishes and stores nothing more at any peer that heard of it', async () => {
    const test = new TestGrid({ peers: 3 })
    await test.tell(async () => {
      const { grid, pack } = await placed(test, 3)
      const recovery = await test.client(test.keys.recoveryKey)
      const { roster } = recovery
      const subject = peerIdOf(test.device.publicKey)
      await roster.merge([removal(test, test.keys.recoveryKey, subject, roster.issueTime(subject))])
      await recovery.syncRoster(forever)

      const { receipts, failures } = await grid.publish(test.head(2), forever)
      expect(receipts).toEqual([])
      expect(failures).toHaveLength(3)
      await expect(give(grid, test, test.peers[2]!, pack, 1)).rejects.toThrow()
      const again = await test.client()
      const [refused] = again.sessions([test.peers[0]!.id])
      await expect(refused!.status(forever)).rejects.toThrow(PeerUnreachableError)
      // The words still open everything: heads, and with them the packs.
      const { answers } = await recovery.heads(test.vault, forever)
      expect(answers).toHaveLength(3)
    })
  })
})

function removal(test: TestGrid, key: SigningKey, subject: PeerId, issuedAt: number): Uint8Array {
  const issuer = peerIdOf(key.publicKey)
  return signStatement(
    { version: 1, grid: test.id, type: 'remove', subject, issuer, issuedAt },
    key,
  )
}

async function announce(
  { id, node }: TestPeer,
  presence: { awayUntil?: number; isLeaving?: true } = { isLeaving: true },
): Promise<void> {
  const issuedAt = node.roster.newsTime('presence', id)
  const { spreader } = node
  await spreader.say(
    [spreader.sign({ type: 'presence', subject: id, issuedAt, ...presence })],
    forever,
  )
}

async function say({ id, node }: TestPeer, type: 'remove'): Promise<void> {
  const { roster, spreader } = node
  const issuedAt = roster.issueTime(id)
  await spreader.say([spreader.sign({ type, subject: id, issuedAt })], forever)
}

async function nextOf(looks: AsyncGenerator<LeaveProgress>): Promise<LeaveProgress> {
  const { value, done } = await looks.next()
  if (done === true) throw new Error('no more looks')
  return value
}
