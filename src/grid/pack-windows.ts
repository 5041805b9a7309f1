/**
 * Windows on packs: verified runs of leaves, kept for a while.
 *
 * What is read together was written together, so a whole run is fetched for one object and serves its
 * neighbours. Runs lie at fixed places of each share, so that no byte is fetched twice, and one that
 * was fetched to rebuild another is not fetched again for itself.
 */

import { READ_SIZE_MAX } from '../../protocol/messages.ts'
import { assert } from '../base/assert.ts'
import { release } from '../base/release.ts'
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
  readonly #grid: Pick<Grid, 'read' | 'readRun'>
  readonly #options: PackWindowsOptions
  /** Runs of data shares, fetched or rebuilt. */
  readonly #runs = new Map<string, Run>()
  /** Runs of any shares as peers gave them; mostly the same arrays as in `#runs`. */
  readonly #fetched = new Map<string, Promise<Uint8Array>>()
  /** Reads under way of a run, by its name: it may have been fetched twice and still be one array. */
  readonly #users = new Map<string, number>()
  /** Runs that were wanted before, by their names. */
  readonly #seen = new Set<string>()
  /** Whether any run is made of others, which then are used for more than themselves. */
  #hasRebuilt = false
  /** Bytes asked of peers. */
  bytesFetched = 0

  constructor(grid: Pick<Grid, 'read' | 'readRun'>, options: PackWindowsOptions) {
    this.#grid = grid
    this.#options = options
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
    const runs = segments.map((segment) => this.#use(location, segment, signal))
    try {
      for (const [index, bytes] of (await Promise.all(runs.map((run) => run.bytes))).entries()) {
        const segment = segments[index]
        assert(segment !== undefined, 'one run for each segment')
        target.set(bytes.subarray(segment.skip, segment.skip + segment.size), segment.target)
      }
    } finally {
      for (const run of runs) this.#leave(run)
    }
  }

  /**
   * As `read`, but only the leaves that hold the range are fetched, and none is kept.
   *
   * @throws {NotEnoughSharesError}
   * @throws {FormatError} for a range outside the pack
   */
  async readOnly(
    location: PackLocation,
    offset: number,
    target: Uint8Array,
    signal: AbortSignal,
  ): Promise<void> {
    const { length } = target
    const options = { isAligned: false, sizeMax: READ_SIZE_MAX }
    for (const { run } of cut(location, { offset, length }, options)) {
      this.bytesFetched += run.count * location.manifest.leafSize
    }
    target.set(await this.#grid.read(location, offset, length, signal))
  }

  /**
   * What it takes to read a range.
   *
   * @returns `here`: nothing is fetched; `new`: runs are fetched for the first time; `again`: also some
   *   that were here before and were not kept
   * @throws {FormatError} for a range outside the pack
   */
  stateOf(
    location: PackLocation,
    range: { readonly offset: number; readonly length: number },
  ): 'here' | 'new' | 'again' {
    const segments = [...cut(location, range, { isAligned: true, sizeMax: this.#options.size })]
    const missing = segments
      .map(({ shareNumber, run }) => nameOf(location, shareNumber, run))
      .filter((name) => !this.#runs.has(name))
    if (missing.length === 0) return 'here'
    return missing.some((name) => this.#seen.has(name)) ? 'again' : 'new'
  }

  #use(location: PackLocation, segment: Segment, signal: AbortSignal): Run {
    const { shareNumber, run } = segment
    const name = nameOf(location, shareNumber, run)
    const known = this.#runs.get(name)
    const used = known ?? { name, bytes: this.#read(location, segment, signal) }
    this.#users.set(name, (this.#users.get(name) ?? 0) + 1)
    touch(this.#runs, name, used)
    if (known !== undefined) return used
    this.#seen.add(name)
    used.bytes.catch(() => forget(this.#runs, name, used))
    const old = oldest(this.#runs, this.#options.countMax)
    if (old !== undefined) void this.#free(old)
    return used
  }

  #leave(run: Run): void {
    const users = (this.#users.get(run.name) ?? 1) - 1
    if (users > 0) this.#users.set(run.name, users)
    else this.#users.delete(run.name)
    void this.#free(run)
  }

  /**
   * Nobody reads it any more, nor will: left to the collector, runs make it come often.
   *
   * What may be part of another run is left to it all the same.
   */
  async #free({ name, bytes }: Run): Promise<void> {
    const isWanted = () => this.#runs.has(name) || this.#users.has(name) || this.#hasRebuilt
    if (isWanted()) return
    const whole = await bytes.catch(() => undefined)
    if (whole === undefined || isWanted()) return
    this.#fetched.delete(name)
    release(whole)
  }

  #read(location: PackLocation, segment: Segment, signal: AbortSignal): Promise<Uint8Array> {
    const own = nameOf(location, segment.shareNumber, segment.run)
    const size = segment.run.count * location.manifest.leafSize
    const keep: Keep = (name, fetch) => {
      if (name !== own) this.#hasRebuilt = true
      return this.#fetch(name, size, fetch)
    }
    return this.#grid.readRun(location, segment, keep, signal)
  }

  #fetch(name: string, size: number, fetch: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const known = this.#fetched.get(name)
    if (known === undefined) this.bytesFetched += size
    const bytes = known ?? fetch()
    touch(this.#fetched, name, bytes)
    if (known !== undefined) return bytes
    bytes.catch(() => forget(this.#fetched, name, bytes))
    void oldest(this.#fetched, this.#options.countMax)
    return bytes
  }
}

interface Run {
  readonly name: string
  readonly bytes: Promise<Uint8Array>
}

/** As `PackReader.readRun` names it. */
function nameOf({ id }: PackLocation, share: number, { first, count }: Segment['run']): string {
  return `${id} ${share} ${first} ${count}`
}

/** Maps are in order of their last use. */
function touch<T>(map: Map<string, T>, name: string, value: T): void {
  map.delete(name)
  map.set(name, value)
}

/** What failed is asked for anew next time. */
function forget<T>(map: Map<string, T>, name: string, value: T): void {
  if (map.get(name) === value) map.delete(name)
}

/** @returns what was taken out of a map that holds more than `countMax` */
function oldest<T>(map: Map<string, T>, countMax: number): T | undefined {
  const [first] = map.size > countMax ? map : []
  if (first === undefined) return undefined
  map.delete(first[0])
  return first[1]
}
