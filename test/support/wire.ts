/** Raw streams to a peer, to say anything on. */

import { decodeFrames, encodeFrame } from '../../protocol/frame.ts'
import type { SigningKey } from '../../protocol/keys.ts'
import {
  decodeResponse,
  encodeRequest,
  PROTOCOL,
  type Request,
  type Response,
} from '../../protocol/messages.ts'
import { PeerSession } from '../../src/grid/peer-session.ts'
import type { ByteStream, Network } from '../../src/ports/network.ts'
import { forever, type TestGrid, type TestPeer } from './test-grid.ts'

export class Wire {
  readonly #test: TestGrid
  readonly #peer: TestPeer
  readonly #networks = new Map<SigningKey, Promise<Network>>()

  /** @param peer - by default the first */
  constructor(test: TestGrid, peer: TestPeer = test.peers[0]!) {
    this.#test = test
    this.#peer = peer
  }

  /** A new stream, as the laptop or somebody else. */
  async dial(key: SigningKey = this.#test.device, protocol = PROTOCOL): Promise<ByteStream> {
    const network = await this.#network(key)
    return await network.dial(this.#peer.id, protocol, [this.#address], forever)
  }

  /** What an honest client would use. */
  async session(key: SigningKey = this.#test.device): Promise<PeerSession> {
    const { clock } = this.#test.laptop.ports
    const addresses = () => [this.#address]
    return new PeerSession(this.#peer.id, { network: await this.#network(key), clock, addresses })
  }

  /** One request on a stream of its own. @returns its first answer */
  async ask(request: Request, key?: SigningKey): Promise<Response> {
    const stream = await this.dial(key)
    await stream.write(frame(request))
    const { value } = await answersOf(stream).next()
    stream.reset()
    if (value === undefined) throw new Error('no answer')
    return value
  }

  /** One for each identity, so that streams share a connection. */
  #network(key: SigningKey): Promise<Network> {
    const made = this.#networks.get(key) ?? this.#test.laptop.ports.network(key.seed)
    this.#networks.set(key, made)
    return made
  }

  get #address(): string {
    return this.#peer.machine.address ?? ''
  }
}

export function frame(request: Request): Uint8Array {
  return encodeFrame(encodeRequest(request))
}

export async function* answersOf(stream: ByteStream): AsyncGenerator<Response> {
  for await (const payload of decodeFrames(stream.source)) yield decodeResponse(payload)
}

/** Read on until the other side ends or breaks the stream. @returns whether it broke */
export async function isBroken(stream: ByteStream): Promise<boolean> {
  try {
    for await (const _ of stream.source);
    return false
  } catch {
    return true
  }
}
