/**
 * Live stretches: which bytes of each numbered pack something still needs, and what they are.
 *
 * Filled by a walk over all live objects, which tells of an object as often as something leads to it.
 */

import type { Extent } from '../../protocol/extents.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import type { Reference } from '../../protocol/reference.ts'

/** What a pack is made of: each kind has packs of its own. */
export type LiveKind = 'data' | 'delta' | 'metadata'

/** Stretches gathered before they are sorted for the first time. */
const GATHERED_COUNT_MIN = 1024

interface Gathered {
  /** Offset and length, in turn. */
  numbers: number[]
  /** Sorted again once there are so many. */
  countMax: number
  kind: LiveKind
}

export class LiveStretches {
  readonly #packs = new Map<number, Gathered>()

  add({ pack, offset, length }: Pick<Reference, 'pack' | 'offset' | 'length'>, kind: ObjectKind) {
    const found = this.#packs.get(pack)
    const gathered = found ?? { numbers: [], countMax: GATHERED_COUNT_MIN, kind: 'metadata' }
    if (found === undefined) this.#packs.set(pack, gathered)
    gathered.kind = strongest(gathered.kind, kind)
    gathered.numbers.push(offset, length)
    if (gathered.numbers.length < 2 * gathered.countMax) return
    gathered.numbers = stretchesOf(gathered).flatMap((one) => [one.offset, one.length])
    gathered.countMax = Math.max(GATHERED_COUNT_MIN, gathered.numbers.length)
  }

  has(pack: number): boolean {
    return this.#packs.has(pack)
  }

  /** @returns ascending, and not touching each other */
  of(pack: number): Extent[] {
    const gathered = this.#packs.get(pack)
    return gathered === undefined ? [] : stretchesOf(gathered)
  }

  /** @returns `data` where content lies beside other things; `undefined` where nothing is live */
  kindOf(pack: number): LiveKind | undefined {
    return this.#packs.get(pack)?.kind
  }
}

function strongest(kind: LiveKind, object: ObjectKind): LiveKind {
  if (object === 'content') return 'data'
  return object === 'delta' && kind === 'metadata' ? 'delta' : kind
}

function stretchesOf({ numbers }: Gathered): Extent[] {
  const all: Extent[] = []
  for (let index = 0; index < numbers.length; index += 2) {
    all.push({ offset: numbers[index] ?? 0, length: numbers[index + 1] ?? 0 })
  }
  return joinStretches(all.toSorted((a, b) => a.offset - b.offset || a.length - b.length))
}

/** Join stretches that touch or overlap. @param sorted - by their offsets */
export function joinStretches(sorted: readonly Extent[]): Extent[] {
  const joined: Extent[] = []
  for (const { offset, length } of sorted) {
    const last = joined.at(-1)
    if (last === undefined || offset > last.offset + last.length) {
      joined.push({ offset, length })
      continue
    }
    const end = Math.max(last.offset + last.length, offset + length)
    joined[joined.length - 1] = { offset: last.offset, length: end - last.offset }
  }
  return joined
}
