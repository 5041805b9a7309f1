/**
 * Local seal: values of the backupdb that name object keys, unreadable without the keyring.
 *
 * Who has the database alone, from a backup of it or a bug report, must not be able to open what the
 * friends store. The nonce is made from key and content, so no randomness is needed and equal values
 * seal alike, which tells nothing that their rows do not tell anyway.
 */

import { hmac } from '../../protocol/hash.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { FIELD_NONCE_SIZE, openField, sealField } from '../../protocol/sealed-field.ts'

export class LocalSeal {
  readonly #key: Uint8Array
  readonly #tag: string

  /**
   * @param localKey - secret of this vault for local state, 32 bytes
   * @param use - what is sealed; a value sealed for another use does not open
   */
  constructor(localKey: Uint8Array, use: string) {
    this.#tag = `cairn/local/${use}`
    this.#key = hmac(localKey, utf8(this.#tag))
  }

  seal(plain: Uint8Array): Uint8Array {
    const nonce = hmac(this.#key, plain).slice(0, FIELD_NONCE_SIZE)
    return sealField(plain, { key: this.#key, tag: this.#tag, nonce })
  }

  /** @throws {SealedFieldError} it was changed, or sealed for something else */
  open(sealed: Uint8Array): Uint8Array {
    return openField(sealed, { key: this.#key, tag: this.#tag })
  }
}
