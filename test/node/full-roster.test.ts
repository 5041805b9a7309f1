import { decodeInvite } from '../../protocol/invite.ts'
import { peerIdOf, signingKeyFromSeed, type SigningKey } from '../../protocol/keys.ts'
import { STATEMENTS_MAX, signStatement, type GridId } from '../../protocol/roster.ts'
import { describe, expect, it } from 'vitest'
import { gridFileOf, openGridLink } from '../../src/node/grid-link.ts'
import { TestVault, clientPorts, noise } from '../support/test-vault.ts'

/** Somebody fills the roster with friends that there are not, and tells everybody. */
async function flood(vault: TestVault, key: SigningKey): Promise<void> {
  const invite = decodeInvite(vault.friends.invite)
  await vault.laptop.run(async (ports, signal) => {
    const keepNothing = async () => undefined
    const link = await openGridLink(
      clientPorts(ports),
      invite.secret,
      gridFileOf(invite),
      keepNothing,
    )
    await link.roster.merge(phantoms(invite.grid, key, ports.clock.now()))
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
})
