/**
 * Following the queue: once a snapshot is published, what is known of each path is what it found.
 */

import { keysBelow } from '../source/path.ts'
import type { Entries } from '../store/entries.ts'
import type { Queue, QueueRow } from '../store/queue.ts'
import type { Signatures } from '../store/signatures.ts'
import { recordedCtime } from './racy.ts'

export interface FollowParts {
  readonly entries: Entries
  readonly queue: Queue
  readonly signatures: Pick<Signatures, 'remove'>
}

/** Take over all that is done; what waits still is for the next snapshot. Runs in a transaction. */
export function followQueue(parts: FollowParts): void {
  const { entries, queue } = parts
  const isFirst = entries.isEmpty()
  for (const row of queue.rows()) apply(parts, row, isFirst)
  queue.dropSettled()
}

/** @param isFirst - no path is known yet: nothing to look up or to remove */
function apply({ entries, signatures }: FollowParts, row: QueueRow, isFirst: boolean): void {
  if (row.state === 'waiting') return
  const { key, status, result } = row
  const isGone = row.state === 'gone'
  const known = isFirst ? undefined : entries.get(key)
  const before = known?.content
  const mayHoldRows = !isFirst && (known === undefined || known.kind === 'folder')
  if (isGone || (status.kind !== 'folder' && mayHoldRows)) {
    entries.removeTree(key, keysBelow(key))
  }
  if (isGone) return
  entries.put({
    ...status,
    ctime: recordedCtime(row),
    key,
    content: result?.content,
    version: result?.version ?? 0,
    chainLength: result?.chainLength ?? 0,
    chainSize: result?.chainSize ?? 0,
  })
  // What was the newest version is none any more; its signature would only crowd out others.
  const isOld = before !== undefined && entries.findContent(before) === undefined
  if (isOld) signatures.remove(before)
}
