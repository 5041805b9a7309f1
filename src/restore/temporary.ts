/** Temporaries: files on their way to a name. */

import type { FileWriter } from '../ports/files.ts'

/** A file that does not have its name yet. */
export interface Temporary {
  readonly path: Uint8Array
  readonly writer: FileWriter
  /** It is not needed any more. */
  readonly discard: () => Promise<void>
}
