/**
 * The grid link: a home's way to its grid. Network, roster and grid, opened when first needed.
 */

import type { Invite } from '../../protocol/invite.ts'
import { peerIdOf, type SigningKey } from '../../protocol/keys.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { openStatement, signStatement, type GridId, type Role } from '../../protocol/roster.ts'
import { FormatError, PeerUnreachableError, UsageError } from '../base/errors.ts'
import { Grid, type GridParts } from '../grid/grid.ts'
import { PeerSession } from '../grid/peer-session.ts'
import { RosterBook } from '../grid/roster-book.ts'
import type { Network, PeerId } from '../ports/network.ts'
import { writeGridFile, type GridFile } from '../store/grid-file.ts'
import type { ClientPorts } from './client-ports.ts'

/** This home belongs to no grid yet. */
export class GridNotFoundError extends UsageError {
  override readonly name = 'GridNotFoundError'
}

/** The roster does not take the admission: it is full, or the vault's recovery was removed from it. */
export class NotAdmittedError extends UsageError {
  override readonly name = 'NotAdmittedError'
}

/** The invite's time is over. */
export class InviteExpiredError extends UsageError {
  override readonly name = 'InviteExpiredError'
}

/** A grid as one identity sees it. */
export interface GridLink {
  readonly network: Network
  readonly roster: RosterBook
  readonly grid: Grid
  readonly close: () => Promise<void>
}

/** What a link needs of the world; a peer that joins has that too. */
export type GridLinkPorts = Pick<ClientPorts, 'clock' | 'log' | 'disk' | 'network'>

/** Who keeps account of the peers, where anybody does: src/repair/lookout.ts. */
export type GridWatch = Pick<GridParts, 'standings' | 'onLook' | 'onPuts' | 'onWrong'>

/** @param save - keeps the roster whenever it grew */
export async function openGridLink(
  ports: GridLinkPorts,
  seed: Uint8Array,
  file: GridFile,
  save: (file: GridFile) => Promise<void> = (grown) => writeGridFile(ports.disk, grown),
  watch: GridWatch = {},
): Promise<GridLink> {
  const { clock, log } = ports
  const roster = new RosterBook({
    grid: file.grid,
    clock,
    statements: file.statements,
    save: (statements) => save({ grid: file.grid, statements }),
  })
  const network = await ports.network(seed)
  // Nobody has anything to ask of a client.
  network.gate(() => false)
  network.discover(file.grid, (peer) => roster.isAdmitted(peer))
  const grid = new Grid({ network, clock, log, roster, ...watch })
  const close = async () => {
    grid.close()
    await network.close()
  }
  return { network, roster, grid, close }
}

/** @throws {InviteExpiredError} by our own clock */
export function assertNotExpired(invite: Invite, now: number): void {
  if (invite.expiresAt > now) return
  const when = new Date(invite.expiresAt).toISOString()
  throw new InviteExpiredError(
    `This invite ended at ${when}: ask a friend in the grid for a new one`,
  )
}

/** A statement that admits somebody of this vault, to be told to the grid. */
export function admission(
  grid: GridId,
  about: { subject: PeerId; role: Role; vault: VaultId },
  issuer: SigningKey,
  now: number,
): Uint8Array {
  const type = 'admit'
  const issuerId = peerIdOf(issuer.publicKey)
  return signStatement(
    { version: 1, grid, type, ...about, issuer: issuerId, issuedAt: now },
    issuer,
  )
}

/** What an invite tells of a grid; every peer's addresses are among its statements. */
export function gridFileOf(invite: Invite): GridFile {
  return { grid: invite.grid, statements: invite.statements }
}

/**
 * Learn a grid from one of its peers, knowing nothing but its address.
 *
 * @param seed - an identity that the grid admitted
 * @throws {PeerUnreachableError}
 */
export async function learnGrid(
  ports: ClientPorts,
  seed: Uint8Array,
  where: { peer: PeerId; addresses: readonly string[] },
  signal: AbortSignal,
): Promise<GridFile> {
  const network = await ports.network(seed)
  network.gate(() => false)
  const session = new PeerSession(where.peer, {
    network,
    clock: ports.clock,
    addresses: () => where.addresses,
  })
  try {
    const statements = await session.roster([], signal)
    const grid = mostNamed(statements)
    if (grid === undefined) {
      throw new PeerUnreachableError(`${where.peer} knows of no grid: ask another friend`)
    }
    return { grid, statements }
  } finally {
    session.close()
    await network.close()
  }
}

/** A peer keeps the statements of one grid; should it show others too, the most wins. */
function mostNamed(statements: readonly Uint8Array[]): GridId | undefined {
  const counts = new Map<GridId, number>()
  for (const bytes of statements) {
    const grid = gridOf(bytes)
    if (grid !== undefined) counts.set(grid, (counts.get(grid) ?? 0) + 1)
  }
  return [...counts].toSorted(([, a], [, b]) => b - a)[0]?.[0]
}

/** @returns undefined for what is no statement, or one of a newer Cairn */
function gridOf(bytes: Uint8Array): GridId | undefined {
  try {
    return openStatement(bytes).grid
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
