/**
 * Advice: what to do next, for the errors that end a command.
 *
 * The error says what happened and to what; this says what helps. docs/errors.md has a row for each
 * name and says more.
 */

import { CairnError } from '../base/errors.ts'
import { systemSentence } from './system-words.ts'

const BY_NAME: Readonly<Record<string, string>> = {
  DatabaseDamagedError:
    'Run a backup: what the database knew comes back from the grid, and the damaged file is kept.',
  DiskFullError: 'Make room on the disk that holds Cairn’s own state and run the command again.',
  InterruptedError: 'Run the same command again: it resumes where this one stopped.',
  InviteExpiredError: 'Ask a friend in that grid for a new invite.',
  LockedError: 'Wait until the other Cairn command has ended, then try again.',
  NotEnoughSharesError:
    'Try again when more peers are online; `cairn status` shows who answers now.',
  PackNotFoundError: 'Try again when more peers are online; `cairn status` shows who answers now.',
  PeerUnreachableError:
    'Check that the peer is running and reachable; `cairn status` shows who answers now.',
  TooFewPeersError:
    '`cairn backup --allow-few` accepts that; `cairn invite`, at a friend’s peer, brings in another.',
  WrongWordsError: 'Check the words against the recovery kit and try again.',
}

/** @returns a sentence for the person, or `undefined` where the message says it all */
export function adviceFor(error: unknown): string | undefined {
  if (error instanceof CairnError) return BY_NAME[error.name]
  if (error instanceof Error && systemSentence(error) !== undefined) return undefined
  return 'This is a mistake in Cairn. CAIRN_DEBUG=1 shows where; please report it.'
}
