/**
 * Local seal: values of the backupdb that name object keys, unreadable without the keyring.
 *
 * Who has the database alone, from a backup of it or a bug report, must not be able to open what the
 * friends store. A value is encrypted under an initialisation vector made from its own content (as in
 * RFC 5297: HMAC-SHA256 of the plain text, cut to 16 bytes, then ChaCha20 with it), so no randomness is
 * needed, nothing breaks if a vector repeats, and equal values seal alike, which tells nothing that their
 * rows do not tell anyway. Each changed file has such a value; it is done twice as fast as with
 * `sealField`, whose format other devices read.
 */

import { createCipheriv } from 'node:crypto'
import { concat, equal, utf8 } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { hmac } from '../../protocol/hash.ts'

/** Counter and nonce of OpenSSL's ChaCha20. */
const VECTOR_SIZE = 16

/** A sealed value did not open: another key, another use, or changed bytes. */
export class SealedValueError extends FormatError {
  override readonly name = 'SealedValueError'
}

export class LocalSeal {
  readonly #use: string
  readonly #vectorKey: Uint8Array
  readonly #cipherKey: Uint8Array

  /**
   * @param localKey - secret of this vault for local state, 32 bytes
   * @param use - what is sealed; a value sealed for another use does not open
   */
  constructor(localKey: Uint8Array, use: string) {
    this.#use = use
    this.#vectorKey = hmac(localKey, utf8(`cairn/local/${use}/vector`))
    this.#cipherKey = hmac(localKey, utf8(`cairn/local/${use}/cipher`))
  }

  seal(plain: Uint8Array): Uint8Array {
    const vector = this.#vectorOf(plain)
    return concat(vector, this.#crypt(vector, plain))
  }

  /** @throws {SealedValueError} it was changed, or sealed for something else */
  open(sealed: Uint8Array): Uint8Array {
    const vector = sealed.subarray(0, VECTOR_SIZE)
    if (vector.length < VECTOR_SIZE) throw new SealedValueError(`${this.#use}: too few bytes`)
    const plain = this.#crypt(vector, sealed.subarray(VECTOR_SIZE))
    if (!equal(vector, this.#vectorOf(plain))) {
      throw new SealedValueError(`${this.#use}: does not open with this key`)
    }
    return plain
  }

  #vectorOf(plain: Uint8Array): Uint8Array {
    return hmac(this.#vectorKey, plain).subarray(0, VECTOR_SIZE)
  }

  #crypt(vector: Uint8Array, bytes: Uint8Array): Uint8Array {
    const { buffer, byteOffset, length } = createCipheriv(
      'chacha20',
      this.#cipherKey,
      vector,
    ).update(bytes)
    return new Uint8Array(buffer, byteOffset, length)
  }
}
