/**
 * Key book: which key sealed which bytes. Objects are sealed under a fixed nonce, so a key that seals two
 * different ones gives both away; no reader would ever notice.
 */

import { equal, toHex } from '../protocol/bytes.ts'
import { StoryError } from './errors.ts'

interface Sealed {
  /** Of an object: the same for whoever refers to it. */
  readonly place: string
  /** @returns nothing once it is gone */
  readonly bytes: () => Uint8Array | undefined
}

export class KeyBook {
  readonly #sealed = new Map<string, Sealed>()

  /** @throws {StoryError} the key has sealed something else */
  note(key: Uint8Array, sealed: Sealed): void {
    const name = toHex(key)
    const known = this.#sealed.get(name)
    if (known?.place === sealed.place) return
    this.#sealed.set(name, sealed)
    if (known === undefined) return
    const [one, other] = [known.bytes(), sealed.bytes()]
    if (one === undefined || other === undefined || equal(one, other)) return
    throw new StoryError(`one key sealed what is at ${known.place} and at ${sealed.place}`)
  }
}
