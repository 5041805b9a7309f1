/**
 * What the doctor says: who can reach whom, and what would help, in words.
 */

import { TURNED_AWAY_WORDS } from '../../grid/turned-away.ts'
import type { Diagnosis, PeerDiagnosis } from '../../node/doctor.ts'
import type { Link, PeerId } from '../../ports/network.ts'
import { escapeLine } from '../escape.ts'

/** Gossip meets everybody at least once an hour; who was not met for longer is not. */
const MET_SECONDS_MAX = 2 * 3_600

/** Invites and retention count in days; signatures, hours at worst. A minute is what a person can see. */
const CLOCK_OFF_MS_MAX = 60_000

/** How two peers stand to each other. */
export interface Pair {
  readonly one: PeerId
  readonly other: PeerId
  readonly way: Link['way'] | 'none' | 'unknown'
  readonly relay?: PeerId
}

/** What one finding says, and whether something is wrong. */
export interface Finding {
  readonly isTrouble: boolean
  readonly words: string
}

const WAYS: Readonly<Record<Link['way'], string>> = {
  local: 'nearby',
  ip4: 'direct, IPv4',
  ip6: 'direct, IPv6',
  relay: 'through a friend',
}

/** One line for each peer. */
export function peerLines(diagnosis: Diagnosis): string[] {
  const { peers } = diagnosis
  return peers.map((peer) => {
    const { link, roundTripMs, error } = peer
    const parts = [link === undefined ? 'down' : 'up  ', nameOf(diagnosis, peer.peer)]
    if (link !== undefined) parts.push(wayWords(diagnosis, link))
    if (roundTripMs !== undefined) parts.push(`${roundTripMs.toFixed(0)} ms`)
    if (peer.verdict === 'closed') parts.push(closedWords(diagnosis, peer))
    if (error !== undefined) parts.push(escapeLine(error))
    return parts.join('  ')
  })
}

/** How every two peers that answered stand to each other. */
export function pairsOf({ peers }: Diagnosis): Pair[] {
  const answered = peers.filter(({ verdict }) => verdict !== undefined)
  return answered.flatMap((one, index) =>
    answered.slice(index + 1).map((other): Pair => {
      const links = [
        ...one.links.filter(({ peer }) => peer === other.peer),
        ...other.links.filter(({ peer }) => peer === one.peer),
      ].filter(({ age }) => age <= MET_SECONDS_MAX)
      const best = links.find(({ way }) => way !== 'relay') ?? links[0]
      const pair = { one: one.peer, other: other.peer }
      if (best === undefined) return { ...pair, way: canMeet(one, other) ? 'unknown' : 'none' }
      const { way, relay } = best
      return { ...pair, way, ...(relay === undefined ? {} : { relay }) }
    }),
  )
}

/** @returns what was found, trouble first; something in any case */
export function findings(diagnosis: Diagnosis): Finding[] {
  const found = [
    ...diagnosis.peers.flatMap((peer) => peerFindings(diagnosis, peer)),
    ...pairFindings(diagnosis),
    ...ownFindings(diagnosis),
  ]
  if (diagnosis.peers.length === 0) return [fine('There is no friend in this grid yet.')]
  if (found.length === 0) found.push(fine('Everybody reaches everybody.'))
  return found.toSorted((a, b) => Number(b.isTrouble) - Number(a.isTrouble))
}

function peerFindings(diagnosis: Diagnosis, peer: PeerDiagnosis): Finding[] {
  const name = nameOf(diagnosis, peer.peer)
  const { clockAheadMs } = peer
  const found: Finding[] = []
  if (peer.link === undefined) found.push(unreached(diagnosis, peer))
  if (clockAheadMs !== undefined && Math.abs(clockAheadMs) > CLOCK_OFF_MS_MAX) {
    const how = clockAheadMs > 0 ? 'ahead of' : 'behind'
    const seconds = Math.round(Math.abs(clockAheadMs) / 1000)
    found.push(
      trouble(
        `The clock of ${name} is ${seconds} s ${how} this machine's: set the one that is wrong.`,
      ),
    )
  }
  if (peer.verdict !== 'closed') return found
  const who = peer.link !== undefined && peer.link.way !== 'relay' ? 'Some friends' : 'Friends'
  if (peer.relays.length > 0) {
    const words = `${who} cannot dial ${name} and reach it through others, which is slower.`
    found.push(fine(`${words} ${forward(name, peer)}`))
  } else {
    const words = `${who} cannot dial ${name}, and nobody leads to it.`
    found.push(trouble(`${words} ${forward(name, peer)}`))
  }
  return found
}

