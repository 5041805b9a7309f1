/**
 * Key book: which key sealed which bytes. Objects are sealed under a fixed nonce, so a key that seals two
 * different ones gives both away; no reader would ever notice.
 */

import { equal, toHex } from '../protocol/bytes.ts'
import { StoryError } from './errors.ts'

interface Sealed {
  /** Of an object: the same for whoever refers to it. */
  readonly place: string
  readonly bytes: () => Uint8Array
}

export class KeyBook {
  readonly #sealed = new Map<string, Sealed>()

  /** @throws {StoryError} the key has sealed something else */
  note(key: Uint8Array, sealed: Sealed): void {
    const name = toHex(key)
    const known = this.#sealed.get(name)
    if (known === undefined) this.#sealed.set(name, sealed)
    else if (known.place !== sealed.place && !equal(known.bytes(), sealed.bytes())) {
      throw new StoryError(`one key sealed what is at ${known.place} and at ${sealed.place}`)
    }
  }
}
