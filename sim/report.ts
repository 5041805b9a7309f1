/** What every kind of story reports of one seed. */

export interface StoryReport {
  readonly seed: number
  readonly peers: number
  readonly days: number
  readonly lines: readonly string[]
  readonly digest: string
  readonly events: number
  readonly runs: number
  readonly snapshots: number
  readonly restores: number
  readonly crashes: number
  /** What broke; absent if all promises held. */
  readonly failure?: Error
}
