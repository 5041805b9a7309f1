/**
 * Collisions: two names of one restore that have one place, so that the second would take the first's.
 *
 * A map or shortened paths lead there, and file systems that take `A` for `a`.
 */

import { toHex } from '../../protocol/bytes.ts'
import { toPath, type Names } from '../source/path.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export class Collisions {
  readonly #isFolding: boolean
  /** Each place with the exact names it was claimed by, and whether by a folder. */
  readonly #claimed = new Map<string, { readonly exact: string; readonly isFolder: boolean }>()

  /** @param options.isFolding - cases of letters and ways to write accents are one */
  constructor({ isFolding }: { readonly isFolding: boolean }) {
    this.#isFolding = isFolding
  }

  /**
   * @returns whether nobody had the place. A folder may be claimed again where the target tells names
   *   apart: then it is one folder that two were mapped to.
   */
  claim(target: Names, isFolder: boolean): boolean {
    const path = toPath(target)
    const exact = toHex(path)
    const folded = this.#isFolding ? fold(path) : exact
    const before = this.#claimed.get(folded)
    if (before !== undefined) return isFolder && before.isFolder && before.exact === exact
    this.#claimed.set(folded, { exact, isFolder })
    return true
  }
}

function fold(path: Uint8Array): string {
  try {
    return decoder.decode(path).normalize('NFC').toLowerCase()
  } catch {
    return toHex(path)
  }
}
