/**
 * Router mapping: asks the home's router, by UPnP, to lead a port of ours in from outside.
 *
 * SSDP finds the router, SOAP talks to it: IGD version 1 as well as 2, since most routers are of the first.
 * What a router says is believed only as far as it does no harm: it is asked at the address that it
 * answered from, reads are bounded, and the address it names is announced only where it can be public.
 *
 * Sources: UPnP Device Architecture 1.1 (SSDP), WANIPConnection:1 and :2
 */

import { createSocket } from 'node:dgram'
import { connect } from 'node:net'

import { orAbort } from '../base/abort.ts'

/** Where routers listen for questions. */
const SSDP = { address: '239.255.255.250', port: 1900 } as const

const ROUTERS = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
] as const

const SERVICE = /urn:schemas-upnp-org:service:WAN(?:IP|PPP)Connection:[12]/

/** A router answers within this, ms; it is asked twice, as packets get lost. */
const SEARCH_MS_MAX = 3_000
const REQUEST_MS_MAX = 5_000

/** Bytes of an answer: descriptions of routers with many services have 20 KB. */
const ANSWER_SIZE_MAX = 256 * 1024

/** A mapping ends by itself after this, seconds, and is renewed in half of it. */
const LEASE_SECONDS = 3_600

/** Ports tried, where others have taken ours. */
const PORTS_MAX = 8

/** What UPnP answers: another machine has the port; the router knows no leases. */
const ERROR_TAKEN = 718
const ERROR_PERMANENT_ONLY = 725

interface Service {
  readonly type: string
  readonly control: URL
}

/** A port of ours as others reach it. */
export interface Mapping {
  /** Multiaddr without `/p2p/…`. */
  readonly address: string
  readonly externalPort: number
}

export class RouterMapping {
  readonly #port: number
  readonly #onChange: () => void
  #service: Service | undefined
  #mapping: Mapping | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #stopped = new AbortController()

  /**
   * @param port - the TCP port we listen at
   * @param onChange - called when the address that leads to us is another one
   */
  constructor(port: number, onChange: () => void) {
    this.#port = port
    this.#onChange = onChange
  }

  /** Ask now, and again before the answer is out of date. Returns at once; a home without UPnP is silent. */
  start(): void {
    if (this.#stopped.signal.aborted) return
    void this.#renew().finally(() => {
      if (this.#stopped.signal.aborted) return
      this.#timer = setTimeout(() => this.start(), (LEASE_SECONDS * 1000) / 2)
      this.#timer.unref()
    })
  }

  /** Take the mapping back. */
  async stop(): Promise<void> {
    this.#stopped.abort()
    clearTimeout(this.#timer)
    const [service, mapping] = [this.#service, this.#mapping]
    this.#mapping = undefined
    if (service === undefined || mapping === undefined) return
    const args = {
      NewRemoteHost: '',
      NewExternalPort: mapping.externalPort,
      NewProtocol: 'TCP',
    }
    await call(service, 'DeletePortMapping', args, AbortSignal.timeout(1_000)).catch(() => '')
  }

  /** @returns multiaddrs that lead to us from outside */
  addresses(): string[] {
    return this.#mapping === undefined ? [] : [this.#mapping.address]
  }

  async #renew(): Promise<void> {
    const before = this.#mapping?.address
    try {
      this.#service ??= await findService(this.#stopped.signal)
      this.#mapping =
        this.#service === undefined
          ? undefined
          : await map(this.#service, this.#port, this.#stopped.signal)
    } catch {
      // It may be another router now, or none.
      this.#service = undefined
      this.#mapping = undefined
    }
    if (this.#mapping?.address !== before) this.#onChange()
  }
}

/** @returns the service of the first router that answers and can map ports */
async function findService(signal: AbortSignal): Promise<Service | undefined> {
  for (const location of await search(signal)) {
    try {
      const text = await request(location, { method: 'GET' }, signal)
      const service = serviceIn(text, location)
      if (service !== undefined) return service
    } catch {
      signal.throwIfAborted()
    }
  }
  return undefined
}

/** @returns where routers keep their descriptions, each at the address it answered from */
async function search(signal: AbortSignal): Promise<URL[]> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true })
  const found = new Map<string, URL>()
  const over = Promise.withResolvers<void>()
  const timers = [setTimeout(over.resolve, SEARCH_MS_MAX)]
  socket.on('error', () => over.resolve())
  socket.on('message', (message, { address }) => {
    const location = /^location:\s*(\S+)/im.exec(message.toString('latin1'))?.[1]
    if (location === undefined || !URL.canParse(location)) return
    const url = new URL(location)
    if (url.protocol !== 'http:' || url.hostname !== address || found.size >= 8) return
    found.set(url.href, url)
    // Others that are there answer at about the same time.
    timers.push(setTimeout(over.resolve, 200))
  })
  const ask = (): void => {
    for (const router of ROUTERS) {
      const lines = [
        'M-SEARCH * HTTP/1.1',
        `HOST: ${SSDP.address}:${SSDP.port}`,
        'MAN: "ssdp:discover"',
        'MX: 1',
        `ST: ${router}`,
      ]
      socket.send(`${lines.join('\r\n')}\r\n\r\n`, SSDP.port, SSDP.address, (error) => {
        if (error !== null) over.resolve()
      })
    }
  }
  socket.bind(0, () => {
    ask()
    timers.push(setTimeout(ask, 1_000))
  })
  try {
    await orAbort(over.promise, signal)
    return [...found.values()]
  } finally {
    for (const timer of timers) clearTimeout(timer)
    socket.close()
  }
}

