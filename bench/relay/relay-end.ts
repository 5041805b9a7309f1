/**
 * One end of a relayed way, as a process in a namespace of its own: `bench/relay.ts` starts it.
 *
 *     node relay-end.ts relay  SEED LISTEN            leads others to each other
 *     node relay-end.ts target SEED RELAY RELAY-ID    takes bytes, and says how many
 *     node relay-end.ts source SEED TARGET-ADDRESS TARGET-ID BYTES   sends them; prints the seconds, of the clock and of CPU
 *
 * Each prints `ready` and its identity, then what it measured; it ends when it is killed.
 */

import process from 'node:process'
import { createNetwork } from '../../src/adapters/libp2p-network.ts'
import type { ByteStream, PeerId } from '../../src/ports/network.ts'
import { BenchError } from '../bench-error.ts'

const PROTOCOL = '/cairn/bench'
const PIECE_SIZE = 256 * 1024

const [role = '', seed = '', ...rest] = process.argv.slice(2)
const forever = new AbortController().signal
const options = { seed: new Uint8Array(32).fill(Number(seed)) }

switch (role) {
  case 'relay':
    await relay(rest)
    break
  case 'target':
    await target(rest)
    break
  case 'source':
    await source(rest)
    break
  default:
    throw new BenchError(`no role ${role}`)
}

async function relay([listen = '']: readonly string[]): Promise<void> {
  const network = await createNetwork({ ...options, listen: [listen], isRelay: true })
  network.gate(() => true)
  await network.serve(PROTOCOL, take)
  say(`ready ${network.self}`)
}

async function target([address = '', id = '']: readonly string[]): Promise<void> {
  const network = await createNetwork({ ...options, listen: ['/ip4/0.0.0.0/tcp/0'] })
  network.gate(() => true)
  await network.serve(PROTOCOL, take)
  await network.reserve(id as PeerId, [address], forever)
  say(`ready ${network.self}`)
}

async function source([address = '', id = '', bytes = '']: readonly string[]): Promise<void> {
  const network = await createNetwork({ ...options, listen: [] })
  const size = Number(bytes)
  const open = () => network.dial(id as PeerId, PROTOCOL, [address], forever)
  // The connection, and code that is compiled as it runs, are not what is measured.
  await send(await open(), size / 8)
  const start = performance.now()
  const before = process.cpuUsage()
  await send(await open(), size)
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(before)
  const [link] = network.links().filter(({ peer }) => peer === id)
  say(`seconds ${seconds} ${(user + system) / 1e6} ${link?.way ?? 'none'}`)
  await network.close()
}

async function send(stream: ByteStream, size: number): Promise<void> {
  const piece = new Uint8Array(PIECE_SIZE).fill(7)
  for (let sent = 0; sent < size; sent += PIECE_SIZE) await stream.write(piece)
  await stream.end()
  // The last byte has arrived once the other end says so.
  for await (const answer of stream.source) if (answer.length > 0) return
}

async function take(stream: ByteStream): Promise<void> {
  let size = 0
  for await (const chunk of stream.source) size += chunk.length
  await stream.write(new TextEncoder().encode(String(size)))
  await stream.end()
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
