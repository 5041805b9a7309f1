import { execFileSync } from 'node:child_process'
import { connect, Socket } from 'node:net'
import { fileURLToPath } from 'node:url'

import { describe, expect, it, onTestFinished, vi } from 'vitest'

import { peerIdOf } from '../../protocol/peer-id.ts'
import { signingKeyFromSeed } from '../../protocol/signing.ts'
import { createNetwork } from '../../src/adapters/libp2p-network.ts'
import type { NetworkOptions } from '../../src/adapters/libp2p-network.ts'
import { UsageError } from '../../src/base/errors.ts'
import type { Network } from '../../src/ports/network.ts'
import { networkSuite } from '../ports/network.suite.ts'
import { collect, noise } from '../ports/story.ts'

const PROTOCOL = '/cairn/test'

let seeds = 0

networkSuite('Libp2pNetwork', () => {
  const nodes: Network[] = []
  return {
    makeNode: async () => {
      const node = await createNetwork({ seed: seedOf(++seeds), listen: ['/ip4/127.0.0.1/tcp/0'] })
      nodes.push(node)
      return node
    },
    // Port 1 (tcpmux) is listened at by nobody.
    deadAddress: '/ip4/127.0.0.1/tcp/1',
    dispose: async () => {
      for (const node of nodes) await node.close()
    },
  }
})

