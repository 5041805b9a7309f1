/**
 * Paced network: what this machine sends keeps to a rate, over all streams together.
 *
 * Bytes are let go in small portions, so that many streams move side by side and no time limit of the other
 * side is missed. What libp2p adds, a few percent, is not counted.
 */

import type { Pace } from '../base/pace.ts'
import type { ByteStream, Network } from '../ports/network.ts'

/** Bytes let go at once. */
const PORTION_SIZE = 16 * 1024

/** @returns the same network; what is written to its streams waits for its turn */
export function withPace(network: Network, pace: Pace): Network {
  const { self } = network
  return {
    self,
    addresses: () => network.addresses(),
    changed: (known, signal) => network.changed(known, signal),
    links: () => network.links(),
    probe: (peer, addresses, signal) => network.probe(peer, addresses, signal),
    reserve: (relay, addresses, signal) => network.reserve(relay, addresses, signal),
    unreserve: (relay) => network.unreserve(relay),
    discover: (grid, isMember) => network.discover(grid, isMember),
    dial: async (peer, protocol, addresses, signal) =>
      paced(await network.dial(peer, protocol, addresses, signal), pace),
    serve: (protocol, handler) => network.serve(protocol, (stream) => handler(paced(stream, pace))),
    gate: (isAdmitted) => network.gate(isAdmitted),
    hangUp: (peer) => network.hangUp(peer),
    close: () => network.close(),
  }
}

function paced(stream: ByteStream, pace: Pace): ByteStream {
  const { remote, source } = stream
  return {
    remote,
    source,
    write: async (bytes) => {
      for (let offset = 0; offset < bytes.length; offset += PORTION_SIZE) {
        const portion = bytes.subarray(offset, offset + PORTION_SIZE)
        await pace.take(portion.length)
        await stream.write(portion)
      }
    },
    end: () => stream.end(),
    reset: () => stream.reset(),
  }
}
