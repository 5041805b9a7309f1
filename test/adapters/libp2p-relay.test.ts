import { noise as noiseProtocol } from '@chainsafe/libp2p-noise'
import { circuitRelayServer } from '@libp2p/circuit-relay-v2'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { describe, expect, it, onTestFinished } from 'vitest'

import {
  CircuitTalk,
  HOP,
  HOP_PROTOCOL,
  STATUS,
  STOP,
  STOP_PROTOCOL,
} from '../../src/adapters/libp2p-circuit-messages.ts'
import { RelayedConnection } from '../../src/adapters/libp2p-circuit.ts'
import { createNetwork } from '../../src/adapters/libp2p-network.ts'
import type { NetworkOptions } from '../../src/adapters/libp2p-network.ts'
import { makeNode as makeLibp2p } from '../../src/adapters/libp2p-node.ts'
import { PeerUnreachableError, StreamResetError } from '../../src/base/errors.ts'
import type { ByteStream, Network, PeerId } from '../../src/ports/network.ts'
import { networkSuite } from '../ports/network.suite.ts'
import { collect, noise, text } from '../ports/story.ts'

const PROTOCOL = '/cairn/test'

let seeds = 5_000

networkSuite('Libp2pNetwork through a relay', async () => {
  const nodes: Network[] = []
  const relay = await open({ isRelay: true })
  relay.gate(() => true)
  nodes.push(relay)
  return {
    makeNode: async () => {
      const node = behind(await open({}), relay)
      nodes.push(node)
      await node.reserve(relay.self, relay.addresses(), never())
      return node
    },
    deadAddress: '/ip4/127.0.0.1/tcp/1',
    dispose: async () => {
      for (const node of nodes) await node.close()
    },
  }
})

