/** Plain children: names that stay in their folder, checked on the machine that writes them. */

import { FilesError } from '../base/errors.ts'
import { isPlainName, join, type Names } from '../source/path.ts'

/** A name that would lead out of its folder. */
export class UnsafeNameError extends FilesError {
  override readonly name = 'UnsafeNameError'

  constructor() {
    super('EINVAL', 'The name would lead out of its folder, so it is not written')
  }
}

/** @throws {UnsafeNameError} */
export function childOf(folder: Uint8Array, name: Uint8Array): Uint8Array {
  if (!isPlainName(name)) throw new UnsafeNameError()
  return join(folder, name)
}

/** @returns whether two folders are one; what lies in one folder shares the arrays of the names above it */
export function isSameFolder(a: Names, b: Names): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index])
}
