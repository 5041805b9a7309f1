/**
 * Filling a pack: the leaves that an assembly lacks come from the peers that hold them.
 */

import type { Manifest } from '../../protocol/manifest.ts'
import { READ_SIZE_MAX } from '../../protocol/messages.ts'
import { CairnError } from '../base/errors.ts'
import { mapPool } from '../base/pool.ts'
import type { Grid, PackLocation } from '../grid/grid.ts'
import { READ_WIDTH, type Run } from '../grid/read-pack.ts'
import type { LeafPlace, PackAssembly } from './pack-assembly.ts'

export type ShareReader = Pick<Grid, 'readShare'>

/**
 * Fetch what a range of the pack lacks; shares that nobody gives are done without, as far as that goes.
 *
 * @returns whether all of the range is there now; not whether it is right
 * @throws only the signal's reason, or an error that is a bug
 */
export async function fillPack(
  assembly: PackAssembly,
  location: PackLocation,
  grid: ShareReader,
  range: { readonly offset: number; readonly length: number },
  signal: AbortSignal,
): Promise<boolean> {
  const away = new Set<number>()
  for (;;) {
    const isHeld = (share: number) => location.holders.has(share) && !away.has(share)
    const lacking = assembly.lacking(isHeld, range)
    if (lacking === undefined) return false
    if (lacking.length === 0) break
    await mapPool(
      runsOf(lacking, location.manifest),
      READ_WIDTH,
      async (wanted, within) => {
        const { shareNumber, run } = wanted
        if (away.has(shareNumber)) return
        try {
          const bytes = await grid.readShare(location, wanted, within)
          assembly.putLeaves({ shareNumber, leaf: run.first }, bytes)
        } catch (error) {
          within.throwIfAborted()
          if (!(error instanceof CairnError)) throw error
          away.add(shareNumber)
        }
      },
      signal,
    )
    assembly.rebuild()
  }
  return assembly.knows(range.offset, range.length)
}

interface ShareRun {
  readonly shareNumber: number
  readonly run: Run
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
