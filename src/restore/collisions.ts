/**
 * Collisions: two names of one restore that have one place, so that the second would take the first's.
 *
 * A map or shortened paths lead there, and file systems that take `A` for `a`.
 */

import { toHex } from '../../protocol/bytes.ts'
import { FilesError } from '../base/errors.ts'
import { toPath, type Names } from '../source/path.ts'

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The exact names that a place was claimed by, and whether by a folder. */
interface Claim {
  readonly exact: string
  readonly isFolder: boolean
}

export class Collisions {
  readonly #isFolding: boolean
  readonly #claimed = new Map<string, Claim>()

  /** @param options.isFolding - cases of letters and ways to write accents are one */
  constructor({ isFolding }: { readonly isFolding: boolean }) {
    this.#isFolding = isFolding
  }

  /**
   * Take a place, and those of the folders above it as folders. A folder may be claimed again where the target
   * tells names apart: then it is one folder that two were mapped to.
   *
   * @throws {FilesError} EEXIST: something else of this restore has the place, or needs it as a folder
   */
  claim(target: Names, isFolder: boolean): void {
    for (const depth of target.keys()) {
      if (depth > 0 && !this.#place(target.slice(0, depth)).isFolder) throw samePlace()
    }
    const { exact, isFolder: isClaimedFolder, isNew } = this.#place(target, isFolder)
    if (isNew) return
    if (!isFolder || !isClaimedFolder || exact !== toHex(toPath(target))) throw samePlace()
  }

  /** @returns who has the place; if nobody has, it is given */
  #place(target: Names, isFolder = true): Claim & { readonly isNew: boolean } {
    const path = toPath(target)
    const exact = toHex(path)
    const folded = this.#isFolding ? fold(path) : exact
    const before = this.#claimed.get(folded)
    if (before !== undefined) return { ...before, isNew: false }
    const claim = { exact, isFolder }
    this.#claimed.set(folded, claim)
    return { ...claim, isNew: true }
  }
}

function samePlace(): FilesError {
  return new FilesError(
    'EEXIST',
    'Another name of this restore has the same place: restore them apart',
  )
}

function fold(path: Uint8Array): string {
  try {
    return decoder.decode(path).normalize('NFC').toLowerCase()
  } catch {
    return toHex(path)
  }
}
