import { decodeInvite } from '../../protocol/invite.ts'
import { peerIdOf, signingKeyFromSeed, type SigningKey } from '../../protocol/keys.ts'
import { Roster, STATEMENTS_MAX, signStatement, type GridId } from '../../protocol/roster.ts'
import { describe, expect, it } from 'vitest'
import { gridFileOf, openGridLink } from '../../src/node/grid-link.ts'
import { comeIn, invite, peerWish } from '../support/newcomer.ts'
import { forever, TestGrid } from '../support/test-grid.ts'
import { TestVault, clientPorts, noise } from '../support/test-vault.ts'

/** Somebody fills the roster with friends that there are not, and tells everybody. */
async function flood(vault: TestVault, key: SigningKey): Promise<void> {
  const opened = decodeInvite(vault.friends.invite)
  await vault.laptop.run(async (ports, signal) => {
    const keepNothing = async () => undefined
    const link = await openGridLink(
      clientPorts(ports),
      opened.secret,
      gridFileOf(opened),
      keepNothing,
    )
    await link.roster.merge(phantoms(opened.grid, key, ports.clock.now()))
    await link.grid.syncRoster(signal)
    await link.close()
  })
}

function phantoms(grid: GridId, key: SigningKey, issuedAt: number): Uint8Array[] {
  const issuer = peerIdOf(key.publicKey)
  const common = { version: 1, grid, type: 'admit', role: 'peer', issuer, issuedAt } as const
  return Array.from({ length: STATEMENTS_MAX }, (_, index) => {
    const subject = peerIdOf(signingKeyFromSeed(noise(32, index + 5)).publicKey)
    return signStatement({ ...common, subject }, key)
  })
}

describe('a roster', () => {
  it('has room for everybody else, whatever the holder of one invite fills it with', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      vault.write('file', 'x')
      await vault.backUp()
      await flood(vault, signingKeyFromSeed(decodeInvite(vault.friends.invite).secret))
      await expect(vault.recoverElsewhere()).resolves.toBeDefined()
    })
  }, 60_000)

  it('that is full is told as what it is when a vault is recovered', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      vault.write('file', 'x')
      await vault.backUp()
      await flood(vault, vault.friends.all[0]!.key)
      await expect(vault.recoverElsewhere()).rejects.toMatchObject({ name: 'NotAdmittedError' })
    })
  }, 60_000)

  it('that a member fills with what strangers say still tells who is there', async () => {
    const test = new TestGrid({ peers: 3 })
    const house = test.world.addMachine('house')
    await test.tell(async () => {
      const [first, inviter] = test.peers
      const words = strangers(test.id, 1000)
      for (const peer of test.peers) await peer.node.roster.merge(words)
      // A friend who was away hears of the newcomer, and the newcomer of everybody.
      const laptop = await test.client()
      const { code } = await invite(inviter!, { isAutomatic: true })
      const wish = peerWish('Ann’s NAS', house)
      const { statements } = await comeIn(house, code, wish).joined
      expect(rosterOf(test.id, statements).isAdmitted(first!.id, 0)).toBe(true)
      await laptop.syncRoster(forever)
      expect(laptop.roster.isAdmitted(wish.peer)).toBe(true)
    })
  })
})

/** Four times what one message carries. */
function strangers(grid: GridId, count: number): Uint8Array[] {
  const addresses = Array.from({ length: 16 }, (_, index) => `/${index}`.padEnd(256, '-'))
  return Array.from({ length: count }, (_, index) => {
    const key = signingKeyFromSeed(noise(32, index + 5))
    const subject = peerIdOf(key.publicKey)
    const own = { version: 1, grid, type: 'addresses', subject, issuer: subject } as const
    return signStatement({ ...own, issuedAt: 1, addresses }, key)
  })
}

function rosterOf(grid: GridId, statements: readonly Uint8Array[]): Roster {
  const roster = new Roster(grid)
  for (const statement of statements) roster.add(statement)
  return roster
}
