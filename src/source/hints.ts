/**
 * Hints: folders below the sources in which something may have changed, as a watcher tells them.
 *
 * A scan that has hints goes to these folders and to no others. What it does not look at is as it was.
 */

import { compare } from '../../protocol/bytes.ts'
import type { ScanHint } from '../ports/scan.ts'
import { isWithin, keysBelow, toKey, toNames, toPath, type Names } from './path.ts'

/** How a folder is looked at: with all below it, by itself, or only for what leads on to a hint. */
export type Look = 'all' | 'here' | 'way'

/** Keys of folders, half-open. */
interface Range {
  readonly from: Uint8Array
  readonly until: Uint8Array
}

/**
 * @param sources - in tree order
 * @returns the hints that lie in the sources, in tree order, each once, and none within a deep one. Where a
 *   folder's content changed so did its times, which are told in the folder that holds it: that is added.
 */
export function hintsWithin(sources: readonly Names[], hints: readonly ScanHint[]): ScanHint[] {
  const wanted = hints.flatMap(({ folder, isDeep }) => {
    const names = toNames(folder)
    const source = sources.find((each) => isWithin(each, names))
    if (source === undefined) return []
    const above = names.length > source.length ? [{ names: names.slice(0, -1), isDeep: false }] : []
    return [...above, { names, isDeep }]
  })
  const found: { names: Names; isDeep: boolean }[] = []
  let deep: Names | undefined
  for (const { names, isDeep } of wanted.toSorted(inOrder)) {
    if (deep !== undefined && isWithin(deep, names)) continue
    const last = found.at(-1)
    // Of two hints at one folder the deep one comes first.
    if (last !== undefined && compare(toKey(last.names), toKey(names)) === 0) continue
    found.push({ names, isDeep })
    if (isDeep) deep = names
  }
  return found.map(({ names, isDeep }) => ({ folder: toPath(names), isDeep }))
}

function inOrder(
  a: { readonly names: Names; readonly isDeep: boolean },
  b: { readonly names: Names; readonly isDeep: boolean },
): number {
  return compare(toKey(a.names), toKey(b.names)) || Number(b.isDeep) - Number(a.isDeep)
}

/** @returns the keys of the folders that a hint tells of */
export function hintedKeys({ folder, isDeep }: ScanHint): Range {
  const key = toKey(toNames(folder))
  const below = keysBelow(key)
  return { from: key, until: isDeep ? below.until : below.from }
}

/** How each folder of a walk is looked at; paths are text of one character a byte. */
export class HintTree {
  /** Without hints everything is looked at. */
  readonly #looks: Map<string, Look> | undefined

  constructor(hints: readonly ScanHint[] | undefined) {
    if (hints === undefined) return
    const looks = new Map<string, Look>()
    for (const { folder, isDeep } of hints) {
      const path = Buffer.from(folder).toString('latin1')
      if (looks.get(path) !== 'all') looks.set(path, isDeep ? 'all' : 'here')
      for (let above = parentOf(path); above !== undefined; above = parentOf(above)) {
        if (!looks.has(above)) looks.set(above, 'way')
      }
    }
    this.#looks = looks
  }

  /** Whether there are hints at all. */
  get isSome(): boolean {
    return this.#looks !== undefined
  }

  /**
   * @param above - how the folder that holds it is looked at
   * @returns undefined for a folder that is not looked into
   */
  lookAt(folder: string, above: Look = 'way'): Look | undefined {
    if (this.#looks === undefined || above === 'all') return 'all'
    return this.#looks.get(folder)
  }
}

function parentOf(path: string): string | undefined {
  return path === '/' ? undefined : path.slice(0, path.lastIndexOf('/')) || '/'
}
