/**
 * Doctor: who can reach whom, and how.
 *
 * Every peer is asked how it is, twice, so that the second answer times the way; whom it is connected
 * with; and where we are a peer ourselves, whether it can dial us. What to do about it is put into words
 * by src/cli/reports/doctor.ts.
 */

import { peerIdOf } from '../../protocol/peer-id.ts'
import type { ResponseOf } from '../../protocol/messages.ts'
import { CairnError } from '../base/errors.ts'
import { mapPool } from '../base/pool.ts'
import { ASK_WIDTH } from '../grid/ask-all.ts'
import type { Grid } from '../grid/grid.ts'
import type { PeerSession } from '../grid/peer-session.ts'
import type { RosterBook } from '../grid/roster-book.ts'
import { isTurnedAway } from '../grid/turned-away.ts'
import type { Verdict } from '../peer/reach-book.ts'
import type { Clock } from '../ports/clock.ts'
import type { Link, Network, PeerId } from '../ports/network.ts'

/** How a peer answers. */
interface Measured {
  readonly roundTripMs: number
  /** How much later it is there, ms. */
  readonly clockAheadMs: number
}

/** A connection that one peer tells of. */
export interface ToldLink {
  readonly peer: PeerId
  readonly way: Link['way']
  readonly relay?: PeerId
  readonly isInbound: boolean
  /** Seconds since it was so; 0 if it is now. */
  readonly age: number
}

export interface PeerDiagnosis extends Partial<Measured> {
  readonly peer: PeerId
  readonly name?: string
  readonly domain?: string
  /** As the roster has them. */
  readonly addresses: readonly string[]
  /** How we are connected with it; absent if we did not reach it. */
  readonly link?: Link
  readonly error?: string
  /** It is there, and hangs up on us. */
  readonly isTurnedAway?: true
  /** Whether it says that others can dial it. */
  readonly verdict?: Verdict
  /** Friends who lead others to it. */
  readonly relays: readonly PeerId[]
  readonly links: readonly ToldLink[]
  /** Whether it could dial us; absent if it was not asked, or could not say. */
  readonly dialsUs?: boolean
}

export interface Diagnosis {
  readonly self: PeerId
  readonly peers: readonly PeerDiagnosis[]
}

export interface DoctorParts {
  readonly grid: Grid
  readonly roster: RosterBook
  readonly network: Network
  readonly clock: Clock
}

/**
 * Ask everybody.
 *
 * @param own - where others should be able to dial us; empty for who only dials
 */
export async function diagnose(
  parts: DoctorParts,
  own: readonly string[],
  signal: AbortSignal,
): Promise<Diagnosis> {
  const { grid, roster, network, clock } = parts
  const { self } = network
  const measured = await grid.askEverybody(
    (session, within) => measure(session, clock, within),
    signal,
  )
  const reach = await grid.askEverybody((session, within) => session.reach(within), signal)
  const dialled = await askToDial(parts, own, measured.answers, signal)
  const peers = roster.storagePeers().flatMap((member): PeerDiagnosis[] => {
    const { peer, addresses } = member
    if (peer === self) return []
    const told = answerOf(reach.answers, peer)
    const error = measured.failures.find((one) => one.peer === peer)?.error
    const link = error === undefined ? bestLink(network.links(), peer) : undefined
    const dialsUs = dialled.get(peer)
    return [
      {
        peer,
        addresses,
        ...(member.name === undefined ? {} : { name: member.name }),
        ...(member.domain === undefined ? {} : { domain: member.domain }),
        ...answerOf(measured.answers, peer),
        ...(link === undefined ? {} : { link }),
        ...(error === undefined ? {} : { error: error.message.replace(`${peer}: `, '') }),
        ...(isTurnedAway(error) ? { isTurnedAway: true as const } : {}),
        ...(told === undefined ? {} : { verdict: told.verdict }),
        relays: (told?.relays ?? []).map(peerIdOf),
        links: (told?.links ?? []).map(toldLink),
        ...(dialsUs === undefined ? {} : { dialsUs }),
      },
    ]
  })
  return { self, peers }
}

async function measure(session: PeerSession, clock: Clock, signal: AbortSignal): Promise<Measured> {
  // The first answer may take connecting; the second is the way there and back.
  await session.status(signal)
  const before = clock.monotonic()
  const { now } = await session.status(signal)
  const roundTripMs = clock.monotonic() - before
  return { roundTripMs, clockAheadMs: now + roundTripMs / 2 - clock.now() }
}

async function askToDial(
  { grid }: DoctorParts,
  own: readonly string[],
  reached: readonly { readonly peer: PeerId }[],
  signal: AbortSignal,
): Promise<Map<PeerId, boolean>> {
  const said = new Map<PeerId, boolean>()
  if (own.length === 0) return said
  await mapPool(
    reached,
    ASK_WIDTH,
    async ({ peer }, within) => {
      try {
        said.set(peer, (await grid.dialBack(peer, own, within)) !== undefined)
      } catch (error) {
        // Too busy, gone meanwhile, or of an older Cairn: it cannot say.
        if (within.aborted || !(error instanceof CairnError)) throw error
      }
    },
    signal,
  )
  return said
}

function answerOf<T>(
  answers: readonly { readonly peer: PeerId; readonly answer: T }[],
  peer: PeerId,
): T | undefined {
  return answers.find((one) => one.peer === peer)?.answer
}

/** @returns the connection that new streams take */
function bestLink(links: readonly Link[], peer: PeerId): Link | undefined {
  const ours = links.filter((link) => link.peer === peer)
  return ours.find(({ way }) => way !== 'relay') ?? ours[0]
}

function toldLink(link: ResponseOf<'reach'>['links'][number]): ToldLink {
  return {
    peer: peerIdOf(link.peer),
    way: link.way,
    ...(link.relay === undefined ? {} : { relay: peerIdOf(link.relay) }),
    isInbound: link.inbound,
    age: link.age,
  }
}
