/**
 * Invite text: what a friend handed over, which is an invite code or, for grids to try things with, an open invite.
 *
 * Format: docs/formats/invite-code.md, docs/formats/invite.md
 */

import { decodeInvite, type Invite } from './invite.ts'
import { decodeInviteCode, type InviteCode } from './invite-code.ts'
import { decodeTypedText } from './typed-text.ts'

export type InviteText =
  | { readonly kind: 'code'; readonly code: InviteCode }
  | { readonly kind: 'open'; readonly invite: Invite }

/** @throws {FormatError} for any other text; never shows it */
export function openInviteText(text: string): InviteText {
  return decodeTypedText(text).type === 'join'
    ? { kind: 'code', code: decodeInviteCode(text) }
    : { kind: 'open', invite: decodeInvite(text) }
}
