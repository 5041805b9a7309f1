import { describe, expect, it } from 'vitest'

import { utf8 } from '../../protocol/bytes.ts'
import { peerIdOf } from '../../protocol/keys.ts'
import { PeerUnreachableError, StreamResetError } from '../../src/base/errors.ts'
import { streamPair, withLoopback } from '../../src/node/loopback.ts'
import type { ByteStream, Network } from '../../src/ports/network.ts'
import { person } from '../protocol/people.ts'
import { collect, join, text } from '../ports/story.ts'

const self = peerIdOf(person(1).key.publicKey)
const other = peerIdOf(person(2).key.publicKey)
const signal = new AbortController().signal
const MIB = 1024 * 1024

describe('a stream to ourselves', () => {
  it('carries bytes both ways, and each end believes the other is us', async () => {
    const network = withLoopback(networkOf())
    await network.serve('/echo', async (stream) => {
      expect(stream.remote).toBe(self)
      const question = await collect(stream.source)
      await stream.write(join([text('you said '), question]))
      await stream.end()
    })
    const stream = await network.dial(self, '/echo', [], signal)
    expect(stream.remote).toBe(self)
    await stream.write(text('hel'))
    await stream.write(text('lo'))
    await stream.end()
    expect(await collect(stream.source)).toEqual(text('you said hello'))
  })

  it('slows the writer down to the reader’s pace', async () => {
    const [near, far] = streamPair(self)
    let written = 0
    const writing = (async () => {
      for (let count = 0; count < 8; count += 1) {
        await near.write(new Uint8Array(MIB))
        written += MIB
      }
      await near.end()
    })()
    await settled()
    expect(written).toBeLessThanOrEqual(MIB)
    expect((await collect(far.source)).length).toBe(8 * MIB)
    await writing
  })

  it('keeps what was written, whatever becomes of the writer’s buffer', async () => {
    const [near, far] = streamPair(self)
    const bytes = utf8('kept')
    await near.write(bytes)
    bytes.fill(0)
    await near.end()
    expect(await collect(far.source)).toEqual(utf8('kept'))
  })

  it('goes on one way after the other way ended, and reads on are nobody’s burden', async () => {
    const [near, far] = streamPair(self)
    await far.end()
    expect(await collect(near.source)).toEqual(new Uint8Array(0))
    await near.write(text('one'))
    for await (const chunk of far.source) {
      expect(chunk).toEqual(text('one'))
      break
    }
    for (let count = 0; count < 4; count += 1) await near.write(new Uint8Array(MIB))
    await near.end()
  })

  it('that is reset breaks at both ends, for readers and writers that wait', async () => {
    const [near, far] = streamPair(self)
    const reading = collect(near.source)
    const writing = near.write(new Uint8Array(3 * MIB))
    far.reset()
    await expect(reading).rejects.toBeInstanceOf(StreamResetError)
    await expect(writing).rejects.toBeInstanceOf(StreamResetError)
    await expect(near.write(text('more'))).rejects.toBeInstanceOf(StreamResetError)
    near.reset()
  })

  it('is reset when its handler fails, and nobody is there without a handler', async () => {
    const network = withLoopback(networkOf())
    await expect(network.dial(self, '/none', [], signal)).rejects.toThrow(PeerUnreachableError)
    await network.serve('/broken', () => Promise.reject(new Error('broken')))
    const stream = await network.dial(self, '/broken', [], signal)
    await expect(collect(stream.source)).rejects.toBeInstanceOf(StreamResetError)
  })
})

describe('everybody else', () => {
  it('is dialled as before, and served as before', async () => {
    const dialled: string[] = []
    const served: string[] = []
    const network = withLoopback({
      ...networkOf(),
      dial: (peer) => {
        dialled.push(peer)
        return Promise.resolve(streamPair(peer)[0])
      },
      serve: (protocol) => {
        served.push(protocol)
        return Promise.resolve()
      },
    })
    await network.serve('/echo', () => Promise.resolve())
    await network.dial(other, '/echo', [], signal)
    expect([dialled, served]).toEqual([[other], ['/echo']])
  })
})

function networkOf(): Network {
  return {
    self,
    addresses: () => [],
    changed: () => new Promise(() => undefined),
    links: () => [],
    probe: () => Promise.resolve(undefined),
    reserve: () => Promise.resolve(),
    unreserve: () => undefined,
    discover: () => undefined,
    dial: (): Promise<ByteStream> => Promise.reject(new PeerUnreachableError('nobody there')),
    serve: () => Promise.resolve(),
    gate: () => undefined,
    hangUp: () => Promise.resolve(),
    close: () => Promise.resolve(),
  }
}

/** Lets everything happen that can. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve()
}
