/**
 * Loopback: a network on which we can reach ourselves like anybody else.
 *
 * A helper that lends disk holds shares of the packs that it looks after, and may take more. With this it
 * asks itself in the same words as the others, through the same service, with the same limits and rights.
 */

import { PeerUnreachableError, StreamResetError } from '../base/errors.ts'
import type { ByteStream, Network, PeerId } from '../ports/network.ts'

/** Bytes that may be written beyond what was read, each way: one answer's worth. */
const WINDOW_SIZE = 1024 * 1024

/** @returns the same network; streams to ourselves are led to whoever serves here */
export function withLoopback(network: Network): Network {
  const handlers = new Map<string, (stream: ByteStream) => Promise<void>>()
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
    dial: async (peer, protocol, addresses, signal) => {
      if (peer !== self) return await network.dial(peer, protocol, addresses, signal)
      signal.throwIfAborted()
      const handler = handlers.get(protocol)
      if (handler === undefined) throw new PeerUnreachableError(`${self}: does not serve here`)
      const [near, far] = streamPair(self)
      handler(far).catch(() => far.reset())
      return near
    },
    serve: async (protocol, handler) => {
      await network.serve(protocol, handler)
      handlers.set(protocol, handler)
    },
    gate: (isAdmitted) => network.gate(isAdmitted),
    hangUp: (peer) => network.hangUp(peer),
    close: () => network.close(),
  }
}

/** Two ends of one stream within this process; both believe that `remote` is at the other one. */
export function streamPair(remote: PeerId): readonly [ByteStream, ByteStream] {
  const [there, back] = [new Pipe(), new Pipe()]
  return [end(remote, back, there), end(remote, there, back)]
}

function end(remote: PeerId, incoming: Pipe, outgoing: Pipe): ByteStream {
  return {
    remote,
    source: incoming,
    write: (bytes) => outgoing.write(bytes),
    end: () => Promise.resolve(outgoing.end()),
    reset: () => {
      for (const pipe of [incoming, outgoing]) pipe.break()
    },
  }
}

/** One direction. */
class Pipe implements AsyncIterable<Uint8Array> {
  readonly #chunks: Uint8Array[] = []
  #size = 0
  #hasEnded = false
  #isBroken = false
  /** Nobody reads any more: what is written goes nowhere, and holds nobody up. */
  #isIgnored = false
  #waiting: (() => void)[] = []

  async write(bytes: Uint8Array): Promise<void> {
    this.#assertWhole()
    if (this.#hasEnded) throw new StreamResetError('the writing has ended')
    if (this.#isIgnored) return
    // A copy: the writer may give its buffer's memory back before this is read.
    this.#chunks.push(bytes.slice())
    this.#size += bytes.length
    this.#wake()
    while (this.#size > WINDOW_SIZE) {
      await this.#changed()
      this.#assertWhole()
    }
  }

  end(): void {
    this.#hasEnded = true
    this.#wake()
  }

  /** A stream that is over in this direction stays as it is. */
  break(): void {
    if (this.#hasEnded && this.#chunks.length === 0) return
    this.#isBroken = true
    this.#chunks.length = 0
    this.#size = 0
    this.#wake()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        this.#assertWhole()
        const chunk = this.#chunks.shift()
        if (chunk !== undefined) {
          this.#size -= chunk.length
          this.#wake()
          yield chunk
        } else if (this.#hasEnded) return
        else await this.#changed()
      }
    } finally {
      this.#isIgnored = true
      this.#chunks.length = 0
      this.#size = 0
      this.#wake()
    }
  }

  #assertWhole(): void {
    if (this.#isBroken) throw new StreamResetError('the stream was reset')
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    for (const resume of this.#waiting.splice(0)) resume()
  }
}
