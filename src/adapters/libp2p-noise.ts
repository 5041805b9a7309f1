/**
 * Libp2p's noise, which takes no copy of what it is going to decrypt.
 *
 * It prepares a place to decrypt into for each message: a copy of the ciphertext, where a message came in
 * several reads of the socket. Node's cipher, which takes all but the smallest messages, has no use for it.
 * Figures: docs/adr/0031-sending.md
 */

import { noise } from '@chainsafe/libp2p-noise'
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'

type Bytes = Parameters<MessageStream['send']>[0]
type Noise = ReturnType<typeof noise>

/** Ciphertext shorter than this is decrypted in WebAssembly, into that place; see noise's `defaultCrypto`. */
const NATIVE_SIZE_MIN = 1200

const NO_PLACE = new Uint8Array(0)

/** How noise's connections decrypt one message. */
interface Decrypting {
  readonly handshake: { readonly decrypt: (message: Bytes, place: Uint8Array) => Bytes }
  decrypt: (message: Bytes) => Bytes
}

export function leanNoise(): (components: Parameters<Noise>[0]) => ConnectionEncrypter {
  const make = noise()
  return (components) => {
    const encrypter = make(components)
    const secureInbound = encrypter.secureInbound.bind(encrypter)
    const secureOutbound = encrypter.secureOutbound.bind(encrypter)
    encrypter.secureInbound = async (connection, options) =>
      lean(await secureInbound(connection, options))
    encrypter.secureOutbound = async (connection, options) =>
      lean(await secureOutbound(connection, options))
    return encrypter
  }
}

function lean<Secured extends { readonly connection: object }>(secured: Secured): Secured {
  const { connection } = secured
  // A noise that decrypts elsewhere works as it is, only slower.
  if (!isDecrypting(connection)) return secured
  const decrypt = connection.decrypt.bind(connection)
  connection.decrypt = (message) =>
    message.byteLength < NATIVE_SIZE_MIN
      ? decrypt(message)
      : connection.handshake.decrypt(message, NO_PLACE)
  return secured
}

function isDecrypting(connection: object): connection is Decrypting {
  return (
    'decrypt' in connection &&
    typeof connection.decrypt === 'function' &&
    'handshake' in connection &&
    typeof connection.handshake === 'object' &&
    connection.handshake !== null &&
    'decrypt' in connection.handshake &&
    typeof connection.handshake.decrypt === 'function'
  )
}
