/**
 * What every piece of maintenance says of the head it published.
 */

import type { Maintained } from '../../node/maintenance-types.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes } from '../format.ts'
import type { Output } from '../output.ts'

export function maintainedFields(summary: Maintained) {
  return {
    head_sequence: summary.sequence,
    is_published: summary.published,
    bytes_fetched: summary.bytesFetched,
    data_added: summary.bytesAdded,
    bytes_sent: summary.bytesSent,
  }
}

/** @returns lines on what went over the net; none where nothing did */
export function trafficLines(summary: Maintained): string[] {
  const { bytesFetched, bytesAdded, bytesSent } = summary
  if (bytesFetched + bytesAdded + bytesSent === 0) return []
  return [
    `fetched   ${formatBytes(bytesFetched)} from peers`,
    `stored    ${formatBytes(bytesAdded)} new, ${formatBytes(bytesSent)} sent to peers`,
  ]
}

/** Tell what stands in the way of the head, if anything does. */
export function tellNotSafe(output: Output, summary: Maintained): void {
  if (summary.notSafe !== undefined) output.failed(summary.notSafe)
}

/** @returns whether enough peers have the head that says what was done, if it took one: until then all is as before */
export function isStated({ notSafe, sequence, published }: Maintained): boolean {
  return notSafe === undefined && (sequence === undefined || published)
}

/** @param isIncomplete - something was left out, and named */
export function exitCodeAfter(summary: Maintained, isIncomplete = false): ExitCode {
  if (!isStated(summary)) return EXIT.notSafe
  return isIncomplete ? EXIT.incomplete : EXIT.ok
}
