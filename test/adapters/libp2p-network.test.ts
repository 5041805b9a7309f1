import { networkSuite } from '../ports/network.suite.ts'
import { createNetwork } from '../../src/adapters/libp2p-network.ts'
import type { Network } from '../../src/ports/network.ts'

let seeds = 0

networkSuite('Libp2pNetwork', () => {
  const nodes: Network[] = []
  return {
    makeNode: async () => {
      const seed = new Uint8Array(32)
      new DataView(seed.buffer).setUint32(0, ++seeds)
      const node = await createNetwork({ seed, listen: ['/ip4/127.0.0.1/tcp/0'] })
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