/** @returns the service for port mappings that a description names */
export function serviceIn(description: string, location: URL): Service | undefined {
  for (const [block] of description.matchAll(/<service>[\s\S]*?<\/service>/g)) {
    const type = SERVICE.exec(block)?.[0]
    const path = /<controlURL>\s*([^<\s]+)\s*<\/controlURL>/.exec(block)?.[1]
    if (type === undefined || path === undefined || !URL.canParse(path, location)) continue
    const control = new URL(path, location)
    if (control.hostname === location.hostname) return { type, control }
  }
  return undefined
}

/** @returns the mapping; `undefined` if the router itself is not reached from outside */
export async function map(
  service: Service,
  port: number,
  signal: AbortSignal,
): Promise<Mapping | undefined> {
  const answer = await call(service, 'GetExternalIPAddress', {}, signal)
  const external = /<NewExternalIPAddress>\s*([\d.]+)\s*</.exec(answer)?.[1]
  if (external === undefined || !isPublic(external)) return undefined
  const internal = await localAddress(service.control, signal)
  for (let externalPort = port; externalPort < port + PORTS_MAX; externalPort++) {
    if (externalPort > 65_535) break
    if (await isMapped(service, { internal, port, externalPort }, signal)) {
      return { address: `/ip4/${external}/tcp/${externalPort}`, externalPort }
    }
  }
  return undefined
}

/** @returns false if another machine has the port */
async function isMapped(
  service: Service,
  wish: { readonly internal: string; readonly port: number; readonly externalPort: number },
  signal: AbortSignal,
): Promise<boolean> {
  for (const lease of [LEASE_SECONDS, 0]) {
    try {
      await call(
        service,
        'AddPortMapping',
        {
          NewRemoteHost: '',
          NewExternalPort: wish.externalPort,
          NewProtocol: 'TCP',
          NewInternalPort: wish.port,
          NewInternalClient: wish.internal,
          NewEnabled: 1,
          NewPortMappingDescription: 'cairn',
          NewLeaseDuration: lease,
        },
        signal,
      )
      return true
    } catch (error) {
      const code = error instanceof RouterError ? error.code : undefined
      if (code === ERROR_TAKEN) return false
      if (code !== ERROR_PERMANENT_ONLY) throw error
    }
  }
  return false
}

/** The router understood and said no. */
class RouterError extends Error {
  readonly code: number

  constructor(code: number) {
    super(`the router answered with UPnP error ${code}`)
    this.code = code
  }
}

async function call(
  service: Service,
  action: string,
  args: Readonly<Record<string, string | number>>,
  signal: AbortSignal,
): Promise<string> {
  const fields = Object.entries(args).map(([name, value]) => `<${name}>${value}</${name}>`)
  const body =
    '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" ' +
    's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>' +
    `<u:${action} xmlns:u="${service.type}">${fields.join('')}</u:${action}></s:Body></s:Envelope>`
  const headers = {
    'content-type': 'text/xml; charset="utf-8"',
    soapaction: `"${service.type}#${action}"`,
  }
  return await request(service.control, { method: 'POST', headers, body }, signal)
}

/** @throws {RouterError} */
async function request(url: URL, init: RequestInit, signal: AbortSignal): Promise<string> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS_MAX)])
  const response = await fetch(url, { ...init, redirect: 'error', signal: limit })
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > ANSWER_SIZE_MAX) throw new Error('the router says too much')
    parts.push(part)
  }
  const text = Buffer.concat(parts).toString('utf8')
  if (response.ok) return text
  throw new RouterError(Number(/<errorCode>\s*(\d+)/.exec(text)?.[1] ?? response.status))
}

/** @returns our own address in the router's network */
async function localAddress(router: URL, signal: AbortSignal): Promise<string> {
  const socket = connect({ host: router.hostname, port: Number(router.port || 80) })
  try {
    const connected = new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve).once('error', reject)
    })
    await orAbort(connected, AbortSignal.any([signal, AbortSignal.timeout(REQUEST_MS_MAX)]))
    const { localAddress: address } = socket
    if (address === undefined) throw new Error('no address of our own')
    return address
  } finally {
    socket.destroy()
  }
}

/** Behind a second router, or a provider's (100.64/10), a mapping leads to nobody. */
function isPublic(address: string): boolean {
  return !/^(0|10|127|169\.254|192\.168|172\.(1[6-9]|2\d|3[01])|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7]))\./.test(
    address,
  )
}
