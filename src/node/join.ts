/**
 * Joining: with an invite's identity, have the grid admit this device and the vault's recovery.
 */

import { peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { PeerUnreachableError } from '../base/errors.ts'
import type { GridFile } from '../store/grid-file.ts'
import type { Keyring } from '../store/keyring.ts'
import type { ClientPorts } from './client-ports.ts'
import { admission, gridFileOf, openGridLink, readInvite } from './grid-link.ts'

/**
 * @returns the grid with its roster, the new admissions among it, to be kept in the home
 * @throws {InviteExpiredError}
 * @throws {PeerUnreachableError} no peer of the grid answers
 */
export async function joinGrid(
  ports: ClientPorts,
  keyring: Keyring,
  inviteText: string,
  signal: AbortSignal,
): Promise<GridFile> {
  const now = ports.clock.now()
  const invite = readInvite(inviteText, now)
  const identity = signingKeyFromSeed(invite.secret)
  const keepNothingYet = async () => undefined
  const link = await openGridLink(ports, invite.secret, gridFileOf(invite), keepNothingYet)
  try {
    const { vault, recovery, device } = keyring
    const { roster, grid } = link
    const subjects = [
      { subject: peerIdOf(device.publicKey), role: 'device', vault },
      { subject: recovery, role: 'recovery', vault },
    ] as const
    await roster.merge(
      subjects.map((about) =>
        admission(invite.grid, about, identity, roster.issueTime(about.subject)),
      ),
    )
    const { answered, failures } = await grid.syncRoster(signal)
    if (answered.length === 0) {
      const reasons = failures.map(({ peer, error }) => `\n  ${peer}: ${error.message}`)
      throw new PeerUnreachableError(
        `No peer of the grid answers; ask a friend to switch theirs on and join again${reasons.join('')}`,
      )
    }
    return { grid: invite.grid, statements: roster.statements() }
  } finally {
    await link.close()
  }
}
