/** Snapshots by their numbers, as a person reads them. */

/** @returns `3`, `3–7`, or `3–7, 9`: numbers that follow one another here need not do so everywhere */
export function snapshotsText(sequences: readonly number[]): string {
  const first = sequences[0]
  const last = sequences.at(-1)
  if (first === undefined || last === undefined) return 'none'
  return first === last ? String(first) : `${first}–${last}`
}

/** @returns a filter for one snapshot, or for all */
export function chooseRange(sequence: number | undefined): (candidate: number) => boolean {
  return (candidate) => sequence === undefined || candidate === sequence
}
