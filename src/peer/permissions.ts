/**
 * Permissions: what a member of the grid may ask a peer for.
 *
 *     device     everything for its own vault, and who was seen
 *     recovery   reads of its own vault, and roster statements
 *     peer       reads of every vault, to check and repair; it sees ciphertext; credits, and who was seen;
 *                and to be dialled back. With a vault's repair grant (repair-grants.ts) also its lease,
 *                adoptions and shares
 *     invite     status and roster, to come in
 *
 * What a peer holds for whom is told to devices of its owner only: see answers.ts.
 * A guest with an invite code is no member: it may ask to come in (`join`), which no member does.
 */

import { openHead } from '../../protocol/head.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import type { Request } from '../../protocol/messages.ts'
import { openRelease } from '../../protocol/release.ts'
import type { Member, Role } from '../../protocol/roster.ts'

type RequestType = Request['type']

/** To come in, and to learn who is there. */
const TO_COME_IN: readonly RequestType[] = ['status', 'roster', 'news']

const TO_READ: readonly RequestType[] = [...TO_COME_IN, 'have', 'read', 'heads']

const ALLOWED: Readonly<Record<Role, ReadonlySet<RequestType>>> = {
  device: new Set([
    ...TO_READ,
    'put',
    'adopt',
    'forgo',
    'publish',
    'release',
    'account',
    'credits',
    'holdings',
    'seen',
    'reach',
  ]),
  recovery: new Set(TO_READ),
  peer: new Set([...TO_READ, 'credits', 'seen', 'reach', 'dial-back', 'put', 'adopt', 'renew']),
  invite: new Set(TO_COME_IN),
}

/** What a peer may ask only with a repair grant, and a device needs none for. */
const BY_GRANT: ReadonlySet<RequestType> = new Set(['put', 'adopt', 'renew'])

/**
 * Whether the member may ask this; of a repair grant only that it is there, where one is needed.
 *
 * @throws {FormatError} if the request carries a head or a release that is none
 */
export function isAllowed(member: Member, request: Request): boolean {
  if (!ALLOWED[member.role].has(request.type)) return false
  const needsGrant = member.role === 'peer' && BY_GRANT.has(request.type)
  if (needsGrant !== (grantIn(request) !== undefined)) return false
  const vault = vaultOf(request)
  // A peer's own vault says who lends it: it is no device of that vault, and reads every vault.
  return vault === undefined || member.role === 'peer' || vault === member.vault
}

/** @returns the repair grant that a request shows, as it came */
export function grantIn(request: Request): Uint8Array | undefined {
  return 'repair' in request ? request.repair : undefined
}

/** @returns the vault whose shares the member may see; `undefined` for everybody's */
export function ownerSeenBy(member: Member): VaultId | undefined {
  return member.role === 'peer' ? undefined : member.vault
}

/** The vault a request is about, where it names one. */
function vaultOf(request: Request): VaultId | undefined {
  switch (request.type) {
    case 'put':
    case 'adopt':
    case 'forgo':
    case 'heads':
    case 'account':
      return vaultIdFromBytes(request.vault)
    case 'publish':
      return openHead(request.head).vault
    case 'release':
      return openRelease(request.document).vault
    default:
      return undefined
  }
}
