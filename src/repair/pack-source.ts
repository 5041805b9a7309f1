/**
 * Pack source: a pack's bytes from where they cost the grid little or nothing.
 *
 * The spool and the cache have whole packs; the person's own files may still have what was sealed of
 * them. Nothing that comes from here is trusted: whoever uses it encodes it again, and only what gives the
 * pack's very name goes out.
 */

import type { PackId } from '../../protocol/manifest.ts'
import { unfilled } from '../codec/buffers.ts'
import type { PackLocation } from '../grid/locate-packs.ts'
import type { Spool } from '../store/spool.ts'
import type { MadeBytes } from './pack-assembly.ts'
import type { PackShape, ShapedPack } from './pack-list.ts'

/** Where the bytes of a re-made pack came from; for reports. */
export type Origin = 'spool' | 'files' | 'peers'

export interface SourcedPack extends MadeBytes {
  readonly origin: Origin
  /** Bytes that the source itself asked of peers. */
  readonly bytesRead: number
}

export interface PackSource {
  /** Told which packs will be asked for, in this order. */
  expect?(packs: readonly PackId[]): void

  /**
   * About how many bytes of the pack it could not make, as far as can be told without making it; for
   * plans and budgets.
   *
   * @returns `undefined` where it can make nothing
   */
  estimate(pack: ShapedPack, signal: AbortSignal): Promise<number | undefined>

  /**
   * @param location - who holds what of the pack, if anybody holds anything
   * @returns `undefined` where it can make nothing
   * @throws only the signal's reason, or what is wrong with our own state
   */
  make(
    pack: ShapedPack,
    location: PackLocation | undefined,
    signal: AbortSignal,
  ): Promise<SourcedPack | undefined>
}

/** Packs of our own disk: those in the spool, and those kept of metadata. */
export class SpoolSource implements PackSource {
  readonly #spool: Pick<Spool, 'readWhole' | 'readUpTo'>

  constructor(spool: Pick<Spool, 'readWhole' | 'readUpTo'>) {
    this.#spool = spool
  }

  async estimate({ numbers }: ShapedPack): Promise<number | undefined> {
    for (const number of numbers) {
      const start = await this.#spool.readUpTo(number, 0, 1)
      if (start !== undefined) return 0
    }
    return undefined
  }

  async make({ numbers, shape: { size } }: ShapedPack): Promise<SourcedPack | undefined> {
    for (const number of numbers) {
      // A number that was merged may still have its old pack cached here: the wrong size tells, or the name.
      const bytes = await this.#spool.readWhole(number, size)
      if (bytes !== undefined) return { origin: 'spool', bytes, gaps: [], bytesRead: 0 }
    }
    return undefined
  }
}

/** Asks one source after another, the cheapest first. */
export class FirstOf implements PackSource {
  readonly #sources: readonly PackSource[]

  constructor(sources: readonly PackSource[]) {
    this.#sources = sources
  }

  expect(packs: readonly PackId[]): void {
    for (const source of this.#sources) source.expect?.(packs)
  }

  async estimate(pack: ShapedPack, signal: AbortSignal): Promise<number | undefined> {
    for (const source of this.#sources) {
      const missing = await source.estimate(pack, signal)
      if (missing !== undefined) return missing
    }
    return undefined
  }

  async make(
    pack: ShapedPack,
    location: PackLocation | undefined,
    signal: AbortSignal,
  ): Promise<SourcedPack | undefined> {
    for (const source of this.#sources) {
      const made = await source.make(pack, location, signal)
      if (made !== undefined) return made
    }
    return undefined
  }
}

/** Everything is to be read from peers. */
export function allFromPeers({ size }: PackShape): SourcedPack {
  const gaps = [{ offset: 0, length: size }]
  return { origin: 'peers', bytes: unfilled(size), gaps, bytesRead: 0 }
}
