/** What every Network promises. */

import { describe, expect, it } from 'vitest'

import {
  PeerUnreachableError,
  ProtocolNotServedError,
  StreamResetError,
} from '../../src/base/errors.ts'
import type { ByteStream, Network } from '../../src/ports/network.ts'
import { collect, inRealTime, join, noise, same, text } from './story.ts'
import type { RunStory } from './story.ts'

export interface NetworkWorld {
  /** Make one more node that others can reach; it admits nobody yet. The world closes it in the end. */
  makeNode(): Promise<Network>
  /** An address in this world's form where nobody is. */
  readonly deadAddress: string
  dispose(): Promise<void>
  readonly run?: RunStory
}

const PROTOCOL = '/cairn/test'

/** Most a stalled stream may swallow on the way, bytes: windows and buffers of both ends. */
export const IN_FLIGHT_MAX = 16 * 1024 * 1024

export function networkSuite(
  name: string,
  makeWorld: () => NetworkWorld | Promise<NetworkWorld>,
): void {
  const story = (tell: (pair: Pair, world: NetworkWorld) => Promise<void>) => async () => {
    const world = await makeWorld()
    try {
      await (world.run ?? inRealTime)(async () => tell(await makePair(world), world))
    } finally {
      await world.dispose()
    }
  }

  describe(`${name} as a Network: streams`, () => {
    it(
      'carry bytes both ways, and each end knows the other',
      story(async ({ alice, bob, dial }) => {
        const met = serveOnce(bob, async (stream) => {
          expect(stream.remote).toBe(alice.self)
          const question = await collect(stream.source)
          await stream.write(join([text('you said '), question]))
          await stream.end()
        })
        const stream = await dial()
        expect(stream.remote).toBe(bob.self)
        await stream.write(text('hel'))
        await stream.write(text('lo'))
        await stream.end()
        expect(await collect(stream.source)).toEqual(text('you said hello'))
        await met
      }),
    )

    it(
      'stay open one way after the other way ended',
      story(async ({ bob, dial }) => {
        const met = serveOnce(bob, async (stream) => {
          await stream.end()
          await stream.end()
          expect(await collect(stream.source)).toEqual(text('still talking'))
        })
        const stream = await dial()
        expect(await collect(stream.source)).toEqual(new Uint8Array(0))
        await stream.write(text('still '))
        await stream.write(text('talking'))
        await stream.end()
        await met
      }),
    )

    it(
      'go on writing after reading stopped early',
      story(async ({ bob, dial }) => {
        const met = serveOnce(bob, async (stream) => {
          for await (const chunk of stream.source) {
            expect(chunk.length).toBeGreaterThan(0)
            break
          }
          await stream.write(text('enough'))
          await stream.end()
        })
        const stream = await dial()
        await stream.write(text('one'))
        expect(await collect(stream.source)).toEqual(text('enough'))
        await met
        stream.reset()
      }),
    )

    it(
      'deliver everything written before the end, however late the reader comes',
      story(async ({ bob, dial }) => {
        const bytes = noise(200_000)
        const met = serveOnce(bob, async (stream) => {
          await stream.write(bytes)
          await stream.end()
        })
        const stream = await dial()
        await met
        await stream.end()
        expect(same(await collect(stream.source), bytes)).toBe(true)
      }),
    )

    it(
      'take an empty write for nothing',
      story(async ({ bob, dial }) => {
        const met = serveOnce(bob, async (stream) => {
          expect(await collect(stream.source)).toEqual(text('ab'))
        })
        const stream = await dial()
        await stream.write(text('a'))
        await stream.write(new Uint8Array(0))
        await stream.write(text('b'))
        await stream.end()
        await met
        stream.reset()
      }),
    )

    it(
      'carry big transfers intact in both directions at once',
      story(async ({ bob, dial }) => {
        const there = noise(6 * 1024 * 1024 + 11, 1)
        const back = noise(5 * 1024 * 1024 + 3, 2)
        const met = serveOnce(bob, async (stream) => {
          const [received] = await Promise.all([collect(stream.source), send(stream, back)])
          expect(same(received, there)).toBe(true)
        })
        const stream = await dial()
        const [received] = await Promise.all([collect(stream.source), send(stream, there)])
        expect(same(received, back)).toBe(true)
        await met
      }),
    )

    it(
      'take one large write whole',
      story(async ({ bob, dial }) => {
        const bytes = noise(3_000_000)
        const met = serveOnce(bob, async (stream) => {
          expect(same(await collect(stream.source), bytes)).toBe(true)
        })
        const stream = await dial()
        await stream.write(bytes)
        await stream.end()
        await met
        stream.reset()
      }),
    )

    it(
      'stop a writer that outruns a stalled reader, and lose nothing once it reads on',
      story(async ({ bob, dial }) => {
        const piece = noise(64 * 1024)
        const count = (4 * IN_FLIGHT_MAX) / piece.length
        const stalled = Promise.withResolvers<void>()
        const met = serveEach(bob, async (stream, ordinal) => {
          // The first stream is left unread; the second is what makes time pass.
          if (ordinal === 0) await stalled.promise
          let size = 0
          for await (const chunk of stream.source) size += chunk.length
          await stream.write(text(String(size)))
          await stream.end()
        })

        const stream = await dial()
        let written = 0
        const writing = (async () => {
          for (let round = 0; round < count; round++) {
            await stream.write(piece)
            written += piece.length
          }
          await stream.end()
        })()

        const other = await dial()
        await send(other, noise(8 * 1024 * 1024))
        expect(await collect(other.source)).toEqual(text(String(8 * 1024 * 1024)))
        expect(written).toBeLessThanOrEqual(IN_FLIGHT_MAX)

        stalled.resolve()
        await writing
        expect(await collect(stream.source)).toEqual(text(String(count * piece.length)))
        await met
      }),
    )

    it(
      'run side by side, many over one connection',
      story(async ({ bob, dial }) => {
        await bob.serve(PROTOCOL, async (stream) => {
          const bytes = await collect(stream.source)
          await send(stream, bytes)
        })
        await Promise.all(
          Array.from({ length: 60 }, async (_, index) => {
            const bytes = noise(10_000 + index, index)
            const stream = await dial()
            await send(stream, bytes)
            expect(same(await collect(stream.source), bytes)).toBe(true)
          }),
        )
      }),
    )

    it(
      'can be opened one after another, thousands of times',
      story(async ({ bob, dial }) => {
        await bob.serve(PROTOCOL, async (stream) => send(stream, await collect(stream.source)))
        for (let round = 0; round < 2000; round++) {
          const stream = await dial()
          await stream.write(text('x'))
          await stream.end()
          expect(await collect(stream.source)).toEqual(text('x'))
        }
      }),
    )
  })

  describe(`${name} as a Network: trouble`, () => {
    it(
      'a reset reaches reader and writer at both ends',
      story(async ({ bob, dial }) => {
        const met = serveOnce(bob, async (stream) => {
          await stream.write(text('!'))
          await expect(collect(stream.source)).rejects.toThrow(StreamResetError)
          await expect(keepWriting(stream)).rejects.toThrow(StreamResetError)
        })
        const stream = await dial()
        await stream.write(text('so far'))
        const reading = await greeted(stream)
        stream.reset()
        stream.reset()
        await expect(reading.next()).rejects.toThrow(StreamResetError)
        await expect(stream.write(text('more'))).rejects.toThrow(StreamResetError)
        await met
      }),
    )

    it(
      'a reset wakes a reader and a writer that wait',
      story(async ({ bob, dial }) => {
        const arrived = Promise.withResolvers<ByteStream>()
        await bob.serve(PROTOCOL, async (stream) => {
          arrived.resolve(stream)
          await expect(keepWriting(stream)).rejects.toThrow(StreamResetError)
        })
        const stream = await dial()
        const writing = keepWriting(stream).catch((error: unknown) => error)
        const remote = await arrived.promise
        remote.reset()
        expect(await writing).toBeInstanceOf(StreamResetError)
        await expect(collect(stream.source)).rejects.toThrow(StreamResetError)
      }),
    )

    it(
      'a reset of one stream leaves its neighbours alone',
      story(async ({ bob, dial }) => {
        await bob.serve(PROTOCOL, async (stream) => send(stream, await collect(stream.source)))
        const [one, two] = [await dial(), await dial()]
        await two.write(text('he'))
        one.reset()
        await two.write(text('llo'))
        await two.end()
        expect(await collect(two.source)).toEqual(text('hello'))
      }),
    )

    it(
      'a handler that fails resets its stream, and the next one is served',
      story(async ({ bob, dial }) => {
        let calls = 0
        await bob.serve(PROTOCOL, async (stream) => {
          calls++
          if (calls === 1) throw new Error('a bug')
          await send(stream, text('well'))
        })
        const stream = await dial()
        await expect(collect(stream.source)).rejects.toThrow(StreamResetError)
        expect(await collect((await dial()).source)).toEqual(text('well'))
      }),
    )

    it(
      'half a transfer never looks whole when the writer’s node closes',
      story(async ({ alice, bob, dial }) => {
        const met = serveOnce(bob, async (stream) => {
          await stream.write(text('!'))
          await expect(collect(stream.source)).rejects.toThrow(StreamResetError)
        })
        const stream = await dial()
        await stream.write(text('only the beginn'))
        await greeted(stream)
        await alice.close()
        await met
      }),
    )

    it(
      'half an answer never looks whole when the reader’s node closes',
      story(async ({ alice, bob, dial }) => {
        const met = serveOnce(bob, async (stream) => {
          await stream.write(text('!'))
          await expect(keepWriting(stream)).rejects.toThrow(StreamResetError)
        })
        const stream = await dial()
        const reading = await greeted(stream)
        await alice.close()
        await met
        await expect(drain(reading)).rejects.toThrow(StreamResetError)
      }),
    )

    it(
      'W13: a protocol nobody serves is told apart from all other trouble, at the dial',
      story(async ({ alice, bob }) => {
        await bob.serve(PROTOCOL, async (stream) => send(stream, text('hello')))
        for (const addresses of [bob.addresses(), []]) {
          const dialing = alice.dial(bob.self, '/cairn/none', addresses, never())
          await expect(dialing).rejects.toBeInstanceOf(ProtocolNotServedError)
        }
        expect(await exchange(alice, bob)).toEqual(text('hello'))
      }),
    )

    it(
      'a dial with no address, or where nobody is, is unreachable',
      story(async ({ alice, bob }, world) => {
        const stranger = await world.makeNode()
        await expect(alice.dial(stranger.self, PROTOCOL, [], never())).rejects.toThrow(
          PeerUnreachableError,
        )
        await expect(alice.dial(bob.self, PROTOCOL, [world.deadAddress], never())).rejects.toThrow(
          PeerUnreachableError,
        )
        await expect(alice.dial(bob.self, PROTOCOL, ['no address'], never())).rejects.toThrow(
          PeerUnreachableError,
        )
      }),
    )

    it(
      'a dial tries every address',
      story(async ({ alice, bob }, world) => {
        await bob.serve(PROTOCOL, async (stream) => send(stream, text('here')))
        const stream = await alice.dial(
          bob.self,
          PROTOCOL,
          ['no address', world.deadAddress, ...bob.addresses()],
          never(),
        )
        expect(await collect(stream.source)).toEqual(text('here'))
      }),
    )

    it(
      'a dial that meets somebody else is unreachable',
      story(async ({ alice, bob }, world) => {
        const carol = await world.makeNode()
        await bob.serve(PROTOCOL, async (stream) => send(stream, text('not carol')))
        await expect(alice.dial(carol.self, PROTOCOL, bob.addresses(), never())).rejects.toThrow(
          PeerUnreachableError,
        )
      }),
    )

    it(
      'a dial ends with its signal’s reason, unchanged',
      story(async ({ alice, bob }) => {
        const reason = new Error('enough')
        await expect(
          alice.dial(bob.self, PROTOCOL, bob.addresses(), AbortSignal.abort(reason)),
        ).rejects.toBe(reason)
        const controller = new AbortController()
        const dialing = alice.dial(bob.self, PROTOCOL, bob.addresses(), controller.signal)
        controller.abort(reason)
        await expect(dialing).rejects.toBe(reason)
      }),
    )
  })

  describe(`${name} as a Network: who may come`, () => {
    it(
      'nobody, until a gate is set',
      story(async ({ bob }, world) => {
        const [carol, dave] = [await world.makeNode(), await world.makeNode()]
        let isMet = false
        await carol.serve(PROTOCOL, async () => {
          isMet = true
        })
        for (const who of [bob, dave]) {
          await expect(exchange(who, carol)).rejects.toSatisfy(isRefusal)
        }
        expect(isMet).toBe(false)
      }),
    )

    it(
      'N05: only whom the gate admits, by proven identity',
      story(async ({ alice, bob }, world) => {
        const stranger = await world.makeNode()
        const asked: string[] = []
        const met: string[] = []
        bob.gate((peer) => {
          asked.push(peer)
          return peer === alice.self
        })
        await bob.serve(PROTOCOL, async (stream) => {
          met.push(stream.remote)
          await send(stream, text('welcome'))
        })
        await expect(exchange(stranger, bob)).rejects.toSatisfy(isRefusal)
        expect(await exchange(alice, bob)).toEqual(text('welcome'))
        expect(new Set(asked)).toEqual(new Set([stranger.self, alice.self]))
        expect(met).toEqual([alice.self])
      }),
    )

    it(
      'a refused node may come once the gate changes its mind',
      story(async ({ bob }, world) => {
        const carol = await world.makeNode()
        bob.gate(() => false)
        await bob.serve(PROTOCOL, async (stream) => send(stream, text('welcome')))
        await expect(exchange(carol, bob)).rejects.toSatisfy(isRefusal)
        bob.gate(() => true)
        expect(await exchange(carol, bob)).toEqual(text('welcome'))
      }),
    )

    it(
      'whom we dial may answer though our own gate admits nobody',
      story(async ({ bob }, world) => {
        const carol = await world.makeNode()
        await bob.serve(PROTOCOL, async (stream) => send(stream, text('hello')))
        expect(await exchange(carol, bob)).toEqual(text('hello'))
      }),
    )

    it(
      'whom we dial may not open streams of its own unless our gate admits it',
      story(async ({ alice, bob, dial }) => {
        let isMet = false
        await alice.serve(PROTOCOL, async (stream) => {
          isMet = true
          await send(stream, text('welcome'))
        })
        await bob.serve(PROTOCOL, async (stream) => stream.write(text('!')))
        await greeted(await dial())
        await expect(exchange(bob, alice)).rejects.toSatisfy(isRefusal)
        expect(isMet).toBe(false)
        alice.gate(() => true)
        expect(await exchange(bob, alice)).toEqual(text('welcome'))
      }),
    )

    it(
      'a peer we hang up on loses its streams, and must pass the gate again',
      story(async ({ alice, bob, dial }) => {
        const met = serveOnce(bob, async (stream) => {
          await stream.write(text('!'))
          await expect(collect(stream.source)).rejects.toThrow(StreamResetError)
        })
        const reading = await greeted(await dial())
        bob.gate(() => false)
        await bob.hangUp(alice.self)
        await expect(reading.next()).rejects.toThrow(StreamResetError)
        await met
        await expect(exchange(alice, bob)).rejects.toSatisfy(isRefusal)

        bob.gate(() => true)
        await greeted(await dial())
      }),
    )

    it(
      'hanging up on somebody unknown does no harm',
      story(async ({ bob }, world) => {
        const carol = await world.makeNode()
        await expect(bob.hangUp(carol.self)).resolves.toBeUndefined()
      }),
    )

    it(
      'a node that closed answers nobody, and can be closed again',
      story(async ({ alice, bob }) => {
        await bob.serve(PROTOCOL, async (stream) => send(stream, text('hello')))
        const addresses = bob.addresses()
        await bob.close()
        await bob.close()
        await expect(
          alice.dial(bob.self, PROTOCOL, addresses, never()).then((s) => collect(s.source)),
        ).rejects.toSatisfy(isRefusal)
        await expect(bob.dial(alice.self, PROTOCOL, alice.addresses(), never())).rejects.toThrow(
          PeerUnreachableError,
        )
      }),
    )

    it(
      'has addresses that name no unspecified host',
      story(async ({ bob }) => {
        expect(bob.addresses().length).toBeGreaterThan(0)
        for (const address of bob.addresses()) expect(address).not.toContain('/0.0.0.0/')
      }),
    )
  })
}

