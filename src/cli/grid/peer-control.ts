/**
 * Peer control: how commands talk to a peer that runs on this computer.
 *
 * JSON lines over a local socket that only this user can open. A client sends one line, the request and what it
 * needs; the peer answers with lines of progress and then one that ends it:
 *
 *     → {"request":"invite","quota":…}         → {"answer":true}     further lines, where it asks for them
 *     ← {"event":{…}}  …                       ← {"result":{…}}  or  {"error":{"name":…,"message":…}}
 *
 * When either side goes, the request is over; what it had done stays done.
 */

import { once } from 'node:events'
import { chmodSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { CairnError, UsageError } from '../../base/errors.ts'
import { findControlPath, prepareControlPath, removeControlPath } from './control-path.ts'

/** Characters of one line: a request, or an event, is a few hundred. */
const LINE_LENGTH_MAX = 65_536

/** How long clients may take to hear the last words, ms. */
const CLOSE_MS = 500

/** Clients at a time: a person and a few scripts. */
const CLIENTS_MAX = 16

/** No peer runs in this store, so nobody can be asked. */
export class PeerNotRunningError extends UsageError {
  override readonly name = 'PeerNotRunningError'
}

/** The running peer did not do what it was asked for; it says why. */
export class PeerControlError extends UsageError {
  override readonly name = 'PeerControlError'
}

export type Fields = Readonly<Record<string, unknown>>

/** One request, as the peer sees it. */
export interface ControlCall {
  /** What the client sent with its request. */
  readonly fields: Fields
  /** Aborts when the client goes, or the peer stops. */
  readonly signal: AbortSignal
  /** Tell the client how it goes. */
  send(event: Fields): void
  /** @returns the client's next line; `undefined` once it sends no more */
  next(): Promise<Fields | undefined>
}

/** @returns what ends the request; what it throws of our own errors is told to the client */
export type ControlHandler = (call: ControlCall) => Promise<Fields>

export class ControlServer {
  readonly #store: string
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  /**
   * Serve until it is closed. The caller holds the store's lock.
   *
   * @param handlers - by the name of the request
   */
  static async start(
    store: string,
    handlers: Readonly<Record<string, ControlHandler>>,
    signal: AbortSignal,
  ): Promise<ControlServer> {
    const path = prepareControlPath(store)
    const control = new ControlServer(store, handlers, signal)
    // The socket is made with what the mask leaves, so nobody slips in before its mode is set.
    const mask = process.umask(0o177)
    try {
      control.#server.listen(path)
    } finally {
      process.umask(mask)
    }
    await once(control.#server, 'listening')
    chmodSync(path, 0o600)
    return control
  }

  private constructor(
    store: string,
    handlers: Readonly<Record<string, ControlHandler>>,
    signal: AbortSignal,
  ) {
    this.#store = store
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      if (this.#sockets.size > CLIENTS_MAX) socket.destroy()
      else void serveOne(socket, handlers, signal)
    })
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    // Whoever is just being answered hears the end of it, unless they do not listen.
    const stop = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, CLOSE_MS)
    for (const socket of this.#sockets) socket.end()
    await closed
    clearTimeout(stop)
    removeControlPath(this.#store)
  }
}

/**
 * Ask the peer that runs in this store.
 *
 * @param onEvent - told how it goes; what it gives back is sent to the peer
 * @returns what the peer says at the end
 * @throws {PeerNotRunningError}
 * @throws {PeerControlError} the peer says why not
 */
export async function askPeer(
  store: string,
  request: string,
  fields: Fields,
  signal: AbortSignal,
  onEvent: (event: Fields) => Promise<Fields | undefined> | Fields | undefined = () => undefined,
): Promise<Fields> {
  const socket = await connectTo(store)
  const stop = () => socket.destroy()
  signal.addEventListener('abort', stop, { once: true })
  try {
    sendLine(socket, { request, ...fields })
    for await (const text of linesOf(socket)) {
      const line = parseLine(text)
      if ('result' in line) return line['result'] as Fields
      if ('error' in line) throw new PeerControlError(String((line['error'] as Fields)['message']))
      const answer = await onEvent(line['event'] as Fields)
      if (answer !== undefined) sendLine(socket, answer)
    }
  } catch (error) {
    signal.throwIfAborted()
    if (error instanceof CairnError || !isBroken(error)) throw error
  } finally {
    signal.removeEventListener('abort', stop)
    socket.destroy()
  }
  signal.throwIfAborted()
  throw new PeerControlError('The peer stopped before it had answered')
}

async function connectTo(store: string): Promise<Socket> {
  const socket = connect(findControlPath(store))
  try {
    await once(socket, 'connect')
    return socket
  } catch (error) {
    socket.destroy()
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES') {
      throw new UsageError(`The peer in ${store} belongs to another user`, { cause: error })
    }
    throw new PeerNotRunningError(
      `No peer runs in ${store}: start it with "cairn peer run --store ${store} …" and try again`,
      { cause: error },
    )
  }
}

async function serveOne(
  socket: Socket,
  handlers: Readonly<Record<string, ControlHandler>>,
  signal: AbortSignal,
): Promise<void> {
  const gone = new AbortController()
  const stop = () => gone.abort(new Error('the client is gone'))
  socket.on('close', stop).on('error', stop)
  const lines = linesOf(socket)
  try {
    const first = await lines.next()
    if (first.done === true) return
    const { request, ...fields } = parseLine(first.value)
    const isKnown = typeof request === 'string' && Object.hasOwn(handlers, request)
    const handler = isKnown ? handlers[request] : undefined
    if (handler === undefined) throw new UsageError('This peer does not know that request')
    const result = await handler({
      fields,
      signal: AbortSignal.any([gone.signal, signal]),
      send: (event) => sendLine(socket, { event }),
      next: async () => {
        const line = await lines.next()
        return line.done === true ? undefined : parseLine(line.value)
      },
    })
    sendLine(socket, { result })
  } catch (error) {
    const { name, message } = error instanceof Error ? error : new Error(String(error))
    sendLine(socket, { error: { name, message } })
  } finally {
    socket.end()
  }
}

function sendLine(socket: Socket, line: Fields): void {
  if (socket.writable) socket.write(`${JSON.stringify(line)}\n`)
}

/** Lines as they come; one that grows too long is the last. Nothing is thrown here: that would break the socket. */
async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let text = ''
  socket.setEncoding('utf8')
  for await (const part of socket as AsyncIterable<string>) {
    text += part
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield text.slice(0, end)
      text = text.slice(end + 1)
    }
    if (text.length > LINE_LENGTH_MAX) {
      yield text
      return
    }
  }
}

/** @throws {UsageError} for a line that is too long, or no JSON object */
function parseLine(text: string): Fields {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value }
  } catch {
    // Told below, as any other line that is none.
  }
  throw new UsageError('a line of the control socket is no JSON object')
}

/** The socket broke, as it does when the peer is killed. */
function isBroken(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE'
}
