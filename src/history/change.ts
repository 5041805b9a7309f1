/**
 * Changes: what a snapshot found different from the one before, in the order of the tree.
 *
 * Paths ascend strictly, component by component and byte by byte, so a folder comes before what is
 * in it and `a/b` before `a-b`. A folder's children need the folder live: there already, or set by a
 * change of its own just before.
 */

import type { Attributes, DeviceNumber, Version } from '../../protocol/tree.ts'

export type Change = {
  /** Names from the top, at least one. */
  readonly path: readonly Uint8Array[]
} & (
  | { readonly type: 'gone' }
  | { readonly type: 'set'; readonly attributes: Attributes; readonly what: ChangedWhat }
  /**
   * A live file's history is told anew: these versions are all that it holds from now on, ids
   * ascending, and every version that a span shows is among them. Spans and attributes stay, and so
   * does what earlier files of that name left in past pages.
   */
  | { readonly type: 'history'; readonly versions: readonly Version[] }
)

/** What stands there now. */
export type ChangedWhat =
  /** A live folder keeps its content; anything else makes an empty one. */
  | { readonly kind: 'folder' }
  | { readonly kind: 'symlink'; readonly target: Uint8Array }
  | { readonly kind: 'fifo' }
  | { readonly kind: 'characterDevice' | 'blockDevice'; readonly device: DeviceNumber }
  /**
   * `versions`: new ones for the history, newest last; none where the content is unchanged.
   * A version whose id is there already replaces it, as a run done again does.
   */
  | { readonly kind: 'file'; readonly versions: readonly Version[] }