describe('Libp2pNetwork', () => {
  it('is known by the name that our own formats give its key', async () => {
    const key = signingKeyFromSeed(seedOf(7))
    const node = await makeNode({ seed: key.seed, listen: [] })
    expect(node.self).toBe(peerIdOf(key.publicKey))
  })

  it('tells concrete addresses where it listens at all of them, its own machine’s last', async () => {
    const node = await makeNode({ listen: ['/ip4/0.0.0.0/tcp/0'] })
    const addresses = node.addresses()
    expect(addresses.length).toBeGreaterThan(0)
    for (const address of addresses) {
      expect(address).toMatch(/^\/ip4\/\d+\.\d+\.\d+\.\d+\/tcp\/[1-9]\d*\/p2p\/12D3KooW/)
      expect(address).not.toContain('/0.0.0.0/')
    }
    const loopback = addresses.findIndex((address) => address.startsWith('/ip4/127.'))
    expect(loopback).toBe(addresses.length - 1)
  })

  it('tells the addresses it was told to announce first of all, and none where nobody gets in', async () => {
    const outbound = await makeNode({ listen: [] })
    expect(outbound.addresses()).toEqual([])
    const forwarded = await makeNode({
      listen: ['/ip4/127.0.0.1/tcp/0'],
      announce: ['/dns4/cairn.example/tcp/4001'],
    })
    expect(forwarded.addresses()[0]).toBe(`/dns4/cairn.example/tcp/4001/p2p/${forwarded.self}`)
    expect(forwarded.addresses()).toHaveLength(2)
  })

  it('says which address it cannot listen at', async () => {
    const first = await makeNode({})
    const taken = first.addresses()[0]!.replace(/\/p2p\/.*/, '')
    await expect(makeNode({ listen: [taken] })).rejects.toThrow(UsageError)
    await expect(makeNode({ listen: [taken] })).rejects.toThrow(taken)
    await expect(makeNode({ listen: ['no address'] })).rejects.toThrow(UsageError)
    await expect(makeNode({ announce: ['no address'] })).rejects.toThrow(UsageError)
  })

  it('lets thirty nodes of one machine in at the same moment', async () => {
    const server = await makeNode({})
    server.gate(() => true)
    await server.serve(PROTOCOL, (stream) => stream.end())
    const clients = await Promise.all(Array.from({ length: 30 }, () => makeNode({ listen: [] })))
    await Promise.all(
      clients.map(async (client) => {
        const stream = await client.dial(server.self, PROTOCOL, server.addresses(), never())
        expect(await collect(stream.source)).toEqual(new Uint8Array(0))
        await stream.end()
      }),
    )
  })

  it('keeps serving a peer that came back again and again under the same name', async () => {
    const server = await makeNode({})
    server.gate(() => true)
    await server.serve(PROTOCOL, (stream) => stream.end())
    const seed = seedOf(99)
    for (let life = 0; life < 12; life++) {
      const client = await makeNode({ seed, listen: [] })
      const stream = await client.dial(server.self, PROTOCOL, server.addresses(), never())
      expect(await collect(stream.source)).toEqual(new Uint8Array(0))
    }
  })

  it('says of a peer whose gate is closed that it hung up, and of nobody else', async () => {
    const [shut, stranger] = [await makeNode({}), await makeNode({ listen: [] })]
    const dial = (addresses: readonly string[]) =>
      stranger.dial(shut.self, PROTOCOL, addresses, AbortSignal.timeout(10_000))
    await expect(dial(shut.addresses())).rejects.toMatchObject({
      message: `${shut.self}: hung up on us`,
      isTurnedAway: true,
    })
    await expect(dial(['/ip4/127.0.0.1/tcp/1'])).rejects.toMatchObject({ isTurnedAway: false })
    shut.gate(() => true)
    await expect(dial(shut.addresses())).rejects.toMatchObject({ name: 'ProtocolNotServedError' })
  })

  it('reaches a peer that only dials, over the connection it made', async () => {
    const [server, laptop] = [await makeNode({}), await makeNode({ listen: [] })]
    server.gate(() => true)
    laptop.gate(() => true)
    await server.serve(PROTOCOL, (stream) => stream.end())
    await laptop.serve(PROTOCOL, (stream) => stream.end())
    await collect((await laptop.dial(server.self, PROTOCOL, server.addresses(), never())).source)
    const stream = await server.dial(laptop.self, PROTOCOL, [], never())
    expect(await collect(stream.source)).toEqual(new Uint8Array(0))
  })

  it('resets streams beyond what one connection may hold, and serves those within', async () => {
    const [server, client] = [await makeNode({}), await makeNode({ listen: [] })]
    server.gate(() => true)
    const released = Promise.withResolvers<void>()
    await server.serve(PROTOCOL, async (stream) => {
      await released.promise
      await stream.end()
    })
    const outcomes = await Promise.allSettled(
      Array.from({ length: 200 }, async () => {
        const stream = await client.dial(server.self, PROTOCOL, server.addresses(), never())
        setImmediate(released.resolve)
        await collect(stream.source)
        await stream.end()
      }),
    )
    const served = outcomes.filter(({ status }) => status === 'fulfilled').length
    expect(served).toBeGreaterThanOrEqual(100)
    await collect((await client.dial(server.self, PROTOCOL, server.addresses(), never())).source)
  })

  it('W06: goes on with a transfer while strangers hold half-open connections', async () => {
    const [server, client] = [await makeNode({}), await makeNode({ listen: [] })]
    server.gate(() => true)
    const bytes = noise(8 * 1024 * 1024)
    await server.serve(PROTOCOL, async (stream) => {
      for (let at = 0; at < bytes.length; at += 65_536)
        await stream.write(bytes.subarray(at, at + 65_536))
      await stream.end()
    })
    const stream = await client.dial(server.self, PROTOCOL, server.addresses(), never())
    const collected = collect(stream.source)
    const port = Number(/\/tcp\/(\d+)/.exec(server.addresses()[0] ?? '')?.[1])
    const strangers = Array.from({ length: 400 }, () => {
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => undefined)
      return socket
    })
    onTestFinished(() => strangers.forEach((socket) => socket.destroy()))
    const received = await collected
    expect(received.length).toBe(bytes.length)
    // What is open stays open; it is newcomers who wait for a place.
    const again = await client.dial(server.self, PROTOCOL, [], never())
    expect((await collect(again.source)).length).toBe(bytes.length)
  })

  it('gives plain arrays, whose slices are copies', async () => {
    const [server, client] = [await makeNode({}), await makeNode({ listen: [] })]
    server.gate(() => true)
    await server.serve(PROTOCOL, async (stream) => {
      await stream.write(noise(100_000))
      await stream.end()
    })
    const stream = await client.dial(server.self, PROTOCOL, server.addresses(), never())
    for await (const chunk of stream.source) expect(Buffer.isBuffer(chunk)).toBe(false)
  })

  it('sends every byte and leaves the buffers as they were, though it frees what it made of them', async () => {
    const [server, client] = [await makeNode({}), await makeNode({ listen: [] })]
    server.gate(() => true)
    const received = Promise.withResolvers<Uint8Array>()
    await server.serve(PROTOCOL, async (stream) => received.resolve(await collect(stream.source)))
    const stream = await client.dial(server.self, PROTOCOL, server.addresses(), never())
    const buffers = Array.from({ length: 40 }, (_, round) => new Uint8Array(256 * 1024).fill(round))
    for (const buffer of buffers) await stream.write(buffer)
    await stream.end()
    const whole = await received.promise
    expect(whole.every((byte, index) => byte === Math.floor(index / (256 * 1024)))).toBe(true)
    for (const [round, buffer] of buffers.entries()) {
      expect(buffer.length).toBe(256 * 1024)
      expect(buffer.every((byte) => byte === round)).toBe(true)
    }
  })

  it('writes what belongs together at once: a large piece takes few calls of its socket', async () => {
    const writes = vi.spyOn(Socket.prototype, 'cork')
    const [server, client] = [await makeNode({}), await makeNode({ listen: [] })]
    server.gate(() => true)
    const received = Promise.withResolvers<Uint8Array>()
    await server.serve(PROTOCOL, async (stream) => received.resolve(await collect(stream.source)))
    const stream = await client.dial(server.self, PROTOCOL, server.addresses(), never())
    await stream.write(new Uint8Array(128 * 1024))
    await stream.end()
    await received.promise
    // Libp2p keeps its sockets where we look for them.
    expect(writes).toHaveBeenCalled()
    writes.mockRestore()
  })

  it('joins nothing of what arrives: neither to decrypt it nor to give it on', async () => {
    const joins = vi.spyOn(Buffer, 'concat')
    onTestFinished(() => joins.mockRestore())
    const [server, client] = [await makeNode({}), await makeNode({ listen: [] })]
    server.gate(() => true)
    const received = Promise.withResolvers<number>()
    await server.serve(PROTOCOL, async (stream) => {
      let size = 0
      for await (const chunk of stream.source) size += chunk.length
      received.resolve(size)
    })
    const stream = await client.dial(server.self, PROTOCOL, server.addresses(), never())
    const piece = new Uint8Array(256 * 1024)
    for (let count = 0; count < 16; count += 1) await stream.write(piece)
    await stream.end()
    expect(await received.promise).toBe(16 * piece.length)
    // Libp2p and noise keep what we replace where we look for it.
    const joined = joins.mock.results.map(({ value }) => (value as Buffer).length)
    expect(joined.reduce((sum, size) => sum + size, 0)).toBeLessThan(piece.length)
  })

  it('leaves nothing open once it is closed, so that its process ends', () => {
    const script = new URL('dial-and-close.ts', import.meta.url)
    const execArgv = ['--disable-warning=ExperimentalWarning', fileURLToPath(script)]
    const output = execFileSync(process.execPath, execArgv, { encoding: 'utf8', timeout: 30_000 })
    expect(output.trim()).toBe('hello')
  })
})

/** A node for one test, listening at loopback if not told otherwise. */
async function makeNode(options: Partial<NetworkOptions>): Promise<Network> {
  const node = await createNetwork({
    seed: seedOf(1000 + ++seeds),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    ...options,
  })
  onTestFinished(() => node.close())
  return node
}

function seedOf(number: number): Uint8Array {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(28, number)
  return seed
}

const never = (): AbortSignal => new AbortController().signal
