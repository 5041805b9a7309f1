/**
 * Joining as a peer: with an invite's identity, have the grid admit a new storage peer.
 */

import { peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { signStatement } from '../../protocol/roster.ts'
import { PeerUnreachableError } from '../base/errors.ts'
import type { GridFile } from '../store/grid-file.ts'
import type { FoundingPeer } from './found-grid.ts'
import { gridFileOf, openGridLink, readInvite, type GridLinkPorts } from './grid-link.ts'

/**
 * @returns the grid with its roster, the new admission among it
 * @throws {InviteExpiredError}
 * @throws {PeerUnreachableError} no peer of the grid answers
 */
export async function joinAsPeer(
  ports: GridLinkPorts,
  newcomer: FoundingPeer,
  inviteText: string,
  signal: AbortSignal,
): Promise<GridFile> {
  const invite = readInvite(inviteText, ports.clock.now())
  const identity = signingKeyFromSeed(invite.secret)
  const keepNothingYet = async () => undefined
  const link = await openGridLink(ports, invite.secret, gridFileOf(invite), keepNothingYet)
  try {
    const { roster, grid } = link
    const { key, name, domain, addresses } = newcomer
    const subject = peerIdOf(key.publicKey)
    const admission = signStatement(
      {
        version: 1,
        grid: invite.grid,
        type: 'admit',
        role: 'peer',
        subject,
        issuer: peerIdOf(identity.publicKey),
        issuedAt: roster.issueTime(subject),
        ...(name === undefined ? {} : { name }),
        ...(domain === undefined ? {} : { domain }),
        addresses,
      },
      identity,
    )
    await roster.merge([admission])
    const { answered, failures } = await grid.syncRoster(signal)
    if (answered.length === 0) {
      const reasons = failures.map(({ peer, error }) => `\n  ${peer}: ${error.message}`)
      throw new PeerUnreachableError(
        `No peer of the grid answers; ask a friend to switch theirs on and try again${reasons.join('')}`,
      )
    }
    return { grid: invite.grid, statements: roster.statements() }
  } finally {
    await link.close()
  }
}
