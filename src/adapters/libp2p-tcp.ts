/**
 * Libp2p's TCP transport, with lists of buffers written in one go and given back at once.
 *
 * Its own connections write each buffer by itself: 2 bytes of length, the ciphertext in pieces, 16
 * bytes of tag, a system call each. And since every noise message is a new buffer outside of V8's
 * heap, sending 10 MB was enough to start a full garbage collection. Here a connection corks its
 * socket around each list, and frees the buffers as soon as the system has taken them. The way in is
 * the upgrader, which every transport hands its raw connections to. Figures: docs/adr/0031-sending.md
 */

import { Socket } from 'node:net'

import type { MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import type { TCPComponents } from '@libp2p/tcp'

/** Smaller buffers may be part of a pool, and cost the garbage collector little. */
const FREED_SIZE_MIN = 4096

/** How libp2p's own connections hand bytes to their transport; see `AbstractMessageStream`. */
interface Sending {
  readonly socket: Socket
  sendData: (list: Iterable<Uint8Array>) => { sentBytes: number; canSendMore: boolean }
}

/** Connections over TCP that are open. */
export class OpenSockets {
  readonly #open = new Set<MultiaddrConnection & Sending>()

  add(connection: MultiaddrConnection & Sending): void {
    this.#open.add(connection)
    connection.addEventListener('close', () => this.#open.delete(connection))
  }

  /**
   * End connections that go out from an address which this machine has no more: nothing comes back to it,
   * and the system would go on trying for many minutes.
   *
   * @param addresses - of all interfaces
   */
  endStale(addresses: ReadonlySet<string>): void {
    for (const connection of this.#open) {
      // An IPv4 address may be written as one of IPv6, and a link-local one with its interface.
      const local = connection.socket.localAddress?.replace(/^::ffff:|%.*$/g, '')
      if (local === undefined || local.startsWith('127.') || addresses.has(local)) continue
      connection.abort(new Error(`this machine is not at ${local} any more`))
    }
  }
}

/** @param sockets - told of every connection that opens */
export function corkedTcp(sockets: OpenSockets): (components: TCPComponents) => Transport {
  const make = tcp()
  return (components) => {
    const transport = make(components)
    const dial = transport.dial.bind(transport)
    const createListener = transport.createListener.bind(transport)
    transport.dial = (address, options) =>
      dial(address, { ...options, upgrader: corking(options.upgrader, sockets) })
    transport.createListener = (options) =>
      createListener({ ...options, upgrader: corking(options.upgrader, sockets) })
    return transport
  }
}

/** The upgrader, which corks each connection before it upgrades it. */
function corking(upgrader: Upgrader, sockets: OpenSockets): Upgrader {
  return {
    upgradeOutbound: (connection: MultiaddrConnection, options) =>
      upgrader.upgradeOutbound(corked(connection, sockets), options),
    upgradeInbound: (connection: MultiaddrConnection, options) =>
      upgrader.upgradeInbound(corked(connection, sockets), options),
    createInboundAbortSignal: (signal) => upgrader.createInboundAbortSignal(signal),
    getStreamMuxers: () => upgrader.getStreamMuxers(),
    getConnectionEncrypters: () => upgrader.getConnectionEncrypters(),
  }
}

function corked(connection: MultiaddrConnection, sockets: OpenSockets): MultiaddrConnection {
  // A libp2p that keeps its socket elsewhere works as it is, only slower.
  if (!isSending(connection)) return connection
  sockets.add(connection)
  const { socket } = connection
  connection.sendData = (list) => {
    const pieces = [...list]
    let sentBytes = 0
    let canSendMore = true
    socket.cork()
    for (const [index, piece] of pieces.entries()) {
      const isLast = index === pieces.length - 1
      canSendMore = socket.write(piece, isLast ? (error) => free(pieces, error) : undefined)
      sentBytes += piece.byteLength
    }
    socket.uncork()
    return { sentBytes, canSendMore }
  }
  return connection
}

function isSending(connection: object): connection is MultiaddrConnection & Sending {
  return (
    'socket' in connection &&
    connection.socket instanceof Socket &&
    'sendData' in connection &&
    typeof connection.sendData === 'function'
  )
}

/**
 * Free what was written. What passes here was made by noise for this one write: ciphertext in buffers
 * that nobody else has.
 *
 * @param error - if there is one, the system may still be reading the buffers
 */
function free(pieces: readonly Uint8Array[], error: Error | null | undefined): void {
  if (error) return
  for (const { buffer, byteLength } of pieces) {
    const isOwn = buffer instanceof ArrayBuffer && buffer.byteLength === byteLength
    if (isOwn && byteLength >= FREED_SIZE_MIN) buffer.transfer(0)
  }
}
