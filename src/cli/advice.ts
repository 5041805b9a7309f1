/**
 * Advice: what to do next, for the errors that end a command.
 *
 * The error says what happened and to what; this says what helps. docs/errors.md has a row for each
 * name and says more.
 */

import { CairnError } from '../base/errors.ts'

const BY_NAME: Readonly<Record<string, string>> = {
  AlreadyExistsError:
    'Nothing was changed. Set CAIRN_HOME to an empty folder to make another vault beside it.',
  DiskFullError: 'Make room on the disk that holds Cairn’s own state and run the command again.',
  GridNotFoundError: 'Join a grid first: cairn join --code-from FILE',
  InterruptedError: 'Run the same command again: it resumes where this one stopped.',
  LockedError: 'Wait until the other Cairn command on this home has ended, then try again.',
  NotEnoughSharesError:
    'Try again when more peers are online; `cairn status` shows who answers now.',
  NotJoinedError: 'Join a grid first: cairn join --code-from FILE',
  NotSafeError:
    'Everything is queued. Run the same command again once more peers are online; nothing is sent twice.',
  PeerUnreachableError:
    'Check that the peer is running and reachable; `cairn status` shows who answers now.',
  VaultNotFoundError:
    'Make a vault with `cairn init`, bring one back with `cairn recover`, or set CAIRN_HOME to where yours is.',
  WrongKeyError:
    'These are not the words of the vault that this grid holds. Check the recovery kit.',
  WrongWordsError: 'Check that word against the recovery kit and try again.',
}

/** @returns a sentence for the person, or `undefined` where the message says it all */
export function adviceFor(error: unknown): string | undefined {
  if (error instanceof CairnError) return BY_NAME[error.name]
  return 'This is a mistake in Cairn. CAIRN_DEBUG=1 shows where; please report it.'
}
