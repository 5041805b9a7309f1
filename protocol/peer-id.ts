/**
 * Peer identities: libp2p's text form of an Ed25519 public key, as `12D3KooW…`.
 *
 * base58btc( 00 24 ‖ 08 01 12 20 ‖ public key ): an identity multihash of 36 bytes that hold the key as
 * libp2p's protobuf. The text is the key, so a statement signed by a peer needs no key beside its name.
 * Peers with other kinds of keys are not in this version's grids.
 *
 * Format: docs/formats/keys.md
 */

import { base58btc } from 'multiformats/bases/base58'
import { concat } from './bytes.ts'
import { FormatError } from './errors.ts'

/** A peer's public identity in libp2p's text form; the same type as in src/ports/network.ts. */
export type PeerId = string & { readonly brand: 'PeerId' }

// Identity multihash of 36 bytes; protobuf fields: 1 (type) = 1 (Ed25519), 2 (data) = 32 bytes.
const PREFIX = Uint8Array.of(0x00, 0x24, 0x08, 0x01, 0x12, 0x20)
const KEY_SIZE = 32
const TEXT_SIZE = 52

/**
 * @param publicKey - 32 bytes
 * @throws {FormatError} for any other length
 */
export function peerIdOf(publicKey: Uint8Array): PeerId {
  if (publicKey.length !== KEY_SIZE) {
    throw new FormatError(`a public key is 32 bytes, not ${publicKey.length}`)
  }
  return branded(base58btc.baseEncode(concat(PREFIX, publicKey)))
}

/**
 * @returns the 32 bytes of the peer's public key
 * @throws {FormatError} unless `peer` is the text of an Ed25519 peer id
 */
export function publicKeyOf(peer: string): Uint8Array {
  const bytes = peer.length === TEXT_SIZE ? decodeBase58(peer) : undefined
  if (
    bytes?.length !== PREFIX.length + KEY_SIZE ||
    !PREFIX.every((byte, index) => bytes[index] === byte)
  ) {
    throw new FormatError('not the peer id of an Ed25519 key')
  }
  return bytes.slice(PREFIX.length)
}

/** @throws {FormatError} unless `text` is the text of an Ed25519 peer id */
export function parsePeerId(text: string): PeerId {
  publicKeyOf(text)
  return branded(text)
}

function branded(text: string): PeerId {
  if (!isPeerId(text)) throw new FormatError('not the peer id of an Ed25519 key')
  return text
}

/** The six bytes of the prefix make the first eight letters, whatever the key. */
function isPeerId(text: string): text is PeerId {
  return text.length === TEXT_SIZE && text.startsWith('12D3KooW')
}

function decodeBase58(text: string): Uint8Array | undefined {
  try {
    return base58btc.baseDecode(text)
  } catch {
    return undefined // a letter outside the alphabet
  }
}