describe('a relay', () => {
  it('leads members to those who asked it to, and its connections are told apart', async () => {
    const { relay, bob, alice } = await three()
    const stream = await alice.dial(bob.self, PROTOCOL, through(relay, bob), never())
    expect(await collect(stream.source)).toEqual(text('bob'))
    expect(alice.links()).toMatchObject([
      { peer: relay.self, way: 'local', isInbound: false },
      { peer: bob.self, way: 'relay', relay: relay.self, isInbound: false },
    ])
    expect(bob.links()).toContainEqual(
      expect.objectContaining({ peer: alice.self, way: 'relay', isInbound: true }),
    )
  })

  it('is told to others by whom it leads to, behind the addresses of its own', async () => {
    const { relay, bob } = await three()
    expect(bob.addresses().at(-1)).toBe(`/p2p/${relay.self}/p2p-circuit/p2p/${bob.self}`)
    bob.unreserve(relay.self)
    expect(bob.addresses().join()).not.toContain('p2p-circuit')
  })

  it('that is gone is told to nobody any more', async () => {
    const { relay, bob } = await three()
    const known = bob.addresses()
    await relay.close()
    await bob.changed(known, never())
    expect(bob.addresses().join()).not.toContain('p2p-circuit')
  })

  it('leads nobody to a member that is not there, and says so', async () => {
    const { relay, alice } = await three()
    const carol = await make({})
    const dialing = alice.dial(carol.self, PROTOCOL, through(relay, carol), never())
    await expect(dialing).rejects.toThrow(PeerUnreachableError)
    await expect(dialing).rejects.toThrow('the peer is not connected to it')
  })

  it('serves no stranger: neither one who wants to be reached, nor one who dials', async () => {
    const { relay, bob, alice } = await three()
    const stranger = await make({})
    relay.gate((peer) => peer !== stranger.self)
    await expect(stranger.reserve(relay.self, relay.addresses(), never())).rejects.toThrow(
      PeerUnreachableError,
    )
    await expect(stranger.dial(bob.self, PROTOCOL, through(relay, bob), never())).rejects.toThrow(
      PeerUnreachableError,
    )
    expect(await said(await alice.dial(bob.self, PROTOCOL, through(relay, bob), never()))).toBe(
      'bob',
    )
  })

  it('that does not pass on says so', async () => {
    const other = await make({})
    other.gate(() => true)
    const bob = await make({})
    await expect(bob.reserve(other.self, other.addresses(), never())).rejects.toThrow(
      PeerUnreachableError,
    )
  })

  it('gives way to a direct connection once there is one', async () => {
    const { relay, bob, alice } = await three()
    await said(await alice.dial(bob.self, PROTOCOL, through(relay, bob), never()))
    const both = [...bob.addresses(), ...through(relay, bob)]
    await said(await alice.dial(bob.self, PROTOCOL, both, never()))
    await until(() => alice.links().some(({ peer, way }) => peer === bob.self && way === 'local'))
    expect(await said(await alice.dial(bob.self, PROTOCOL, both, never()))).toBe('bob')
    await until(() => alice.links().every(({ way }) => way !== 'relay'))
  })

  it('is not used where the peer itself answers', async () => {
    const { relay, bob, alice } = await three()
    const both = [...through(relay, bob), ...bob.addresses()]
    expect(await said(await alice.dial(bob.self, PROTOCOL, both, never()))).toBe('bob')
    expect(alice.links().map(({ way }) => way)).toEqual(['local'])
  })

  it('does not count where a friend wants to know whether a peer is reached', async () => {
    const { relay, bob, alice } = await three()
    await said(await alice.dial(bob.self, PROTOCOL, through(relay, bob), never()))
    expect(await alice.probe(bob.self, through(relay, bob), never())).toBeUndefined()
    expect(await alice.probe(bob.self, ['/ip4/127.0.0.1/tcp/1'], never())).toBeUndefined()
    const [direct = ''] = bob.addresses()
    expect(await alice.probe(bob.self, ['/ip4/127.0.0.1/tcp/1', direct], never())).toBe(direct)
  })

  it('holds back a fast writer: what the slower side does not take does not gather in it', async () => {
    const relay = await make({ isRelay: true })
    relay.gate(() => true)
    const [address = ''] = relay.addresses()
    // Two windows of two megabytes, and what may wait between them.
    expect(await takenFromBoth(address)).toBeLessThan(8 * 1024 * 1024)
  })

  it('N04: that leads to somebody else is found out by whoever dials', async () => {
    const { alice, bob } = await three()
    const evil = await makeLibp2p({ seed: seedOf(++seeds), listen: [LOOPBACK] }, () => false)
    onTestFinished(() => evil.libp2p.stop())
    await evil.libp2p.start()
    const met: string[] = []
    await evil.libp2p.handle('/cairn/test', () => void met.push('evil'))
    await evil.libp2p.handle(HOP_PROTOCOL, async (stream, connection) => {
      const talk = new CircuitTalk(stream, HOP_PROTOCOL)
      await talk.hear(never())
      await talk.say({ type: HOP.status, status: STATUS.ok }, never())
      talk.end()
      const raw = new RelayedConnection(stream, connection.remoteAddr, alice.self)
      // It takes the peer's part, and has not the peer's key.
      await evil.parts.upgrader.upgradeInbound(raw, { signal: never() }).catch(() => undefined)
    })
    const [address = ''] = evil.libp2p.getMultiaddrs().map(String)
    const dialing = alice.dial(bob.self, PROTOCOL, [`${address}/p2p-circuit`], never())
    await expect(dialing).rejects.toThrow(PeerUnreachableError)
    expect(met).toEqual([])
  })

  it('N04: that brings somebody under another name is found out by whoever is dialled', async () => {
    const { alice } = await three()
    const victim = await make({})
    const met: PeerId[] = []
    victim.gate(() => true)
    await victim.serve(PROTOCOL, async (stream) => {
      met.push(stream.remote)
      await stream.end()
    })
    const evil = await makeLibp2p({ seed: seedOf(++seeds), listen: [LOOPBACK] }, () => false)
    onTestFinished(() => evil.libp2p.stop())
    await evil.libp2p.start()
    await evil.libp2p.handle(HOP_PROTOCOL, async (stream) => {
      const talk = new CircuitTalk(stream, HOP_PROTOCOL)
      await talk.hear(never())
      await talk.say({ type: HOP.status, status: STATUS.ok }, never())
      await stream.close()
    })
    const [address = ''] = evil.libp2p.getMultiaddrs().map(String)
    await victim.reserve(evil.libp2p.peerId.toString() as PeerId, [address], never())
    const [connection] = evil.libp2p.getConnections()
    const stream = await connection!.newStream(STOP_PROTOCOL)
    const talk = new CircuitTalk(stream, STOP_PROTOCOL)
    await talk.say({ type: STOP.connect, peer: alice.self }, never())
    expect((await talk.hear(never())).status).toBe(STATUS.ok)
    talk.end()
    const raw = new RelayedConnection(stream, connection!.remoteAddr, victim.self)
    const upgrading = evil.parts.upgrader.upgradeOutbound(raw, {
      signal: AbortSignal.timeout(5_000),
    })
    await expect(upgrading.then((made) => made.newStream(PROTOCOL))).rejects.toThrow(/./)
    expect(met).toEqual([])
    expect(victim.links().map(({ peer }) => peer)).not.toContain(alice.self)
  })

  it('N03: with libp2p’s own limit of 128 KiB passes small things, says why larger ones broke, and passes on', async () => {
    const relay = await createLibp2p({
      addresses: { listen: [LOOPBACK] },
      transports: [tcp()],
      connectionEncrypters: [noiseProtocol()],
      streamMuxers: [yamux()],
      services: { relay: circuitRelayServer() },
    })
    onTestFinished(() => relay.stop())
    const name = relay.peerId.toString() as PeerId
    const addresses = relay.getMultiaddrs().map(String)
    const [bob, alice] = [await make({}), await make({ listen: [] })]
    bob.gate(() => true)
    await bob.serve(PROTOCOL, async (stream) => {
      let size = 0
      for await (const chunk of stream.source) size += chunk.length
      await stream.write(text(String(size)))
      await stream.end()
    })
    await bob.reserve(name, addresses, never())
    const where = addresses.map((address) => `${address}/p2p-circuit/p2p/${bob.self}`)
    const send = async (size: number): Promise<string> => {
      const stream = await alice.dial(bob.self, PROTOCOL, where, never())
      await stream.write(noise(size))
      await stream.end()
      return await said(stream)
    }
    expect(await send(50_000)).toBe('50000')
    const broken = send(2_000_000)
    await expect(broken).rejects.toThrow(StreamResetError)
    await expect(broken).rejects.toThrow(`the relay ${name} passes on only 131072 bytes`)
    expect(await send(50_000)).toBe('50000')
  })
})

