/**
 * Tell: statements to many peers, to all of them at once, so that nobody who is there waits for those who are not.
 */

import type { PeerId } from '../ports/network.ts'
import { askAll, type Answers } from './ask-all.ts'
import type { PeerSession } from './peer-session.ts'

/** News go to so many peers at once: a few hundred bytes each, and most of a grid. */
const TELL_WIDTH = 64

/**
 * @param onTold - called as soon as each of them heard
 * @returns whom it was told, and how many of the statements were new to them
 */
export async function tellPeers(
  sessions: readonly PeerSession[],
  statements: readonly Uint8Array[],
  signal: AbortSignal,
  onTold: (peer: PeerId) => void = () => undefined,
): Promise<Answers<number>> {
  const tell = async (session: PeerSession, within: AbortSignal) => {
    const { count } = await session.news(statements, within)
    onTold(session.peer)
    return count
  }
  return await askAll(sessions, tell, signal, TELL_WIDTH)
}
