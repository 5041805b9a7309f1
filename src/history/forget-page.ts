/**
 * Forgetting in one page: its entries and its past, name by name.
 *
 * What a folder holds under a name lies in its live page and in past pages; what stays of it can only
 * be told from all of them together, and then each place is written anew without the rest.
 */

import { compare, equal } from '../../protocol/bytes.ts'
import type { PastPage } from '../../protocol/past-page.ts'
import type { Entry, Page, PastLink } from '../../protocol/tree.ts'
import { forgetName } from './forget-names.ts'
import type { ForgetNamesParts } from './forget-names.ts'
import type { Period } from './kept.ts'
import { isWithin, putPast } from './past.ts'
import type { NameRange } from './past.ts'
import { isSameList } from './same.ts'

export interface ForgetPageParts extends ForgetNamesParts {
  /** Of the head that the tree is written for. */
  readonly sequence: number
}

/** A page of a folder: which names are its own, where the folder stood, and when. */
export interface PagePlace {
  readonly range: NameRange
  readonly path: readonly Uint8Array[]
  readonly period: Period
}

/** Under one name: an entry, and the place that it lies in: 0 the page, then its past pages. */
interface Found {
  readonly entry: Entry
  readonly place: number
}

/**
 * @returns what is left of the page, its past pages and inline folders written already; the very page
 *   if all is. Its past pages hold no names but its own then.
 */
export async function forgetPage(
  page: Page,
  { range, path, period }: PagePlace,
  parts: ForgetPageParts,
): Promise<Page> {
  const pasts: PastPage[] = []
  for (const { reference } of page.past) pasts.push(await parts.nodes.past(reference))
  const [left = [], ...leftPasts] = [page, ...pasts].map((): Entry[] => [])
  for (const found of byName(page, pasts, range)) {
    const name = found[0]?.entry.name
    if (name === undefined) continue
    const entries = found.map(({ entry }) => entry)
    const results = await forgetName(entries, [...path, name], period, parts)
    for (const [index, { place }] of found.entries()) {
      const result = results[index]
      if (result !== undefined) (place === 0 ? left : leftPasts[place - 1])?.push(result)
    }
  }
  const past: PastLink[] = []
  for (const [index, link] of page.past.entries()) {
    const rest = leftPasts[index] ?? []
    const before = pasts[index]
    if (before !== undefined && isSameList(rest, before.entries)) past.push(link)
    else if (rest.length > 0) {
      past.push(await putPast(rest, parts.sequence, parts.sink, before?.sections))
    }
  }
  const isSame = isSameList(left, page.entries) && isSameList(past, page.past)
  return isSame ? page : { entries: left, past, sections: page.sections }
}

/** @returns what lies within the range, name by name ascending; of each name the live entry first */
function byName(
  page: Page,
  pasts: readonly PastPage[],
  range: NameRange,
): readonly (readonly Found[])[] {
  const live = page.entries.map((entry): Found => ({ entry, place: 0 }))
  const ended = pasts.flatMap(({ entries }, index) =>
    entries
      .filter(({ name }) => isWithin(name, range))
      .map((entry): Found => ({ entry, place: index + 1 })),
  )
  const all = ended.length === 0 ? live : [...live, ...ended].toSorted(byEntryName)
  const groups: Found[][] = []
  let before: Uint8Array | undefined
  for (const found of all) {
    const { name } = found.entry
    if (before !== undefined && equal(before, name)) groups.at(-1)?.push(found)
    else groups.push([found])
    before = name
  }
  return groups
}

function byEntryName(a: Found, b: Found): number {
  return compare(a.entry.name, b.entry.name)
}
