/**
 * A home's router that maps ports when it is asked by UPnP, as a process: it answers SSDP on the home's
 * network and SOAP at port 5000, and forwards with iptables. IGD version 1, as most routers.
 *
 *     node fake-router.ts LAN-ADDRESS EXTERNAL-ADDRESS [TAKEN-PORT]
 *
 * A taken port is another machine's.
 */

import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { createServer } from 'node:http'
import process from 'node:process'

const [lan = '', external = '', taken = ''] = process.argv.slice(2)
const SERVICE = 'urn:schemas-upnp-org:service:WANIPConnection:1'
const DEVICE = 'urn:schemas-upnp-org:device:InternetGatewayDevice:1'

const DESCRIPTION = `<?xml version="1.0"?>
<root xmlns="urn:schemas-upnp-org:device-1-0"><device><deviceType>${DEVICE}</deviceType>
<serviceList><service><serviceType>urn:schemas-upnp-org:service:Layer3Forwarding:1</serviceType>
<controlURL>/other</controlURL></service></serviceList>
<deviceList><device><deviceList><device><serviceList><service><serviceType>${SERVICE}</serviceType>
<serviceId>urn:upnp-org:serviceId:WANIPConn1</serviceId><controlURL>/control</controlURL>
<eventSubURL>/events</eventSubURL><SCPDURL>/scpd.xml</SCPDURL></service></serviceList></device>
</deviceList></device></deviceList></device></root>`

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (part: string) => (body += part))
  request.on('end', () => {
    const action = /#(\w+)"/.exec(String(request.headers['soapaction']))?.[1] ?? ''
    const isQuestion = request.method === 'GET'
    const [status, answer] = isQuestion
      ? [200, DESCRIPTION]
      : act(action, (name) => field(body, name))
    response.writeHead(status, { 'content-type': 'text/xml' }).end(answer)
  })
})
server.listen(5000, lan)

const socket = createSocket({ type: 'udp4', reuseAddr: true })
socket.on('message', (message, { address, port }) => {
  if (!message.toString().startsWith('M-SEARCH') || !message.includes(DEVICE)) return
  const lines = ['HTTP/1.1 200 OK', `ST: ${DEVICE}`, `LOCATION: http://${lan}:5000/root.xml`]
  socket.send(`${lines.join('\r\n')}\r\n\r\n`, port, address)
})
socket.bind(1900, () => {
  socket.addMembership('239.255.255.250', lan)
  process.stdout.write('ready\n')
})

function act(action: string, value: (name: string) => string): [status: number, body: string] {
  if (action === 'GetExternalIPAddress') {
    return [200, envelope(action, `<NewExternalIPAddress>${external}</NewExternalIPAddress>`)]
  }
  const [port, client] = [value('NewExternalPort'), value('NewInternalClient')]
  if (action === 'AddPortMapping') {
    if (port === taken) return [500, fault(718)]
    forward('-A', port, `${client}:${value('NewInternalPort')}`)
    process.stdout.write(`mapped ${port}\n`)
    return [200, envelope(action, '')]
  }
  if (action === 'DeletePortMapping') {
    execFileSync('iptables', ['-t', 'nat', '-F', 'PREROUTING'])
    process.stdout.write(`unmapped ${port}\n`)
    return [200, envelope(action, '')]
  }
  return [500, fault(401)]
}

function forward(how: string, port: string, to: string): void {
  const rule = ['-i', 'e0', '-p', 'tcp', '--dport', port, '-j', 'DNAT', '--to-destination', to]
  execFileSync('iptables', ['-t', 'nat', how, 'PREROUTING', ...rule])
}

function field(body: string, name: string): string {
  return new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1] ?? ''
}

function envelope(action: string, content: string): string {
  return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<u:${action}Response xmlns:u="${SERVICE}">${content}</u:${action}Response></s:Body></s:Envelope>`
}

function fault(code: number): string {
  return `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault>
<detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>${code}</errorCode></UPnPError></detail>
</s:Fault></s:Body></s:Envelope>`
}
