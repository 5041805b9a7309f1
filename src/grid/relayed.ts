/**
 * Relayed addresses: `/p2p/R/p2p-circuit/p2p/P` says that friend R leads to P.
 *
 * Where R is, the roster knows better than P's own statement: it changes there. So the two are put
 * together only when somebody is going to dial.
 */

import { parsePeerId, type PeerId } from '../../protocol/peer-id.ts'
import { FormatError } from '../../protocol/errors.ts'

const CIRCUIT = '/p2p-circuit'

/** Whether the address leads through a friend. */
export function isRelayed(address: string): boolean {
  return address.includes(CIRCUIT)
}

/** @returns who leads on from this address; `undefined` for a direct one, or one that names nobody */
export function relayIn(address: string): PeerId | undefined {
  const name = /\/p2p\/([^/]+)\/p2p-circuit/.exec(address)?.[1]
  try {
    return name === undefined ? undefined : parsePeerId(name)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}

/**
 * @param addressesOf - what the roster has of a peer
 * @returns the same addresses; those through a friend once for each direct address of the friend as well
 */
export function withRelays(
  addresses: readonly string[],
  addressesOf: (peer: PeerId) => readonly string[],
): string[] {
  return addresses.flatMap((address) => {
    const relay = relayIn(address)
    if (relay === undefined) return [address]
    const behind = address.slice(address.indexOf(CIRCUIT))
    const places = addressesOf(relay).filter((place) => !isRelayed(place))
    const whole = places.map((place) => `${place.split('/p2p/')[0]}/p2p/${relay}${behind}`)
    return [address, ...whole]
  })
}
