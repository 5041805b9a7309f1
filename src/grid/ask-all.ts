/**
 * Ask all: the same question to many peers, where one peer's trouble is a value and never the end.
 */

import { mapPool } from '../base/pool.ts'
import {
  CairnError,
  PeerTimeoutError,
  PeerUnreachableError,
  StreamResetError,
} from '../base/errors.ts'
import type { Look } from '../base/peer-record.ts'
import type { PeerId } from '../ports/network.ts'
import type { PeerSession } from './peer-session.ts'

/** Peers asked at a time: answers to such questions are small. */
export const ASK_WIDTH = 16

export interface PeerFailure {
  readonly peer: PeerId
  readonly error: CairnError
}

export interface Answers<T> {
  readonly answers: readonly { readonly peer: PeerId; readonly answer: T }[]
  readonly failures: readonly PeerFailure[]
}

/** @throws only the signal's reason, or an error that is a bug */
export async function askAll<T>(
  sessions: readonly PeerSession[],
  ask: (session: PeerSession, signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
  width = ASK_WIDTH,
): Promise<Answers<T>> {
  const answers: { peer: PeerId; answer: T }[] = []
  const failures: PeerFailure[] = []
  await mapPool(
    sessions,
    width,
    async (session, within) => {
      const { peer } = session
      try {
        answers.push({ peer, answer: await ask(session, within) })
      } catch (error) {
        failures.push({ peer, error: troubleAtPeer(error, within) })
      }
    },
    signal,
  )
  return { answers, failures }
}

/**
 * Who is there, and of whom nothing was heard. Who refused, or answered with nonsense, is there.
 *
 * @param answered - those whose answer was taken
 */
export function lookOf(answered: readonly PeerId[], failures: readonly PeerFailure[]): Look {
  const silent = failures.filter(({ error }) => isSilence(error)).map(({ peer }) => peer)
  const refused = failures.filter(({ error }) => !isSilence(error)).map(({ peer }) => peer)
  return { answered: [...answered, ...refused], silent }
}

/** Whether the error says that nothing was heard of a peer. */
export function isSilence(error: CairnError): boolean {
  return (
    error instanceof PeerUnreachableError ||
    error instanceof PeerTimeoutError ||
    error instanceof StreamResetError
  )
}

/**
 * @returns the error, if it says that something is wrong at a peer or with what it sent
 * @throws the error itself if it says anything else: we were told to stop, or there is a bug
 */
export function troubleAtPeer(error: unknown, signal: AbortSignal): CairnError {
  if (signal.aborted || !(error instanceof CairnError)) throw error
  return error
}
