/**
 * Exit codes: how a command ended, as a number for scripts.
 *
 * They follow restic's where restic has one, since most wrappers know those. Any other non-zero
 * status means failure.
 */

import { CairnError, RecoveryError, UsageError } from '../base/errors.ts'

export const EXIT = {
  ok: 0,
  error: 1,
  usage: 2,
  /** Finished, but something was left out; each item was named. */
  incomplete: 3,
  /** No vault here, or no grid joined. */
  notFound: 10,
  locked: 11,
  wrongKey: 12,
  /** Too few peers hold the newest snapshot yet. */
  notSafe: 13,
  unrecoverable: 14,
  /** Retention would remove every snapshot. */
  refused: 15,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** An error's class name is its stable code, so the names stand here and in docs/errors.md. */
const BY_NAME: Readonly<Record<string, ExitCode>> = {
  CommandFailedError: EXIT.error,
  GridNotFoundError: EXIT.notFound,
  InterruptedError: EXIT.interrupted,
  LockedError: EXIT.locked,
  NoHeadError: EXIT.notFound,
  NotSafeError: EXIT.notSafe,
  RetentionRefusedError: EXIT.refused,
  VaultNotFoundError: EXIT.notFound,
  WrongPassphraseError: EXIT.wrongKey,
  WrongWordsError: EXIT.wrongKey,
}

/** @returns the status to end with when this error ends the program */
export function exitCodeOf(error: unknown): ExitCode {
  if (!(error instanceof CairnError)) return EXIT.error
  const named = BY_NAME[error.name]
  if (named !== undefined) return named
  if (error instanceof UsageError) return EXIT.usage
  if (error instanceof RecoveryError) return EXIT.unrecoverable
  return EXIT.error
}
