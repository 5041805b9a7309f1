/**
 * Signed documents: the envelope of certificates, heads, receipts and roster statements.
 *
 *     magic 8 ‖ signature 64 ‖ body
 *
 * The magic names the format and its version and is the signature's tag, so a document of one kind
 * can never be taken for another. The signature covers the body's bytes exactly as they lie here:
 * nothing is encoded again before it is checked.
 *
 * Format: docs/formats/keys.md, "signed documents"
 */

import { concat, equal, utf8 } from './bytes.ts'
import { FormatError, VersionError } from './errors.ts'
import { sign, SIGNATURE_SIZE, verify, type SigningKey } from './signing.ts'

const MAGIC_SIZE = 8

/** Bytes a signed document has beside its body. */
export const SIGNED_OVERHEAD = MAGIC_SIZE + SIGNATURE_SIZE

/** What kind of document, and how large a whole one may be in bytes. */
export interface DocumentKind {
  /** 8 ASCII characters: `cairn`, two letters, the version's digit. */
  readonly magic: string
  readonly sizeMax: number
}

/** The signature does not hold: made by another key, for another purpose, or over other bytes. */
export class WrongSignerError extends FormatError {
  override readonly name = 'WrongSignerError'
}

/** A document taken apart, not yet believed. */
export interface SignedDocument {
  readonly signature: Uint8Array
  /** A view. */
  readonly body: Uint8Array
}

/** @throws {FormatError} for a body larger than the kind allows */
export function signDocument(kind: DocumentKind, body: Uint8Array, key: SigningKey): Uint8Array {
  const bytes = concat(utf8(kind.magic), sign(key, kind.magic, body), body)
  if (bytes.length > kind.sizeMax) {
    throw new FormatError(`${kind.magic}: ${bytes.length} bytes, at most ${kind.sizeMax}`)
  }
  return bytes
}

/**
 * Take a document apart. The signer's key is often inside, so the signature is checked afterwards,
 * by `checkSignature`.
 *
 * @throws {VersionError} for the same kind of document in another version
 * @throws {FormatError} for other bytes, too few of them, or too many
 */
export function splitDocument(kind: DocumentKind, bytes: Uint8Array): SignedDocument {
  if (bytes.length > kind.sizeMax) {
    throw new FormatError(`${kind.magic}: ${bytes.length} bytes, at most ${kind.sizeMax}`)
  }
  checkMagic(kind.magic, bytes)
  if (bytes.length <= SIGNED_OVERHEAD) {
    throw new FormatError(`${kind.magic}: ${bytes.length} bytes are too few`)
  }
  return {
    signature: bytes.slice(MAGIC_SIZE, SIGNED_OVERHEAD),
    body: bytes.subarray(SIGNED_OVERHEAD),
  }
}

/** @throws {WrongSignerError} unless the owner of `publicKey` signed this very body as this kind */
export function checkSignature(
  kind: DocumentKind,
  document: SignedDocument,
  publicKey: Uint8Array,
): void {
  if (!verify(publicKey, kind.magic, document.body, document.signature)) {
    throw new WrongSignerError(`${kind.magic}: the signature does not hold`)
  }
}

function checkMagic(magic: string, bytes: Uint8Array): void {
  const expected = utf8(magic)
  const found = bytes.subarray(0, MAGIC_SIZE)
  if (equal(found, expected)) return
  const isOtherVersion = equal(found.subarray(0, -1), expected.subarray(0, -1))
  const digit = found[MAGIC_SIZE - 1]
  if (isOtherVersion && digit !== undefined && digit >= 0x30 && digit <= 0x39) {
    throw new VersionError(`${magic}: written as version ${digit - 0x30}, by another Cairn`)
  }
  throw new FormatError(`${magic}: other first bytes`)
}