/** What may be the matter with a peer that we did not reach. */
function unreached(diagnosis: Diagnosis, peer: PeerDiagnosis): Finding {
  const name = nameOf(diagnosis, peer.peer)
  if (peer.isTurnedAway === true) return trouble(`${name} is up, and turns us away.`)
  const met = diagnosis.peers.filter(({ links }) =>
    links.some((link) => link.peer === peer.peer && link.age === 0),
  )
  if (met.length === 0) {
    return trouble(`${name} is not reached by anybody: it may be switched off.`)
  }
  const names = met.map((one) => nameOf(diagnosis, one.peer)).join(' and ')
  const how = `${names} ${met.length === 1 ? 'is' : 'are'} connected with it`
  return trouble(`${name} is up, ${how}, and nothing leads to it from here. ${forward(name, peer)}`)
}

function pairFindings(diagnosis: Diagnosis): Finding[] {
  const cut = pairsOf(diagnosis).filter(({ way }) => way === 'none')
  if (cut.length === 0) return []
  const helpers = diagnosis.peers.filter(({ verdict }) => verdict === 'open')
  const asked = helpers.map(({ peer }) => nameOf(diagnosis, peer)).join(' or ')
  const help =
    asked === ''
      ? 'One friend whose port others can dial is enough: let somebody forward a port on the router, or run a peer on a rented machine.'
      : `Ask ${asked} to run their peer without --no-relay.`
  return cut.map(({ one, other }) =>
    trouble(
      `${nameOf(diagnosis, one)} and ${nameOf(diagnosis, other)} can only dial out: they cannot talk to each other. ${help}`,
    ),
  )
}

/** What friends think of us, and say who were asked to dial us. */
function ownFindings({ peers }: Diagnosis): Finding[] {
  if (peers.some(({ isTurnedAway }) => isTurnedAway === true)) return [trouble(TURNED_AWAY_WORDS)]
  const asked = peers.filter(({ dialsUs }) => dialsUs !== undefined)
  if (asked.length === 0) return []
  const count = asked.filter(({ dialsUs }) => dialsUs === true).length
  if (count === asked.length) return [fine('Every friend that was asked can dial this peer.')]
  return [
    trouble(
      `${asked.length - count} of ${asked.length} friends cannot dial this peer. Forward its port on the router, or switch UPnP on there.`,
    ),
  ]
}

/** Two who can both only dial out meet through a friend or not at all. */
function canMeet(one: PeerDiagnosis, other: PeerDiagnosis): boolean {
  const isLed = (peer: PeerDiagnosis) => peer.verdict !== 'closed' || peer.relays.length > 0
  return isLed(one) || isLed(other)
}

function forward(name: string, { addresses }: PeerDiagnosis): string {
  const port = addresses.map((address) => /\/tcp\/(\d+)/.exec(address)?.[1]).find(Boolean)
  return `What would help: forward ${port === undefined ? 'its port' : `TCP port ${port}`} to ${name} on its router, switch UPnP on there, or use IPv6.`
}

function wayWords(diagnosis: Diagnosis, { way, relay }: Link): string {
  return relay === undefined ? WAYS[way] : `through ${nameOf(diagnosis, relay)}`
}

function closedWords(diagnosis: Diagnosis, { relays }: PeerDiagnosis): string {
  const names = relays.map((relay) => nameOf(diagnosis, relay)).join(', ')
  return names === '' ? 'only dials out' : `only dials out; led to by ${names}`
}

/** One line for two peers. */
export function pairLine(diagnosis: Diagnosis, { one, other, way, relay }: Pair): string {
  const names = `${nameOf(diagnosis, one)} – ${nameOf(diagnosis, other)}`
  if (way === 'none') return `${names}  cannot talk`
  if (way === 'unknown') return `${names}  not met lately`
  return `${names}  ${relay === undefined ? WAYS[way] : `through ${nameOf(diagnosis, relay)}`}`
}

function nameOf({ peers, self }: Diagnosis, peer: PeerId): string {
  if (peer === self) return 'this peer'
  const name = peers.find((one) => one.peer === peer)?.name
  return name === undefined ? `${peer.slice(0, 8)}…${peer.slice(-6)}` : escapeLine(name)
}

function trouble(words: string): Finding {
  return { isTrouble: true, words }
}

function fine(words: string): Finding {
  return { isTrouble: false, words }
}
