/** Turned away: what it means that peers are there and hang up on us, which they do without a word. */

/** For the person at the computer that is turned away. */
export const TURNED_AWAY_WORDS =
  'A peer hangs up on whom it counts as no member of its grid: this computer was revoked or removed, or ' +
  'never let in. If it was revoked, "cairn recover" with the 24 words into a new home makes a new device; ' +
  'else ask a friend for a new invite.'
