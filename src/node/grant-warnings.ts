/**
 * Grant warnings: what a person should hear about room at friends, before it is refused and after.
 */

import { formatBytes } from '../base/size-words.ts'
import type { PeerStatus } from '../grid/grid.ts'
import type { RosterBook } from '../grid/roster-book.ts'

/** @returns a sentence for each friend where this vault is above its grant, and what would help */
export function grantWarnings(
  states: readonly PeerStatus[],
  roster: Pick<RosterBook, 'nameOf'>,
): string[] {
  const over = states.flatMap(({ peer, status }) =>
    status?.over === undefined ? [] : [{ peer, status, over: status.over }],
  )
  if (over.length === 0) return []
  const most = Math.max(...over.map(({ over: { bytes } }) => bytes))
  const lines = over.map(({ peer, status, over: { bytes, until } }) => {
    const limit = formatBytes(status.grant ?? 0)
    const when = until <= status.now ? 'now' : `from ${dateOf(until)} on`
    return `${roster.nameOf(peer)} grants ${limit} and holds ${formatBytes(bytes)} more: new data is refused there ${when}`
  })
  return [
    ...lines,
    `What is stored stays. Lend more, or free ${formatBytes(most)} at each such friend: ` +
      '"cairn forget" drops old snapshots ("--dry-run" shows what that frees), "cairn gc" gives their space back',
  ]
}

function dateOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
