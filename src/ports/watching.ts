/**
 * Watching: being told where something changed in folders and below.
 *
 * What is told is a hint. That nothing is told means nothing: queues overflow, systems have limits, and some
 * changes are told to nobody (a memory mapping, another computer's on a file server). Whoever watches looks at
 * everything now and then.
 */

import type { PathBytes } from './files.ts'
import type { ScanHint, ScanRules } from './scan.ts'

export interface WatchRequest {
  /** Folders, or files, to watch with all below; none within another. */
  readonly roots: readonly PathBytes[]
  /** Passed over with all that is in them. */
  readonly excluded: readonly PathBytes[]
  /** What is left out by them is not watched. */
  readonly rules: ScanRules
}

export type Watched =
  /** What changes from now on is told, as far as the system does. */
  | { readonly type: 'ready'; readonly folders: number }
  | ({ readonly type: 'hint' } & ScanHint)
  /** Changes went by untold. */
  | { readonly type: 'lost' }
  /** Some folders, or all, cannot be watched; the system's word for why. Told once for each reason. */
  | { readonly type: 'unwatched'; readonly code: string; readonly path: PathBytes }
  /** A root is not there, or another file system lies in its place. */
  | { readonly type: 'away'; readonly root: PathBytes }
  /** It is there again, and watched: anything may have changed. */
  | { readonly type: 'back'; readonly root: PathBytes }

export interface Watching {
  /**
   * In batches, at the reader's pace: what comes meanwhile is kept by the system, or lost and told as that.
   * It ends only by the signal.
   */
  watch(request: WatchRequest, signal: AbortSignal): AsyncIterable<readonly Watched[]>
}
