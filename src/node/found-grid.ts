/**
 * Found a grid: the first signed words about who is in it.
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
}

/**
 * @param peers - at least one; the first is the founder
 * @param now - milliseconds since 1970
 */
export function foundGrid(peers: readonly FoundingPeer[], now: number): FoundedGrid {
  const founder = founderOf(peers)
  const statements = peers.map(({ key, name, domain, addresses }) =>
    admit(founder, now, {
      subject: peerIdOf(key.publicKey),
      role: 'peer',
      ...(name === undefined ? {} : { name }),
      ...(domain === undefined ? {} : { domain }),
      addresses,
    }),
  )
  return { grid: gridIdFromBytes(founder.publicKey), statements }
}

/**
 * Found a grid that anybody with its invite may join, as often as they like: to try things with.
 *
 * @param invite - `seed`: 32 fresh random bytes; `expiresAt`: milliseconds since 1970
 * @returns the grid, and its open invite: one line of text; secret
 */
export function foundOpenGrid(
  peers: readonly FoundingPeer[],
  invite: { seed: Uint8Array; expiresAt: number },
  now: number,
): FoundedGrid & { readonly invite: string } {
  const { grid, statements: about } = foundGrid(peers, now)
  const { seed: secret, expiresAt } = invite
  const subject = peerIdOf(signingKeyFromSeed(secret).publicKey)
  const admission = admit(founderOf(peers), now, { subject, role: 'invite', expiresAt })
  const statements = [...about, admission]
  const addresses = peers.map(({ key, addresses: multiaddrs }) => ({
    peer: peerIdOf(key.publicKey),
    multiaddrs,
  }))
  const text = encodeInvite({ grid, statements, addresses, secret, expiresAt })
  return { grid, statements, invite: text }
}

function founderOf([founder]: readonly FoundingPeer[]): SigningKey {
  if (founder === undefined) throw new UsageError('a grid needs at least one peer')
  return founder.key
}

function admit(
  founder: SigningKey,
  issuedAt: number,
  about: Pick<Statement, 'subject'> & Partial<Statement>,
): Uint8Array {
  const grid = gridIdFromBytes(founder.publicKey)
  const issuer = peerIdOf(founder.publicKey)
  return signStatement({ version: 1, grid, type: 'admit', issuer, issuedAt, ...about }, founder)
}
