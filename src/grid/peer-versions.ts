/**
 * Peer versions: why a peer that is there does not speak with us, and who is to be updated.
 */

import {
  decodeVersions,
  encodeVersions,
  PROTOCOL_VERSION,
  VERSIONS_PROTOCOL,
} from '../../protocol/versions.ts'
import { withDeadline, type PaceLimits } from '../base/deadline.ts'
import { FormatError, PeerError } from '../base/errors.ts'
import type { Clock } from '../ports/clock.ts'
import type { ByteStream, Network, PeerId } from '../ports/network.ts'
import { MessageStream } from './message-stream.ts'

/** Dialling once more, and one small answer. */
const VERSIONS_MS_MAX = 10_000

const ANSWER: PaceLimits = { idleMs: VERSIONS_MS_MAX }

/** The peer is there and speaks another version of the protocol; nothing was exchanged. */
export class PeerVersionError extends PeerError {
  override readonly name = 'PeerVersionError'
}

/** Answer a stream of {@link VERSIONS_PROTOCOL}. */
export async function tellVersions(
  stream: ByteStream,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const messages = new MessageStream(stream, clock)
  await messages.within(ANSWER, signal, async () => {
    await messages.send(encodeVersions({ speaks: [PROTOCOL_VERSION] }))
    await messages.end()
  })
}

/**
 * Ask a peer that does not serve our protocol what it speaks.
 *
 * @returns the error that tells a person which side to update
 */
export async function versionError(
  peer: PeerId,
  {
    network,
    clock,
    addresses,
  }: { network: Network; clock: Clock; addresses: () => readonly string[] },
  signal: AbortSignal,
  cause: unknown,
): Promise<PeerVersionError> {
  const make = (why: string) => new PeerVersionError(`${peer}: ${why}`, { cause })
  try {
    const newest = await withDeadline(clock, VERSIONS_MS_MAX, signal, async (within) => {
      const stream = await network.dial(peer, VERSIONS_PROTOCOL, addresses(), within)
      return await ask(new MessageStream(stream, clock), within)
    })
    if (newest > PROTOCOL_VERSION) {
      return make(
        `its Cairn is newer (protocol ${newest}, here ${PROTOCOL_VERSION}): update Cairn on this computer`,
      )
    }
    if (newest < PROTOCOL_VERSION) {
      return make(
        `its Cairn is older (protocol ${newest}, here ${PROTOCOL_VERSION}): ask that friend to update Cairn`,
      )
    }
    return make('it speaks this protocol and did not take it; it may just be starting')
  } catch (error) {
    if (signal.aborted || !(error instanceof PeerError || error instanceof FormatError)) throw error
    return make('it speaks no protocol of this Cairn: update Cairn there and here')
  }
}

/** @returns the highest version it speaks */
async function ask(messages: MessageStream, signal: AbortSignal): Promise<number> {
  try {
    const payload = await messages.within(ANSWER, signal, () => messages.receive())
    return decodeVersions(payload ?? new Uint8Array(0)).speaks.at(-1) ?? 0
  } finally {
    messages.reset()
  }
}
