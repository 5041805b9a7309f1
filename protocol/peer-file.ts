/**
 * Peer files: a peer's identity on its way to another disk or machine, with what it knows of its grid.
 *
 * Whoever has the file can be that peer, so it is sealed with a passphrase, or handled as a key is. The passphrase is
 * made slow by scrypt (RFC 7914), since people choose short ones.
 *
 * Format: docs/formats/peer-file.md
 */

import { scryptSync } from 'node:crypto'
import { z } from 'zod'
import { utf8 } from './bytes.ts'
import { bytesField, check, decodeCbor, encodeCbor, integer, text } from './cbor.ts'
import { FormatError } from './errors.ts'
import { ADDRESS_SIZE_MAX, ADDRESSES_MAX } from './limits.ts'
import { STATEMENT_SIZE_MAX } from './roster-statement.ts'
import { gridIdFromBytes, gridIdToBytes, STATEMENTS_MAX, type GridId } from './roster.ts'
import { FIELD_NONCE_SIZE, openField, sealField, SealedFieldError } from './sealed-field.ts'
import { SEED_SIZE } from './signing.ts'
import { CapTooWeakError, decodeTypedText, encodeTypedText } from './typed-text.ts'

/** Random bytes that a sealed file takes: its salt, and a nonce. */
export const PEER_FILE_RANDOM_SIZE = 16 + FIELD_NONCE_SIZE

/** Log₂ of scrypt's work: 128 MiB of memory and most of a second. */
export const PEER_FILE_WORK = 17

const SALT_SIZE = 16
const WORK_MIN = 14
/** 1 GiB: more is nothing that anybody chose. */
const WORK_MAX = 20
const BLOCK_SIZE = 8
/** As many statements as one message carries, and the rest. */
const PEER_FILE_SIZE_MAX = 2 ** 20 + 2 ** 16
const TAG = 'cairn/peer-file'

export interface PeerFile {
  /** 32 bytes: the Ed25519 seed of the peer's identity. */
  readonly seed: Uint8Array
  readonly grid: GridId
  /** The roster as the peer knows it. */
  readonly statements: readonly Uint8Array[]
  /** Where it listened, as a reminder. */
  readonly listen: readonly string[]
}

/** How to seal a file: random bytes that were never used before. */
export interface PeerFileLock {
  readonly passphrase: string
  /** {@link PEER_FILE_RANDOM_SIZE} bytes. */
  readonly random: Uint8Array
  /** {@link PEER_FILE_WORK} where not given. */
  readonly work?: number
}

/** The file is sealed with another passphrase. It does not say more. */
export class WrongPassphraseError extends FormatError {
  override readonly name = 'WrongPassphraseError'
}

/** The file is sealed, and no passphrase was given. */
export class PassphraseNeededError extends FormatError {
  override readonly name = 'PassphraseNeededError'
}

const bodySchema = z.strictObject({
  seed: bytesField(SEED_SIZE, SEED_SIZE),
  grid: bytesField(32, 32),
  statements: z.array(bytesField(1, STATEMENT_SIZE_MAX)).max(STATEMENTS_MAX),
  listen: z.array(text(ADDRESS_SIZE_MAX)).max(ADDRESSES_MAX),
})

const schema = z.strictObject({
  lock: z
    .strictObject({ salt: bytesField(SALT_SIZE, SALT_SIZE), work: integer(WORK_MIN, WORK_MAX) })
    .nullable(),
  body: bytesField(1, PEER_FILE_SIZE_MAX),
})

/**
 * @param lock - without it the file is readable to whoever has it
 * @returns one line of text that starts with `cairn:peer:`; secret
 * @throws {FormatError} for values out of range
 */
export function encodePeerFile(file: PeerFile, lock?: PeerFileLock): string {
  const { seed, grid, statements, listen } = file
  const fields = { seed, grid: gridIdToBytes(grid), statements, listen }
  const body = encodeCbor(check(fields, bodySchema, 'peer file'))
  return encodeTypedText(
    'peer',
    encodeCbor(lock === undefined ? { lock: null, body } : seal(body, lock)),
  )
}

/** Is the text a sealed peer file? @throws {FormatError} if it is none at all */
export function isSealedPeerFile(fileText: string): boolean {
  return outer(fileText).lock !== null
}

/**
 * @param passphrase - needed for a sealed file, and ignored for another
 * @throws {PassphraseNeededError}
 * @throws {WrongPassphraseError}
 * @throws {BadChecksumError} for a text that was changed
 * @throws {CapTooWeakError} for another kind of text
 * @throws {FormatError}
 */
export function decodePeerFile(fileText: string, passphrase?: string): PeerFile {
  const { lock, body } = outer(fileText)
  const plain = lock === null ? body : unseal(body, lock, passphrase)
  const what = { format: 'peer file', sizeMax: PEER_FILE_SIZE_MAX }
  const { grid, ...fields } = decodeCbor(plain, bodySchema, what)
  return { ...fields, grid: gridIdFromBytes(grid) }
}

function outer(fileText: string): z.output<typeof schema> {
  const { type, payload } = decodeTypedText(fileText)
  if (type !== 'peer') throw new CapTooWeakError(type, 'peer')
  return decodeCbor(payload, schema, { format: 'peer file', sizeMax: PEER_FILE_SIZE_MAX + 256 })
}

function seal(
  plain: Uint8Array,
  { passphrase, random, work = PEER_FILE_WORK }: PeerFileLock,
): object {
  if (random.length !== PEER_FILE_RANDOM_SIZE) throw new FormatError('peer file: other randomness')
  const lock = { salt: random.slice(0, SALT_SIZE), work }
  const nonce = random.slice(SALT_SIZE)
  const body = sealField(plain, { key: stretched(passphrase, lock), tag: TAG, nonce })
  return check({ lock, body }, schema, 'peer file')
}

function unseal(
  body: Uint8Array,
  lock: { salt: Uint8Array; work: number },
  passphrase: string | undefined,
): Uint8Array {
  if (passphrase === undefined)
    throw new PassphraseNeededError('the file is sealed with a passphrase')
  try {
    return openField(body, { key: stretched(passphrase, lock), tag: TAG })
  } catch (error) {
    if (!(error instanceof SealedFieldError)) throw error
    throw new WrongPassphraseError('the passphrase is not the one of this file')
  }
}

/** The same however the keyboard composed its letters. */
function stretched(
  passphrase: string,
  { salt, work }: { salt: Uint8Array; work: number },
): Uint8Array {
  const cost = 2 ** work
  const options = { N: cost, r: BLOCK_SIZE, p: 1, maxmem: 2 * 128 * cost * BLOCK_SIZE }
  return new Uint8Array(scryptSync(utf8(passphrase.normalize('NFKC')), salt, 32, options))
}
