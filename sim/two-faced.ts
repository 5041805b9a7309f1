/**
 * Two-faced: a network on which an honest peer's program is heard to say something else.
 *
 * It sits between the program and those who ask it. What they ask and what it answers passes through a *face*, which
 * may answer in its place, or change an answer and what follows it. So a friend who lies about one thing
 * is right in everything else.
 */

import { concat } from '../protocol/bytes.ts'
import { encodeFrame } from '../protocol/frame.ts'
import {
  decodeRequest,
  decodeResponse,
  encodeResponse,
  type Request,
  type Response,
} from '../protocol/messages.ts'
import type { ByteStream, Network } from '../src/ports/network.ts'
import { bodyFrames } from './hostile-member.ts'

export interface Answered {
  readonly response: Response
  /** What follows it, where something does. */
  readonly body?: Uint8Array
}

export interface Face {
  /** @returns what is answered before the program hears of it; undefined if it shall hear of it */
  readonly refuse?: (request: Request) => Response | undefined
  /** @returns what is said in place of the program's answer */
  readonly change?: (request: Request, answered: Answered) => Answered
}

/** @returns the network as the program shall use it */
export function twoFaced(network: Network, protocol: string, face: Face): Network {
  const serve: Network['serve'] = (name, handler) =>
    network.serve(name, name === protocol ? (stream) => handler(behind(stream, face)) : handler)
  return new Proxy(network, {
    get: (target, name) => (name === 'serve' ? serve : bound(target, name)),
  })
}

function behind(stream: ByteStream, face: Face): ByteStream {
  const talk = new Talk(stream, face)
  const source = talk.questions()
  const write = (bytes: Uint8Array): Promise<void> => talk.answer(bytes)
  return new Proxy(stream, {
    get: (target, name) =>
      name === 'source' ? source : name === 'write' ? write : bound(target, name),
  })
}

/** One stream: exchanges one after another. */
class Talk {
  readonly #stream: ByteStream
  readonly #face: Face
  readonly #in = new Cutter()
  readonly #out = new Cutter()
  #request: Request | undefined
  /** Bytes of the question's body that are still to come, and are passed on as they are. */
  #bodyLeft = 0
  /** An answer whose body is still to come. */
  #pending: { readonly response: Response; readonly parts: Uint8Array[]; left: number } | undefined

  constructor(stream: ByteStream, face: Face) {
    this.#stream = stream
    this.#face = face
  }

  async *questions(): AsyncGenerator<Uint8Array> {
    for await (const chunk of this.#stream.source) {
      for (const payload of this.#in.push(chunk)) {
        if (this.#bodyLeft > 0) this.#bodyLeft -= payload.length
        else if (!(await this.#isLetIn(payload))) continue
        yield encodeFrame(payload)
      }
    }
  }

  async #isLetIn(payload: Uint8Array): Promise<boolean> {
    const request = tryDecode(payload)
    this.#request = request
    const refusal = request === undefined ? undefined : this.#face.refuse?.(request)
    if (refusal === undefined) return true
    await this.#say({ response: refusal })
    return false
  }

  async answer(bytes: Uint8Array): Promise<void> {
    for (const payload of this.#out.push(bytes)) await this.#hear(payload)
  }

  async #hear(payload: Uint8Array): Promise<void> {
    const pending = this.#pending
    if (pending === undefined) {
      const response = decodeResponse(payload)
      if (response.type === 'leaves') {
        this.#pending = { response, parts: [], left: response.bodySize }
        return
      }
      if (response.type === 'go' && this.#request?.type === 'put') {
        this.#bodyLeft = this.#request.bodySize
      }
      return await this.#change({ response })
    }
    pending.parts.push(payload)
    pending.left -= payload.length
    if (pending.left > 0) return
    this.#pending = undefined
    await this.#change({ response: pending.response, body: concat(...pending.parts) })
  }

  async #change(answered: Answered): Promise<void> {
    const change = this.#request === undefined ? undefined : this.#face.change
    await this.#say(change?.(this.#request!, answered) ?? answered)
  }

  async #say({ response, body }: Answered): Promise<void> {
    await this.#stream.write(encodeFrame(encodeResponse(response)))
    for (const frame of body === undefined ? [] : bodyFrames(body)) await this.#stream.write(frame)
  }
}

/** Whole payloads out of bytes that are cut anywhere. */
class Cutter {
  #rest: Uint8Array = new Uint8Array(0)

  push(bytes: Uint8Array): Uint8Array[] {
    this.#rest = concat(this.#rest, bytes)
    const payloads: Uint8Array[] = []
    for (;;) {
      if (this.#rest.length < HEADER_SIZE) return payloads
      const { buffer, byteOffset } = this.#rest
      const end = HEADER_SIZE + new DataView(buffer, byteOffset).getUint32(0)
      if (this.#rest.length < end) return payloads
      payloads.push(this.#rest.slice(HEADER_SIZE, end))
      this.#rest = this.#rest.slice(end)
    }
  }
}

const HEADER_SIZE = 4

/** What is no request is for the program to refuse. */
function tryDecode(payload: Uint8Array): Request | undefined {
  try {
    return decodeRequest(payload)
  } catch {
    return undefined
  }
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target)
  return typeof value === 'function' ? (value.bind(target) as unknown) : value
}
