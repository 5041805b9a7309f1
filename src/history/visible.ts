/**
 * What a reader of the tree gets to see.
 */

import type { Span, Version } from '../../protocol/tree.ts'

/** An entry as of one snapshot. */
export interface VisibleEntry {
  readonly name: Uint8Array
  /** The span that covers the snapshot; a folder's node is never `next`. */
  readonly span: Span
  /** Always there for a file, never for the rest. */
  readonly version?: Version
}

/** An entry with where it lies: names from the top, its own last. */
export interface FoundEntry {
  readonly path: readonly Uint8Array[]
  readonly entry: VisibleEntry
}

/** One file's "subdirectory": every version ever kept under the path, ids ascending, and when it stood there. */
export interface FileHistory {
  readonly versions: readonly Version[]
  /** Clipped to the life of the folders above; oldest first. */
  readonly spans: readonly Span[]
}

/** What stood under one name at two snapshots; at least at one of them something did. */
export interface EntryPair {
  readonly before: VisibleEntry | undefined
  readonly after: VisibleEntry | undefined
}

/** A name in a folder, through every snapshot. */
export interface NameThroughTime {
  readonly name: Uint8Array
  /** Oldest first; a folder's node is never `next`. */
  readonly spans: readonly Span[]
  /** Every version ever kept under the name here, ids ascending. */
  readonly versions: () => Promise<readonly Version[]>
}

/** The same with where it lies; spans are clipped to the life of the folders above. */
export interface PathThroughTime extends NameThroughTime {
  readonly path: readonly Uint8Array[]
}
