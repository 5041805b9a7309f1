/** Multiaddrs: where to dial, and what to tell others about where we are. */

import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'

import type { PeerId } from '../ports/network.ts'

/** @returns addresses to tell others: the announced ones first, those of this machine alone last */
export function publicAddresses(
  self: PeerId,
  addresses: { readonly announce: readonly string[]; readonly listening: readonly string[] },
): string[] {
  const usable = addresses.listening.filter((address) => !isLinkLocal(address))
  const ordered = [...addresses.announce, ...usable.toSorted((a, b) => distance(a) - distance(b))]
  return [...new Set(ordered.map((address) => withPeer(address, self)))]
}

/** @returns the address with the peer's name at its end; none if it is malformed or somebody else's */
export function targetOf(address: string, peer: PeerId): Multiaddr[] {
  try {
    const target = multiaddr(address)
    const named = target.getComponents().findLast(({ name }) => name === 'p2p')?.value
    if (named === undefined) return [target.encapsulate(`/p2p/${peer}`)]
    return peerIdFromString(named).toString() === peer ? [target] : []
  } catch {
    return []
  }
}

function withPeer(address: string, peer: PeerId): string {
  return address.includes('/p2p/') ? address : `${address}/p2p/${peer}`
}

/** Link-local addresses need a zone, which a multiaddr of another machine cannot know. */
function isLinkLocal(address: string): boolean {
  return /^\/ip6\/fe[89ab]/i.test(address)
}

/** Addresses of this machine only come after all others. */
function distance(address: string): number {
  return /^\/(ip4\/127\.|ip6\/::1\/)/.test(address) ? 1 : 0
}
