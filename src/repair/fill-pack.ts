/**
 * Filling a pack: the leaves that an assembly lacks come from the peers that hold them.
 */

import type { Manifest } from '../../protocol/manifest.ts'
import { READ_SIZE_MAX } from '../../protocol/messages.ts'
import { mapPool } from '../base/pool.ts'
import { READ_WIDTH, type Run } from '../grid/read-pack.ts'
import type { LeafPlace, PackAssembly } from './pack-assembly.ts'

/** Leaves of one share, 1 MiB at most. */
export interface ShareRun {
  readonly shareNumber: number
  readonly run: Run
}

/** @returns the leaves, verified; `undefined` if nobody gives them: the share is not asked for again */
export type ReadShare = (wanted: ShareRun, signal: AbortSignal) => Promise<Uint8Array | undefined>

/**
 * Fetch what a pack lacks; shares that nobody gives are done without, as far as that goes.
 *
 * @param holders - shares that somebody holds
 * @returns how many shares could be read, where that is too few for what lacks; else nothing
 */
export async function fillPack(
  assembly: PackAssembly,
  manifest: Manifest,
  holders: ReadonlySet<number>,
  read: ReadShare,
  signal: AbortSignal,
): Promise<{ readonly found: number } | undefined> {
  const held = new Set(holders)
  for (;;) {
    const lacking = assembly.lacking(held)
    if (lacking === undefined) return { found: held.size }
    if (lacking.length === 0) return undefined
    await mapPool(
      runsOf(lacking, manifest),
      READ_WIDTH,
      async (wanted, within) => {
        const { shareNumber, run } = wanted
        if (!held.has(shareNumber)) return
        const bytes = await read(wanted, within)
        if (bytes === undefined) held.delete(shareNumber)
        else assembly.putLeaves({ shareNumber, leaf: run.first }, bytes)
      },
      signal,
    )
    assembly.rebuild()
  }
}

/** Neighbouring leaves of one share are asked for together, 1 MiB at a time. */
function runsOf(places: readonly LeafPlace[], { leafSize }: Manifest): ShareRun[] {
  const countMax = READ_SIZE_MAX / leafSize
  const sorted = places.toSorted((a, b) => a.shareNumber - b.shareNumber || a.leaf - b.leaf)
  const runs: { shareNumber: number; run: { first: number; count: number } }[] = []
  for (const { shareNumber, leaf } of sorted) {
    const last = runs.at(-1)
    const isNext = last?.shareNumber === shareNumber && last.run.first + last.run.count === leaf
    if (last !== undefined && isNext && last.run.count < countMax) last.run.count += 1
    else runs.push({ shareNumber, run: { first: leaf, count: 1 } })
  }
  return runs
}
