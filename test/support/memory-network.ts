/**
 * A network inside one process: peers on one hub, streams with bounded buffers, connections that break.
 *
 * Everything moves in microtasks, so with a VirtualClock a test tells the same story twice.
 */

import { PeerUnreachableError, StreamResetError } from '../../src/base/errors.ts'
import type { ByteStream, Network, PeerId } from '../../src/ports/network.ts'

type Handler = (stream: ByteStream) => Promise<void>

/** Bytes one direction of a stream holds before its writer waits. */
const BUFFER_SIZE_MAX = 262_144

export class MemoryHub {
  readonly #peers = new Map<PeerId, MemoryNetwork>()
  /** Streams opened so far, for tests that count. */
  dialled = 0

  join(self: PeerId): MemoryNetwork {
    const network = new MemoryNetwork(self, this)
    this.#peers.set(self, network)
    return network
  }

  find(peer: PeerId): MemoryNetwork | undefined {
    return this.#peers.get(peer)
  }

  /** The peer's machine goes away: its streams break, nobody reaches it. */
  lose(peer: PeerId): void {
    this.#peers.get(peer)?.breakAll()
    this.#peers.delete(peer)
  }
}

export class MemoryNetwork implements Network {
  readonly self: PeerId
  readonly #hub: MemoryHub
  readonly #handlers = new Map<string, Handler>()
  readonly #streams = new Set<MemoryStream>()
  #isAdmitted: (peer: PeerId) => boolean = () => false

  constructor(self: PeerId, hub: MemoryHub) {
    this.self = self
    this.#hub = hub
  }

  addresses(): readonly string[] {
    return [`/memory/${this.self}`]
  }

  async dial(
    peer: PeerId,
    protocol: string,
    _addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<ByteStream> {
    await Promise.resolve()
    signal.throwIfAborted()
    const other = this.#hub.find(peer)
    const handler = other?.accept(this.self, protocol)
    if (other === undefined || handler === undefined) {
      throw new PeerUnreachableError(`${peer}: nobody there who would answer`)
    }
    this.#hub.dialled += 1
    const [here, there] = makePair(this.self, peer)
    this.#keep(here)
    other.#keep(there)
    handler(there).catch(() => there.reset())
    return here
  }

  /** The handler for a newcomer's stream, if it is let in. */
  accept(peer: PeerId, protocol: string): Handler | undefined {
    return this.#isAdmitted(peer) ? this.#handlers.get(protocol) : undefined
  }

  async serve(protocol: string, handler: Handler): Promise<void> {
    this.#handlers.set(protocol, handler)
  }

  gate(isAdmitted: (peer: PeerId) => boolean): void {
    this.#isAdmitted = isAdmitted
  }

  async hangUp(peer: PeerId): Promise<void> {
    for (const stream of [...this.#streams]) if (stream.remote === peer) stream.reset()
  }

  async close(): Promise<void> {
    this.#hub.lose(this.self)
  }

  breakAll(): void {
    for (const stream of [...this.#streams]) stream.reset()
  }

  #keep(stream: MemoryStream): void {
    this.#streams.add(stream)
    stream.onEnd = () => this.#streams.delete(stream)
  }
}

/** One direction: a bounded queue of chunks. */
class Pipe {
  readonly #chunks: Uint8Array[] = []
  #size = 0
  #isEnded = false
  #broken: Error | undefined
  #wake: (() => void)[] = []

  async write(bytes: Uint8Array): Promise<void> {
    this.#check()
    if (this.#isEnded) throw new StreamResetError('written after its end')
    this.#chunks.push(bytes.slice())
    this.#size += bytes.length
    this.#changed()
    while (this.#size > BUFFER_SIZE_MAX) {
      await this.#change()
      this.#check()
    }
  }

  end(): void {
    this.#isEnded = true
    this.#changed()
  }

  break(): void {
    this.#broken ??= new StreamResetError('the stream was reset')
    this.#changed()
  }

  async *read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      this.#check()
      const chunk = this.#chunks.shift()
      if (chunk !== undefined) {
        this.#size -= chunk.length
        this.#changed()
        yield chunk
      } else if (this.#isEnded) {
        return
      } else {
        await this.#change()
      }
    }
  }

  #check(): void {
    if (this.#broken !== undefined) throw this.#broken
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve))
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake()
  }
}

class MemoryStream implements ByteStream {
  readonly remote: PeerId
  readonly source: AsyncIterable<Uint8Array>
  onEnd: () => void = () => undefined
  readonly #incoming: Pipe
  readonly #outgoing: Pipe

  constructor(remote: PeerId, incoming: Pipe, outgoing: Pipe) {
    this.remote = remote
    this.#incoming = incoming
    this.#outgoing = outgoing
    this.source = incoming.read()
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#outgoing.write(bytes)
  }

  async end(): Promise<void> {
    this.#outgoing.end()
  }

  reset(): void {
    this.#incoming.break()
    this.#outgoing.break()
    this.onEnd()
  }
}

function makePair(from: PeerId, to: PeerId): [MemoryStream, MemoryStream] {
  const [out, back] = [new Pipe(), new Pipe()]
  return [new MemoryStream(to, back, out), new MemoryStream(from, out, back)]
}
