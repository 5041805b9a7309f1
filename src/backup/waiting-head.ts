/** A head that was written and is not known to be published: as it lies here, or as peers have it. */

import { equal } from '../../protocol/bytes.ts'
import { openHead } from '../../protocol/head.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { Grid } from '../grid/grid.ts'
import type { Published, PublishedState } from '../store/published.ts'

export interface WaitingHeadParts {
  readonly published: Pick<Published, 'pendingHead' | 'keepPendingHead'>
  readonly grid: Pick<Grid, 'heads'>
}

/**
 * One that is lost or damaged here was perhaps sent: whoever has it gives it back, and it is kept here again.
 *
 * @param state - what it will bring
 * @returns its bytes; `undefined` if nobody who answers has it
 */
export async function waitingHead(
  { published, grid }: WaitingHeadParts,
  vault: VaultId,
  { head: id }: Pick<PublishedState, 'head'>,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const here = await published.pendingHead()
  if (here !== undefined) return here
  const { answers } = await grid.heads(vault, signal)
  const heads = answers.flatMap((answer) => answer.heads.map(({ head }) => head))
  const found = heads.find((head) => equal(openHead(head).id, id))
  if (found !== undefined) await published.keepPendingHead(found)
  return found
}