/**
 * Join two nodes that keep to no protocol behind the relay: one sends as fast as it can, the other reads
 * nothing.
 *
 * @returns bytes that were taken from the sender until nothing moved for a while
 */
async function takenFromBoth(address: string): Promise<number> {
  const [source, target] = await Promise.all([
    makeLibp2p({ seed: seedOf(++seeds), listen: [] }, () => false),
    makeLibp2p({ seed: seedOf(++seeds), listen: [] }, () => false),
  ])
  for (const { libp2p } of [source, target]) {
    await libp2p.start()
    onTestFinished(() => libp2p.stop())
  }
  await target.libp2p.handle(STOP_PROTOCOL, async (stream) => {
    const talk = new CircuitTalk(stream, STOP_PROTOCOL)
    await talk.hear(never())
    await talk.say({ type: STOP.status, status: STATUS.ok }, never())
    talk.end()
    stream.pause()
  })
  const where = multiaddr(address)
  const reserving = await (await target.libp2p.dial(where)).newStream(HOP_PROTOCOL)
  const wish = new CircuitTalk(reserving, HOP_PROTOCOL)
  await wish.say({ type: HOP.reserve }, never())
  expect((await wish.hear(never())).status).toBe(STATUS.ok)

  const stream = await (await source.libp2p.dial(where)).newStream(HOP_PROTOCOL)
  const talk = new CircuitTalk(stream, HOP_PROTOCOL)
  const peer = target.libp2p.peerId.toString() as PeerId
  await talk.say({ type: HOP.connect, peer }, never())
  expect((await talk.hear(never())).status).toBe(STATUS.ok)
  talk.end()
  const piece = new Uint8Array(64 * 1024)
  let sent = 0
  const send = (): void => {
    while (stream.writeBufferLength === 0 && sent < 256 * 1024 * 1024) {
      stream.send(piece)
      sent += piece.length
    }
  }
  stream.addEventListener('drain', send)
  send()
  for (let before = -1; before !== sent;) {
    before = sent
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
  return sent
}

const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

/** A relay; Bob, whom it leads to; Alice, who only dials. */
async function three(): Promise<{ relay: Network; bob: Network; alice: Network }> {
  const [relay, bob, alice] = [
    await make({ isRelay: true }),
    await make({}),
    await make({ listen: [] }),
  ]
  relay.gate(() => true)
  bob.gate(() => true)
  await bob.serve(PROTOCOL, async (stream) => {
    await stream.write(text('bob'))
    await stream.end()
  })
  await bob.reserve(relay.self, relay.addresses(), never())
  return { relay, bob, alice }
}

function through(relay: Network, peer: Network): string[] {
  return relay
    .addresses()
    .filter((address) => !address.includes('p2p-circuit'))
    .map((address) => `${address}/p2p-circuit/p2p/${peer.self}`)
}

/** The node as others see it that reach it through the relay alone. */
function behind(node: Network, relay: Network): Network {
  return {
    self: node.self,
    addresses: () => through(relay, node),
    links: () => node.links(),
    changed: (known, signal) => node.changed(known, signal),
    probe: (peer, addresses, signal) => node.probe(peer, addresses, signal),
    reserve: (peer, addresses, signal) => node.reserve(peer, addresses, signal),
    unreserve: (peer) => node.unreserve(peer),
    discover: (grid, isMember) => node.discover(grid, isMember),
    dial: (peer, protocol, addresses, signal) => node.dial(peer, protocol, addresses, signal),
    serve: (protocol, handler) => node.serve(protocol, handler),
    gate: (isAdmitted) => node.gate((peer) => peer === relay.self || isAdmitted(peer)),
    hangUp: (peer) => node.hangUp(peer),
    close: () => node.close(),
  }
}

async function make(options: Partial<NetworkOptions>): Promise<Network> {
  const node = await open(options)
  onTestFinished(() => node.close())
  return node
}

function open(options: Partial<NetworkOptions>): Promise<Network> {
  return createNetwork({ seed: seedOf(++seeds), listen: [LOOPBACK], ...options })
}

async function said(stream: ByteStream): Promise<string> {
  const all = new TextDecoder().decode(await collect(stream.source))
  await stream.end()
  return all
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries > 500) throw new Error('it never came to be so')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

function seedOf(number: number): Uint8Array {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(28, number)
  return seed
}

const never = (): AbortSignal => new AbortController().signal
