/**
 * Scanning: what is in folders and below, told in stretches.
 *
 * A stretch is a run of neighbours in one folder, in order of their names. Folders come in tree
 * order: all stretches of a folder, then its first folder with all below it, then the next. So a scan
 * and a table sorted by folder and name can be read side by side.
 *
 * What is in a stretch is packed (src/base/stretch.ts): millions of names would be as many objects.
 */

import type { PathBytes } from './files.ts'

export interface ScanRequest {
  /** Folders to look into, none within another, in tree order; nothing is told of themselves. */
  readonly folders: readonly PathBytes[]
  /** Passed over with all that is in them. */
  readonly excluded: readonly PathBytes[]
}

/** What could not be seen, and the system's word for why. */
export interface ScanTrouble {
  readonly name: Uint8Array
  readonly code: string
}

export interface Stretch {
  readonly type: 'stretch'
  readonly folder: PathBytes
  /** All names of the stretch sort behind this one; empty at the folder's beginning. */
  readonly after: Uint8Array
  /** The last name there was in the stretch; `undefined` where the folder ends with it. */
  readonly until: Uint8Array | undefined
  /** Name and status of each path that is backed up. */
  readonly records: Uint8Array
  /** SHA-256 over records and bounds: where it is as before, nothing changed. */
  readonly digest: Uint8Array
  readonly files: number
  readonly folders: number
  readonly symlinks: number
  /** Of all files together. */
  readonly bytes: number
  /** FIFOs and devices. */
  readonly specials: number
  /** Sockets: in no record. */
  readonly unsupported: number
  /** Names that were listed and then could not be seen: in no record. */
  readonly troubles: readonly ScanTrouble[]
}

/** A folder that could not be listed: nothing is known of what is in it. */
export interface Unlisted {
  readonly type: 'unlisted'
  readonly folder: PathBytes
  readonly code: string
}

export type Scanned = Stretch | Unlisted

export interface Scanning {
  /**
   * Look into folders, and into those below, at the reader's pace: only a few batches are made ahead.
   * Links are not followed. What goes wrong at one path is told, and the scan goes on behind it.
   */
  scan(request: ScanRequest, signal: AbortSignal): AsyncIterable<readonly Scanned[]>
}