interface Pair {
  readonly alice: Network
  readonly bob: Network
  /** A stream from Alice to Bob. */
  readonly dial: () => Promise<ByteStream>
}

async function makePair(world: NetworkWorld): Promise<Pair> {
  const [alice, bob] = [await world.makeNode(), await world.makeNode()]
  bob.gate(() => true)
  return {
    alice,
    bob,
    dial: () => alice.dial(bob.self, PROTOCOL, bob.addresses(), never()),
  }
}

/** @returns resolves when the first stream's handler is done, rejects as it does */
function serveOnce(node: Network, handle: (stream: ByteStream) => Promise<void>): Promise<void> {
  return serving(node, 1, handle)
}

/** As `serveOnce`, for the first two streams. */
function serveEach(
  node: Network,
  handle: (stream: ByteStream, ordinal: number) => Promise<void>,
): Promise<void> {
  return serving(node, 2, handle)
}

async function serving(
  node: Network,
  count: number,
  handle: (stream: ByteStream, ordinal: number) => Promise<void>,
): Promise<void> {
  const outcome = Promise.withResolvers<void>()
  let started = 0
  let finished = 0
  await node.serve(PROTOCOL, async (stream) => {
    try {
      await handle(stream, started++)
      if (++finished === count) outcome.resolve()
    } catch (error) {
      outcome.reject(error)
      throw error
    }
  })
  return outcome.promise
}

