import { decodeInvite } from '../../protocol/invite.ts'
import { peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { STATEMENTS_MAX, signStatement } from '../../protocol/roster.ts'
import { describe, expect, it } from 'vitest'
import { gridFileOf, openGridLink } from '../../src/node/grid-link.ts'
import { TestVault, clientPorts, noise } from '../support/test-vault.ts'

/** Whoever has an invite fills the roster with friends that there are not. */
async function flood(vault: TestVault): Promise<void> {
  const invite = decodeInvite(vault.friends.invite)
  const key = signingKeyFromSeed(invite.secret)
  await vault.laptop.run(async (ports, signal) => {
    const keepNothing = async () => undefined
    const link = await openGridLink(
      clientPorts(ports),
      invite.secret,
      gridFileOf(invite),
      keepNothing,
    )
    const strangers = Array.from({ length: STATEMENTS_MAX }, (_, index) =>
      signStatement(
        {
          version: 1,
          grid: invite.grid,
          type: 'admit',
          subject: peerIdOf(signingKeyFromSeed(noise(32, index + 5)).publicKey),
          role: 'peer',
          issuer: peerIdOf(key.publicKey),
          issuedAt: ports.clock.now(),
        },
        key,
      ),
    )
    await link.roster.merge(strangers)
    await link.grid.syncRoster(signal)
    await link.close()
  })
}

describe('a roster that is full', () => {
  it('is told as what it is when a vault is recovered', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      vault.write('file', 'x')
      await vault.backUp()
      await flood(vault)
      await expect(vault.recoverElsewhere()).rejects.toMatchObject({ name: 'NotAdmittedError' })
    })
  }, 60_000)
})
