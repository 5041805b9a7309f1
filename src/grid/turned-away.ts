/** Turned away: peers are there, and take us for no member of their grid. */

import { PeerRefusedError, PeerUnreachableError } from '../base/errors.ts'

/** For the person at the computer that is turned away. */
export const TURNED_AWAY_WORDS =
  'A peer hangs up on whom it counts as no member of its grid: this computer was revoked or removed, or ' +
  'never let in. If it was revoked, "cairn recover" with the 24 words into a new home makes a new device; ' +
  'else ask a friend for a new invite.'

/** @returns whether the peer hung up on us, or says on a connection from before that we are out */
export function isTurnedAway(error: unknown): boolean {
  if (error instanceof PeerRefusedError) return error.code === 'not-admitted'
  return error instanceof PeerUnreachableError && error.isTurnedAway
}
