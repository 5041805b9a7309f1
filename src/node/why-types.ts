/** What `cairn why` is asked, and what it answers. */

import type { PathBytes } from '../ports/files.ts'
import type { PeerId } from '../ports/network.ts'
import type { Explanation, FriendStory, LackCount } from '../repair/explain.ts'
import type { Verdict } from '../repair/pack-health.ts'

/** A path's newest version, one pack by number or name, or all that is not whole. */
export type WhyRequest =
  | { readonly type: 'path'; readonly path: PathBytes }
  | { readonly type: 'pack'; readonly pack: string }
  | { readonly type: 'all' }

export interface WhyFriend extends FriendStory {
  readonly name?: string
  /** Its failure domain as its owner calls it. */
  readonly house?: string
}

export interface WhyReport {
  /** Nothing in particular was asked about. */
  readonly isAll: boolean
  readonly friends: ReadonlyMap<PeerId, WhyFriend>
  /** Packs asked about, of which the grid was asked: of all packs those that are not whole. */
  readonly explanations: readonly Explanation[]
  readonly lacks: readonly LackCount[]
  /** How many more friends would make packs safe, or whole: the most that any pack asks for. */
  readonly friendsLacking: number
  readonly packsTotal: number
  /** The worst first; those with none are absent. */
  readonly verdicts: ReadonlyMap<Verdict, number>
  /** When this was found, ms since 1970 by our clock. */
  readonly now: number
}
