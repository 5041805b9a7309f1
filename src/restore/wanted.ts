/**
 * What is wanted of a snapshot: the entries that a person's patterns mean, each with its place below
 * the target.
 */

import { FilesError } from '../base/errors.ts'
import type { FoundEntry } from '../history/visible.ts'
import { isWithin, type Names } from '../source/path.ts'
import type { PathPattern } from '../source/path-pattern.ts'

/** An entry that is wanted, or a folder that leads to one. */
export interface SelectedEntry extends FoundEntry {
  /** It comes only because of what is in it: nobody asked for it. */
  readonly isAbove?: boolean
}

/** An entry, and where it goes below the target. */
export interface WantedEntry extends SelectedEntry {
  readonly target: Names
}

/** Which entries are wanted. With no `include` all are that no `exclude` covers. */
export interface Patterns {
  readonly include: readonly PathPattern[]
  readonly exclude: readonly PathPattern[]
}

/** What was under `from` in the snapshot goes under `to` below the target. */
export interface MapRule {
  readonly from: Names
  readonly to: Names
}

/** Where entries go: the rule with the longest `from`, then so many names less at the front. */
export interface PathMap {
  readonly rules: readonly MapRule[]
  readonly stripCount: number
}

export const WHOLE_PATHS: PathMap = { rules: [], stripCount: 0 }

export const EVERYTHING: Patterns = { include: [], exclude: [] }

/** @returns whether anything goes elsewhere than under its own path */
export function isMapping({ rules, stripCount }: PathMap): boolean {
  return rules.length > 0 || stripCount > 0
}

/** What has no place: that is nothing to a folder, and a file would be missing. */
export function nameless(): FilesError {
  return new FilesError('EINVAL', 'Nothing is left of its path: strip fewer components')
}

/** @returns the place below the target; none at all where nothing of the path is left */
export function placeOf(path: Names, { rules, stripCount }: PathMap): Names {
  const [rule] = rules
    .filter(({ from }) => isWithin(from, path))
    .toSorted((a, b) => b.from.length - a.from.length)
  const mapped = rule === undefined ? path : [...rule.to, ...path.slice(rule.from.length)]
  return stripCount === 0 ? mapped : mapped.slice(stripCount)
}

/** @returns whether neither the path nor a folder above it is excluded */
export function isEntered(path: Names, { exclude }: Patterns): boolean {
  return !exclude.some((pattern) => pattern.covers(path))
}

/**
 * Those of the entries that are wanted, and the folders above them.
 *
 * @param entries - folders before what is in them
 */
export async function* selected(
  entries: AsyncIterable<SelectedEntry>,
  patterns: Patterns,
): AsyncGenerator<SelectedEntry> {
  const { include } = patterns
  // Folders that no pattern means; they come with what is wanted in them.
  let above: FoundEntry[] = []
  for await (const found of entries) {
    if (!isEntered(found.path, patterns)) continue
    if (include.length === 0) {
      yield found
      continue
    }
    above = above.filter(({ path }) => isWithin(path, found.path))
    if (include.some((pattern) => pattern.covers(found.path))) {
      for (const folder of above) yield { ...folder, isAbove: true }
      above = []
      yield found
    } else if (found.entry.span.what.kind === 'folder') above.push(found)
  }
}
