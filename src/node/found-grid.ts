/**
 * Found a grid: the first signed words about who is in it, and an invite for whoever comes next.
 *
 * The first peer is the founder; its public key names the grid. Everything follows from the arguments:
 * no clock, no chance, nothing is stored or sent here.
 */

import { peerIdOf, type SigningKey } from '../../protocol/keys.ts'
import { signingKeyFromSeed } from '../../protocol/keys.ts'
import { encodeInvite } from '../../protocol/invite.ts'
import {
  gridIdFromBytes,
  signStatement,
  type GridId,
  type Statement,
} from '../../protocol/roster.ts'
import { UsageError } from '../base/errors.ts'

/** A storage peer as it joins the founding. */
export interface FoundingPeer {
  readonly key: SigningKey
  readonly name?: string
  /** What fails together with it; absent means it stands alone. */
  readonly domain?: string
  /** Multiaddrs, the best first. */
  readonly addresses: readonly string[]
}

export interface FoundedGrid {
  readonly grid: GridId
  /** The whole roster; every peer starts with it. */
  readonly statements: readonly Uint8Array[]
  /** One line of text; secret. */
  readonly invite: string
}

/**
 * @param peers - at least one; the first is the founder
 * @param invite - `seed`: 32 fresh random bytes; `expiresAt`: milliseconds since 1970
 * @param now - milliseconds since 1970
 */
export function foundGrid(
  peers: readonly FoundingPeer[],
  invite: { seed: Uint8Array; expiresAt: number },
  now: number,
): FoundedGrid {
  const founder = peers[0]
  if (founder === undefined) throw new UsageError('a grid needs at least one peer')
  const grid = gridIdFromBytes(founder.key.publicKey)
  const admit = (about: Omit<Statement, 'version' | 'grid' | 'type' | 'issuer' | 'issuedAt'>) =>
    signStatement(
      {
        version: 1,
        grid,
        type: 'admit',
        issuer: peerIdOf(founder.key.publicKey),
        issuedAt: now,
        ...about,
      },
      founder.key,
    )

  const statements = peers.map(({ key, name, domain, addresses }) =>
    admit({
      subject: peerIdOf(key.publicKey),
      role: 'peer',
      ...(name === undefined ? {} : { name }),
      ...(domain === undefined ? {} : { domain }),
      addresses,
    }),
  )
  const identity = signingKeyFromSeed(invite.seed).publicKey
  statements.push(
    admit({ subject: peerIdOf(identity), role: 'invite', expiresAt: invite.expiresAt }),
  )

  return {
    grid,
    statements,
    invite: encodeInvite({
      grid,
      statements,
      addresses: peers.map(({ key, addresses }) => ({
        peer: peerIdOf(key.publicKey),
        multiaddrs: addresses,
      })),
      secret: invite.seed,
      expiresAt: invite.expiresAt,
    }),
  }
}
