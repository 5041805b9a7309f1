/**
 * Windows on packs: verified runs of leaves, kept for a while.
 *
 * What is read together was written together, so a whole run is fetched for one object and serves its
 * neighbours. Runs lie at fixed places of each share, so that no byte is fetched twice, and one that
 * was fetched to rebuild another is not fetched again for itself.
 */

import { assert } from '../base/assert.ts'
import type { Grid } from './grid.ts'
import type { PackLocation } from './locate-packs.ts'
import { cut, type Keep, type Segment } from './read-pack.ts'

export interface PackWindowsOptions {
  /** Bytes of a run, at most: a multiple of every leaf size, up to 1 MiB. */
  readonly size: number
  /** Runs kept, at most. */
  readonly countMax: number
}

export class PackWindows {
  readonly #grid: Pick<Grid, 'readRun'>
  readonly #options: PackWindowsOptions
  /** Runs of data shares, fetched or rebuilt. */
  readonly #runs: Recent
  /** Runs of any shares as peers gave them; mostly the same arrays as in `#runs`. */
  readonly #fetched: Recent
  /** Bytes asked of peers. */
  bytesFetched = 0

  constructor(grid: Pick<Grid, 'readRun'>, options: PackWindowsOptions) {
    this.#grid = grid
    this.#options = options
    this.#runs = new Recent(options.countMax)
    this.#fetched = new Recent(options.countMax)
  }

  /**
   * @param target - is filled with the pack's bytes from `offset` on, verified
   * @throws {NotEnoughSharesError} though a smaller piece of the run may be there
   * @throws {FormatError} for a range outside the pack
   */
  async read(
    location: PackLocation,
    offset: number,
    target: Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {
    const { size } = this.#options
    const range = { offset, length: target.length }
    const segments = [...cut(location, range, { isAligned: true, sizeMax: size })]
    const runs = segments.map((segment) => this.#run(location, segment, signal))
    for (const [index, run] of (await Promise.all(runs)).entries()) {
      const segment = segments[index]
      assert(segment !== undefined, 'one run for each segment')
      target.set(run.subarray(segment.skip, segment.skip + segment.size), segment.target)
    }
  }

  #run(location: PackLocation, segment: Segment, signal: AbortSignal): Promise<Uint8Array> {
    const { shareNumber, run } = segment
    const name = `${location.id} ${shareNumber} ${run.first}`
    const keep: Keep = (share, fetch) =>
      this.#fetched.get(share, () => {
        this.bytesFetched += run.count * location.manifest.leafSize
        return fetch()
      })
    return this.#runs.get(name, () => this.#grid.readRun(location, segment, keep, signal))
  }
}

/** The most recently used runs; what failed is not kept. */
class Recent {
  readonly #countMax: number
  readonly #kept = new Map<string, Promise<Uint8Array>>()

  constructor(countMax: number) {
    this.#countMax = countMax
  }

  get(name: string, read: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const known = this.#kept.get(name)
    const run = known ?? read()
    this.#kept.delete(name)
    this.#kept.set(name, run)
    if (known !== undefined) return run
    run.catch(() => {
      if (this.#kept.get(name) === run) this.#kept.delete(name)
    })
    const [oldest] = this.#kept.size > this.#countMax ? this.#kept.keys() : []
    if (oldest !== undefined) this.#kept.delete(oldest)
    return run
  }
}