async function exchange(from: Network, to: Network): Promise<Uint8Array> {
  const stream = await from.dial(to.self, PROTOCOL, to.addresses(), never())
  return collect(stream.source)
}

/** Write all of it in pieces, then end. */
async function send(stream: ByteStream, bytes: Uint8Array): Promise<void> {
  const pieceSize = 256 * 1024
  for (let offset = 0; offset < bytes.length; offset += pieceSize) {
    await stream.write(bytes.subarray(offset, offset + pieceSize))
  }
  await stream.end()
}

/**
 * Read the first byte, `!`: then the other end's handler surely has the stream.
 *
 * @returns the rest
 */
async function greeted(stream: ByteStream): Promise<AsyncIterator<Uint8Array>> {
  const reading = stream.source[Symbol.asyncIterator]()
  expect(await reading.next()).toEqual({ done: false, value: text('!') })
  return reading
}

async function drain(reading: AsyncIterator<Uint8Array>): Promise<void> {
  while (!(await reading.next()).done);
}

/** Write until something breaks; far more than any window holds. */
async function keepWriting(stream: ByteStream): Promise<void> {
  const piece = noise(64 * 1024)
  for (let size = 0; size < 16 * IN_FLIGHT_MAX; size += piece.length) await stream.write(piece)
}

/** A refusal shows where the dialler first notices: in the dial or on the stream. */
const isRefusal = (error: unknown): boolean =>
  error instanceof PeerUnreachableError || error instanceof StreamResetError

const never = (): AbortSignal => new AbortController().signal
