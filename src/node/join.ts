/**
 * Joining: have the grid admit this device and the vault's recovery identity, by an invite code that a friend
 * confirms, or with an open invite's identity.
 */

import type { Invite } from '../../protocol/invite.ts'
import { openInviteText } from '../../protocol/invite-text.ts'
import { peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { PeerUnreachableError } from '../base/errors.ts'
import type { GridFile } from '../store/grid-file.ts'
import type { Keyring } from '../store/keyring.ts'
import type { ClientPorts } from './client-ports.ts'
import { admission, assertNotExpired, gridFileOf, openGridLink } from './grid-link.ts'
import { joinByCode, type OnWords } from './join-by-code.ts'

export interface JoinOptions {
  /** What friends see. */
  readonly name?: string
  readonly onWords?: OnWords
}

/**
 * @returns the grid with its roster, the new admissions among it, to be kept in the home
 * @throws {InviteExpiredError}
 * @throws {InviteOverError}
 * @throws {NotConfirmedError}
 * @throws {PeerUnreachableError} no peer of the grid answers
 */
export async function joinGrid(
  ports: ClientPorts,
  keyring: Keyring,
  inviteText: string,
  options: JoinOptions,
  signal: AbortSignal,
): Promise<GridFile> {
  const opened = openInviteText(inviteText)
  if (opened.kind === 'open') return joinOpenly(ports, keyring, opened.invite, signal)
  const { vault, recovery, device, certificate } = keyring
  const wish = {
    as: 'device',
    device: peerIdOf(device.publicKey),
    recovery,
    vault,
    certificate,
    ...(options.name === undefined ? {} : { name: options.name }),
  } as const
  return joinByCode(ports, opened.code, wish, options.onWords ?? (() => undefined), signal)
}

async function joinOpenly(
  ports: ClientPorts,
  keyring: Keyring,
  invite: Invite,
  signal: AbortSignal,
): Promise<GridFile> {
  assertNotExpired(invite, ports.clock.now())
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
