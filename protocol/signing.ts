/**
 * Signing: Ed25519 keys, and signatures that say what they are for.
 *
 * What is signed is never the bytes alone but `u8(length of tag) ‖ tag ‖ bytes`, so a signature made
 * for one purpose is worth nothing for another. A key that also serves as a libp2p identity signs
 * there too; libp2p's own signed texts start with `noise-` (0x6e) or with a length and a domain that
 * is not ours, and no tag of ours is 110 bytes long, so neither can be taken for the other.
 *
 * Format: docs/formats/keys.md
 */

import {
  createPrivateKey,
  createPublicKey,
  sign as ed25519Sign,
  verify as ed25519Verify,
  type KeyObject,
} from 'node:crypto'
import { concat, toHex, utf8 } from './bytes.ts'
import { FormatError } from './errors.ts'
import { sha256 } from './hash.ts'

export const SEED_SIZE = 32
export const PUBLIC_KEY_SIZE = 32
export const SIGNATURE_SIZE = 64

/** Tags are short ASCII names; below 0x6e bytes, see above. */
const TAG_SIZE_MAX = 64

// RFC 8410: the fixed DER around a raw Ed25519 seed (PKCS #8) and a raw public key (SPKI).
const PRIVATE_PREFIX = Uint8Array.of(
  0x30,
  0x2e,
  0x02,
  0x01,
  0x00,
  0x30,
  0x05,
  0x06,
  0x03,
  0x2b,
  0x65,
  0x70,
  0x04,
  0x22,
  0x04,
  0x20,
)
const PUBLIC_PREFIX = Uint8Array.of(
  0x30,
  0x2a,
  0x30,
  0x05,
  0x06,
  0x03,
  0x2b,
  0x65,
  0x70,
  0x03,
  0x21,
  0x00,
)

/** An Ed25519 key pair (RFC 8032), as 32 secret and 32 public bytes. */
export interface SigningKey {
  readonly seed: Uint8Array
  readonly publicKey: Uint8Array
}

/** @throws {FormatError} unless the seed is 32 bytes */
export function signingKeyFromSeed(seed: Uint8Array): SigningKey {
  const spki = createPublicKey(privateKeyObject(seed)).export({ format: 'der', type: 'spki' })
  return { seed: seed.slice(), publicKey: new Uint8Array(spki.subarray(PUBLIC_PREFIX.length)) }
}

/**
 * @param tag - what the signature is for, as 'cairn/head'
 * @returns 64 bytes, the same for the same input
 */
export function sign(key: SigningKey, tag: string, bytes: Uint8Array): Uint8Array {
  return new Uint8Array(ed25519Sign(null, signedText(tag, bytes), privateKeyObject(key.seed)))
}

/** @returns whether the signature holds; false too for keys and signatures of another size */
export function verify(
  publicKey: Uint8Array,
  tag: string,
  bytes: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== PUBLIC_KEY_SIZE || signature.length !== SIGNATURE_SIZE) return false
  const signed = signedText(tag, bytes)
  // The same heads and statements come again and again; a hash is thirty times as fast.
  const name = toHex(sha256(publicKey, signature, signed))
  if (holding.has(name)) return true
  const isHolding = isSigned(publicKey, signed, signature)
  if (isHolding) remember(name)
  return isHolding
}

/** Signatures that were found to hold, the oldest first. */
const holding = new Set<string>()

const HOLDING_MAX = 4096

function remember(name: string): void {
  const [oldest] = holding
  if (oldest !== undefined && holding.size >= HOLDING_MAX) holding.delete(oldest)
  holding.add(name)
}

function isSigned(publicKey: Uint8Array, signed: Uint8Array, signature: Uint8Array): boolean {
  try {
    return ed25519Verify(null, signed, publicKeyObject(publicKey), signature)
  } catch {
    return false // 32 bytes that are no point of the curve
  }
}

function signedText(tag: string, bytes: Uint8Array): Uint8Array {
  const name = utf8(tag)
  if (name.length === 0 || name.length > TAG_SIZE_MAX)
    throw new FormatError(`tag ${tag} is too long`)
  return concat(Uint8Array.of(name.length), name, bytes)
}

function privateKeyObject(seed: Uint8Array): KeyObject {
  if (seed.length !== SEED_SIZE) throw new FormatError(`a seed is 32 bytes, not ${seed.length}`)
  const der = Buffer.from(concat(PRIVATE_PREFIX, seed))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

function publicKeyObject(publicKey: Uint8Array): KeyObject {
  const der = Buffer.from(concat(PUBLIC_PREFIX, publicKey))
  return createPublicKey({ key: der, format: 'der', type: 'spki' })
}
