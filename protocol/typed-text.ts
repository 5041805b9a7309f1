/**
 * Typed text: secrets and invitations as one line that a person can store, paste or print.
 *
 *     cairn:<type>:<version digit><base32 of payload ‖ checksum>
 *
 * The type says what the text is for before anything is decoded. The checksum, 8 bytes of a hash over
 * type and payload, tells a slip of the hand from a wrong key. White space is ignored and capitals
 * are as good as small letters, since mail programs and people wrap and shout.
 *
 * Format: docs/formats/caps.md
 */

import { concat, equal, fromBase32, toBase32 } from './bytes.ts'
import { FormatError, VersionError } from './errors.ts'
import { taggedHash } from './hash.ts'

const TYPES = ['read', 'repair', 'verify', 'invite', 'join', 'peer'] as const

export type TextType = (typeof TYPES)[number]

const CHECKSUM_SIZE = 8
const VERSION = '1'

/** Characters of a text, at most, white space included: about 40,000 CIDs. */
export const TYPED_TEXT_SIZE_MAX = 2 ** 21

/** The text was changed: its checksum does not agree. */
export class BadChecksumError extends FormatError {
  override readonly name = 'BadChecksumError'
}

/** A capability of one type was given where another is needed. */
export class CapTooWeakError extends FormatError {
  override readonly name = 'CapTooWeakError'
  readonly found: TextType
  readonly wanted: TextType

  constructor(found: TextType, wanted: TextType) {
    super(`a cairn:${wanted}: text is needed; this is a cairn:${found}: text`)
    this.found = found
    this.wanted = wanted
  }
}

export function encodeTypedText(type: TextType, payload: Uint8Array): string {
  return `cairn:${type}:${VERSION}${toBase32(concat(payload, checksum(type, payload)))}`
}

/**
 * Errors never show the text.
 *
 * @throws {VersionError} for another version
 * @throws {BadChecksumError} for a text that was changed
 * @throws {FormatError} for text of another kind
 */
export function decodeTypedText(text: string): { type: TextType; payload: Uint8Array } {
  if (text.length > TYPED_TEXT_SIZE_MAX) throw new FormatError('text is too long')
  const line = text.replaceAll(/\s+/gu, '').toLowerCase()
  const [, name, version, body] = /^cairn:([a-z]+):([0-9a-z])([a-z2-7]+)$/.exec(line) ?? []
  const type = TYPES.find((known) => known === name)
  if (type === undefined || body === undefined) {
    throw new FormatError(`not a text that starts with cairn: and one of ${TYPES.join(', ')}`)
  }
  if (version !== VERSION) throw new VersionError(`cairn:${type}: of version ${version}`)
  return { type, payload: checkedPayload(type, body) }
}

function checkedPayload(type: TextType, body: string): Uint8Array {
  let bytes: Uint8Array
  try {
    bytes = fromBase32(body)
  } catch {
    throw new BadChecksumError(`cairn:${type}: is cut short or was changed`)
  }
  const payload = bytes.slice(0, -CHECKSUM_SIZE)
  const isWhole = bytes.length > CHECKSUM_SIZE
  if (!isWhole || !equal(bytes.subarray(-CHECKSUM_SIZE), checksum(type, payload))) {
    throw new BadChecksumError(`cairn:${type}: is cut short or was changed`)
  }
  return payload
}

function checksum(type: TextType, payload: Uint8Array): Uint8Array {
  return taggedHash(`cairn/text/${type}/${VERSION}`, payload).slice(0, CHECKSUM_SIZE)
}
