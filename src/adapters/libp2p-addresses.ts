/** Multiaddrs: where to dial, and what to tell others about where we are. */

import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'

import type { Link, PeerId } from '../ports/network.ts'

/** Where a peer may be dialled: at addresses of its own, and through relays. */
export interface Targets {
  readonly direct: readonly Multiaddr[]
  /** Whether the peer may be in a home, so that it is worth asking whether it is in ours. */
  readonly mayBeNear: boolean
  /** For each relay the addresses of it that are known from here; none, if only its name is. */
  readonly relays: ReadonlyMap<PeerId, readonly Multiaddr[]>
}

/** Most addresses that a roster statement takes. */
const ADDRESSES_MAX = 16

/** @returns addresses to tell others: the announced ones first, then the widest, relays last of all */
export function publicAddresses(
  self: PeerId,
  addresses: {
    readonly announce: readonly string[]
    readonly listening: readonly string[]
    readonly relays: readonly PeerId[]
  },
): string[] {
  const usable = addresses.listening.filter((address) => !isLinkLocal(address))
  const ordered = [...addresses.announce, ...usable.toSorted((a, b) => distance(a) - distance(b))]
  const direct = new Set(ordered.map((address) => withPeer(address, self)))
  // The relay's own addresses are in the roster, and change there.
  const relayed = addresses.relays.map((relay) => `/p2p/${relay}/p2p-circuit/p2p/${self}`)
  return [...[...direct].slice(0, ADDRESSES_MAX - relayed.length), ...relayed]
}

/** @returns where to dial; what is malformed or leads to somebody else is left out */
export function targetsOf(addresses: readonly string[], peer: PeerId): Targets {
  const relays = new Map<PeerId, Multiaddr[]>()
  const direct: Multiaddr[] = []
  for (const address of addresses) {
    const [before = '', behind] = address.split('/p2p-circuit')
    if (behind === undefined) {
      direct.push(...targetOf(address, peer))
      continue
    }
    const relay = /\/p2p\/([^/]+)$/.exec(before)?.[1]
    if (relay === undefined || !(behind === '' || behind === `/p2p/${peer}`)) continue
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- as it was written by its peer; noise proves it
    const name = relay as PeerId
    const known = relays.get(name) ?? []
    relays.set(name, known)
    if (!before.startsWith('/p2p/')) known.push(...targetOf(before, name))
  }
  const mayBeNear = direct.some((address) => distance(address.toString()) === 1)
  return { direct, mayBeNear, relays }
}

/** @returns the address with the peer's name at its end; none if it is malformed or somebody else's */
function targetOf(address: string, peer: PeerId): Multiaddr[] {
  try {
    const target = multiaddr(address)
    const named = target.getComponents().findLast(({ name }) => name === 'p2p')?.value
    if (named === undefined) return [target.encapsulate(`/p2p/${peer}`)]
    return peerIdFromString(named).toString() === peer ? [target] : []
  } catch {
    return []
  }
}

/** @returns what kind of way leads to this address, as a connection shows it */
export function wayTo(address: string): Pick<Link, 'way' | 'relay'> {
  const relay = /\/p2p\/([^/]+)\/p2p-circuit/.exec(address)?.[1]
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- libp2p's text form of a relay we are connected to
  if (relay !== undefined) return { way: 'relay', relay: relay as PeerId }
  if (isLocal(address)) return { way: 'local' }
  return { way: address.startsWith('/ip6/') ? 'ip6' : 'ip4' }
}

/** Whether the address is of this machine or of a home's network: nobody outside can dial it. */
function isLocal(address: string): boolean {
  return /^\/(ip4\/(127|10|192\.168|169\.254|172\.(1[6-9]|2\d|3[01]))\.|ip6\/(::1\/|f[cd]|fe[89ab]))/i.test(
    address,
  )
}

function withPeer(address: string, peer: PeerId): string {
  // A relay's address names the relay, and us behind it.
  const last = address.split('/p2p-circuit').at(-1) ?? ''
  return last.includes('/p2p/') ? address : `${address}/p2p/${peer}`
}

/** Link-local addresses need a zone, which a multiaddr of another machine cannot know. */
function isLinkLocal(address: string): boolean {
  return /^\/ip6\/fe[89ab]/i.test(address)
}

/** Those of a home mean nothing outside, those of this machine nothing in the home. */
function distance(address: string): number {
  if (/^\/(ip4\/127\.|ip6\/::1\/)/.test(address)) return 2
  return isLocal(address) ? 1 : 0
}
