/**
 * Joining as a peer: have the grid admit a new storage peer, by an invite code that a friend confirms, or with
 * an open invite's identity.
 */

import type { Invite } from '../../protocol/invite.ts'
import { openInviteText } from '../../protocol/invite-text.ts'
import { peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { signStatement } from '../../protocol/roster.ts'
import { PeerUnreachableError } from '../base/errors.ts'
import type { GridFile } from '../store/grid-file.ts'
import type { FoundingPeer } from './found-grid.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { assertNotExpired, gridFileOf, openGridLink, type GridLinkPorts } from './grid-link.ts'
import { joinByCode, type OnWords } from './join-by-code.ts'

export interface JoiningPeer extends FoundingPeer {
  /** The vault of whoever lends it. */
  readonly vault?: VaultId
}

/**
 * @returns the grid with its roster, the new admission among it
 * @throws {InviteExpiredError}
 * @throws {InviteOverError}
 * @throws {NotConfirmedError}
 * @throws {PeerUnreachableError} no peer of the grid answers
 */
export async function joinAsPeer(
  ports: GridLinkPorts,
  newcomer: JoiningPeer,
  inviteText: string,
  onWords: OnWords,
  signal: AbortSignal,
): Promise<GridFile> {
  const opened = openInviteText(inviteText)
  if (opened.kind === 'open') return joinOpenly(ports, newcomer, opened.invite, signal)
  const { key, name, domain, vault, addresses } = newcomer
  const wish = {
    as: 'peer',
    peer: peerIdOf(key.publicKey),
    addresses,
    ...(name === undefined ? {} : { name }),
    ...(domain === undefined ? {} : { domain }),
    ...(vault === undefined ? {} : { vault }),
  } as const
  return joinByCode(ports, opened.code, wish, onWords, signal)
}

async function joinOpenly(
  ports: GridLinkPorts,
  newcomer: JoiningPeer,
  invite: Invite,
  signal: AbortSignal,
): Promise<GridFile> {
  assertNotExpired(invite, ports.clock.now())
  const identity = signingKeyFromSeed(invite.secret)
  const keepNothingYet = async () => undefined
  const link = await openGridLink(ports, invite.secret, gridFileOf(invite), keepNothingYet)
  try {
    const { roster, grid } = link
    const { key, name, domain, vault, addresses } = newcomer
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
        ...(vault === undefined ? {} : { vault }),
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
