/**
 * Where in a version the bytes of its sources lie: ranges of the original, and of the deltas' literals.
 */

import type { Composition, Stretch } from './compose-deltas.ts'

/** What is found of a stretch from its start on: where it lies in the version, or for how long it does not. */
export interface Found {
  readonly at: number | undefined
  readonly length: number
}

/** A range of a source, and where in the version it lies. */
interface Placed {
  readonly start: number
  readonly end: number
  readonly at: number
}

/** For one version; takes some 100 bytes per stretch of it. */
export class SourceIndex {
  readonly #original: readonly Placed[]
  /** Literals by the buffer they are views of. */
  readonly #literals = new Map<ArrayBufferLike, readonly Placed[]>()

  constructor(composition: Composition) {
    const original: Placed[] = []
    const literals = new Map<ArrayBufferLike, Placed[]>()
    for (const [index, stretch] of composition.stretches.entries()) {
      const start = sourceStart(stretch)
      const at = composition.endOf(index) - stretch.length
      let places = original
      if (stretch.type === 'literal') {
        const { buffer } = stretch.bytes
        places = literals.get(buffer) ?? []
        literals.set(buffer, places)
      }
      places.push({ start, end: start + stretch.length, at })
    }
    this.#original = furthest(original)
    for (const [buffer, places] of literals) this.#literals.set(buffer, furthest(places))
  }

  /** @returns the longest place of the stretch's first bytes; or how many of them have none */
  find(stretch: Stretch): Found {
    const places =
      stretch.type === 'copy' ? this.#original : (this.#literals.get(stretch.bytes.buffer) ?? [])
    const start = sourceStart(stretch)
    const end = start + stretch.length
    const next = firstBehind(places, start)
    const place = places[next - 1]
    if (place !== undefined && place.end > start) {
      return { at: place.at + start - place.start, length: Math.min(place.end, end) - start }
    }
    return { at: undefined, length: Math.min(places[next]?.start ?? end, end) - start }
  }
}

/** @returns where in its source a stretch starts */
function sourceStart(stretch: Stretch): number {
  return stretch.type === 'copy' ? stretch.start : stretch.bytes.byteOffset
}

/**
 * Sorts by start and drops what lies within another, so that of the places that start at or before an
 * offset the last reaches furthest.
 */
function furthest(places: Placed[]): Placed[] {
  places.sort((a, b) => a.start - b.start || b.end - a.end || a.at - b.at)
  let reached = -1
  return places.filter(({ end }) => {
    const isFurther = end > reached
    reached = Math.max(reached, end)
    return isFurther
  })
}

/** @returns the index of the first place that starts behind `offset` */
function firstBehind(places: readonly Placed[], offset: number): number {
  let low = 0
  let high = places.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (places[middle]!.start <= offset) low = middle + 1
    else high = middle
  }
  return low
}
