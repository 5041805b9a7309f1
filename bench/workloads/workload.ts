/**
 * Workload: a tree as it is at first, and what happens to it each day.
 *
 * Everything is decided by seed and scale. Days are applied one after another, each to what the day before
 * left; the same seed writes the same bytes, on any machine.
 */

export interface State {
  /** Absolute: the folder that the workload is in; there already. */
  readonly folder: string
  readonly seed: number
  /** 1 is the size in docs/performance.md. */
  readonly scale: number
}

export interface Workload {
  readonly name: string
  /** One line: what it is, and what a day does to it. */
  readonly title: string
  /** Scale at which the bench runs unless asked otherwise. */
  readonly scale: number
  /** Days that the bench applies and takes the mean of. */
  readonly days: number
  /** Many files: the file system's own work would hide ours, so a bench keeps it in memory. */
  readonly isManyFiles: boolean
  /** Write the first state into an empty folder. */
  readonly create: (state: State) => void | Promise<void>
  /** Change the tree as it is after day `day - 1`. */
  readonly change: (state: State & { readonly day: number }) => void | Promise<void>
}

/** @returns at least `min` whole things at that scale */
export function scaled(count: number, scale: number, min = 1): number {
  return Math.max(min, Math.round(count * scale))
}

/** @returns bytes at that scale, whole pages */
export function scaledSize(size: number, scale: number): number {
  return Math.max(4096, Math.round((size * scale) / 4096) * 4096)
}

export const MIB = 1024 * 1024
