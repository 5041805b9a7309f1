/** Networks on which one peer lies: what it says, and what it gives. */

import type { ClientPorts } from '../../src/node/client.ts'
import type { ByteStream, PeerId } from '../../src/ports/network.ts'

/**
 * A bit of what one peer sends arrives turned around.
 *
 * @param sizeMin - only in chunks of so many bytes and more
 */
export function lyingBy(ports: ClientPorts, liar: PeerId, sizeMin = 1_000): ClientPorts {
  const network: ClientPorts['network'] = async (seed) => {
    const real = await ports.network(seed)
    return new Proxy(real, {
      get(target, name) {
        if (name !== 'dial') return bound(target, name)
        return async (...args: Parameters<typeof real.dial>) => {
          const stream = await target.dial(...args)
          return stream.remote === liar ? turned(stream, sizeMin) : stream
        }
      },
    })
  }
  return { ...ports, network }
}

function turned(stream: ByteStream, sizeMin: number): ByteStream {
  async function* source() {
    for await (const chunk of stream.source) {
      const bytes = chunk.slice()
      if (bytes.length >= sizeMin) bytes[bytes.length - 1]! ^= 1
      yield bytes
    }
  }
  const wrong = source()
  return new Proxy(stream, {
    get: (target, name) => (name === 'source' ? wrong : bound(target, name)),
  })
}

function bound(target: object, name: string | symbol): unknown {
  const value: unknown = Reflect.get(target, name, target)
  return typeof value === 'function' ? (value.bind(target) as unknown) : value
}
