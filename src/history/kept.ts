/**
 * What is kept: the snapshots that somebody may still ask for, and the present.
 */

/** A stretch of time: `from` ≤ N < `until`; `undefined` means to this day. */
export interface Period {
  readonly from: number
  readonly until: number | undefined
}

/** From the beginning to this day. */
export const ALWAYS: Period = { from: 0, until: undefined }

export class Kept {
  readonly #sequences: readonly number[]

  /** @param sequences - of the snapshots that are kept */
  constructor(sequences: ReadonlySet<number>) {
    this.#sequences = [...sequences].toSorted((a, b) => a - b)
  }

  /** @returns whether a kept snapshot lies in both stretches, or the present does */
  isShown(a: Period, b: Period): boolean {
    const from = Math.max(a.from, b.from)
    const until = earlier(a.until, b.until)
    if (until === undefined) return true
    const next = this.#sequences[this.#indexOf(from)]
    return next !== undefined && next < until
  }

  /** @returns how many are before `sequence` */
  #indexOf(sequence: number): number {
    let low = 0
    let high = this.#sequences.length
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#sequences[middle] ?? Infinity) < sequence) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** @returns what lies in both */
export function overlap(a: Period, b: Period): Period {
  return { from: Math.max(a.from, b.from), until: earlier(a.until, b.until) }
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.min(a, b)
}
