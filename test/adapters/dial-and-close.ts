/** Two nodes meet, talk and close; then this process has nothing left to do. */

import { createNetwork } from '../../src/adapters/libp2p-network.ts'
import { collect, text } from '../ports/story.ts'

const PROTOCOL = '/cairn/test'

const server = await createNetwork({
  seed: new Uint8Array(32).fill(1),
  listen: ['/ip4/127.0.0.1/tcp/0'],
})
server.gate(() => true)
await server.serve(PROTOCOL, async (stream) => {
  await stream.write(text('hello'))
  await stream.end()
})

const client = await createNetwork({ seed: new Uint8Array(32).fill(2), listen: [] })
const never = new AbortController().signal
const stream = await client.dial(server.self, PROTOCOL, server.addresses(), never)
console.log(new TextDecoder().decode(await collect(stream.source)))
// Left open on purpose: closing a node must not wait for its streams.
await client.dial(server.self, PROTOCOL, server.addresses(), never)

await client.close()
await server.close()
