import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { describe, expect, it, onTestFinished } from 'vitest'

import { map, serviceIn } from '../../src/adapters/router-mapping.ts'

const TYPE = 'urn:schemas-upnp-org:service:WANIPConnection:1'

describe('a router’s description', () => {
  const location = new URL('http://192.168.1.1:5000/root.xml')

  it('names the service for ports, of either version and by PPP too', () => {
    for (const type of [TYPE, TYPE.replace(':1', ':2'), TYPE.replace('IP', 'PPP')]) {
      expect(serviceIn(described(type, '/control'), location)).toEqual({
        type,
        control: new URL('http://192.168.1.1:5000/control'),
      })
    }
  })

  it('leads to no other machine, and nowhere if it is nonsense', () => {
    expect(serviceIn(described(TYPE, 'http://192.168.1.7/control'), location)).toBeUndefined()
    expect(serviceIn(described('urn:x:service:Printer:1', '/control'), location)).toBeUndefined()
    expect(serviceIn('<service>', location)).toBeUndefined()
    expect(serviceIn('', location)).toBeUndefined()
  })
})

describe('a router', () => {
  it('maps the port, for an hour', async () => {
    const { service, calls } = await router({ external: '5.6.7.8' })
    expect(await map(service, 4280, never())).toEqual({
      address: '/ip4/5.6.7.8/tcp/4280',
      externalPort: 4280,
    })
    expect(calls.at(-1)).toContain('<NewInternalClient>127.0.0.1</NewInternalClient>')
    expect(calls.at(-1)).toContain('<NewLeaseDuration>3600</NewLeaseDuration>')
  })

  it('whose port another machine has maps the next one', async () => {
    const { service } = await router({ external: '5.6.7.8', taken: ['4280', '4281'] })
    expect(await map(service, 4280, never())).toMatchObject({ externalPort: 4282 })
  })

  it('that knows no leases maps for good', async () => {
    const { service, calls } = await router({ external: '5.6.7.8', isPermanentOnly: true })
    expect(await map(service, 4280, never())).toMatchObject({ externalPort: 4280 })
    expect(calls.at(-1)).toContain('<NewLeaseDuration>0</NewLeaseDuration>')
  })

  it('N03: that is itself behind another, or behind a provider’s (CGNAT), is not announced', async () => {
    for (const external of ['192.168.0.2', '10.1.1.1', '172.20.0.1', '100.64.3.4', '0.0.0.0']) {
      const { service, calls } = await router({ external })
      expect(await map(service, 4280, never())).toBeUndefined()
      expect(calls.filter((call) => call.includes('AddPortMapping'))).toEqual([])
    }
  })

  it('that refuses, or says too much, is left alone', async () => {
    const { service } = await router({ external: '5.6.7.8', isRefusing: true })
    await expect(map(service, 4280, never())).rejects.toThrow('UPnP error 606')
    const flood = await router({ external: 'x'.repeat(1_000_000) })
    await expect(map(flood.service, 4280, never())).rejects.toThrow('too much')
  })
})

interface Behaviour {
  readonly external: string
  readonly taken?: readonly string[]
  readonly isPermanentOnly?: boolean
  readonly isRefusing?: boolean
}

async function router(behaviour: Behaviour) {
  const calls: string[] = []
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await bodyOf(request)
    calls.push(body)
    const code = refusal(behaviour, body)
    const isQuestion = body.includes('GetExternalIPAddress')
    const found = `<NewExternalIPAddress>${behaviour.external}</NewExternalIPAddress>`
    if (code === undefined) response.end(isQuestion ? found : '')
    else response.writeHead(500).end(`<errorCode>${code}</errorCode>`)
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve)
  })
  onTestFinished(() => void server.close())
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens at TCP
  const { port } = server.address() as AddressInfo
  return { service: { type: TYPE, control: new URL(`http://127.0.0.1:${port}/control`) }, calls }
}

function refusal(
  { taken = [], isPermanentOnly, isRefusing }: Behaviour,
  body: string,
): number | undefined {
  if (!body.includes('AddPortMapping')) return undefined
  if (isRefusing === true) return 606
  if (taken.some((port) => body.includes(`<NewExternalPort>${port}<`))) return 718
  return isPermanentOnly === true && body.includes('<NewLeaseDuration>3600<') ? 725 : undefined
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const part of request) body += String(part)
  return body
}

function described(type: string, control: string): string {
  return `<root><device><serviceList><service><serviceType>urn:other:1</serviceType>
    <controlURL>/other</controlURL></service><service><serviceType>${type}</serviceType>
    <controlURL>${control}</controlURL></service></serviceList></device></root>`
}

const never = (): AbortSignal => new AbortController().signal
