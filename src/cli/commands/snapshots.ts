/**
 * `cairn snapshots`: what there is to go back to.
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeLine, escapeName } from '../escape.ts'
import { formatBytes, formatCount, formatItems, formatTime } from '../format.ts'
import { snapshotFields, type SnapshotRow } from '../snapshot-fields.ts'
import { withClient } from '../with-client.ts'

const HEADING = '  id  started              on: files, size, + new, sources'

export function snapshotsCommand(context: Context): Command {
  return makeCommand('snapshots', {
    summary: 'list the snapshots, newest last',
    examples: ['cairn snapshots', 'cairn snapshots --json | jq .short_id'],
  }).action(async (options: CommonOptions) => {
    await withClient(context, options, async ({ client, output }) => {
      const rows = (await client.snapshots(context.signal)).toReversed()
      if (rows.length > 0) output.data(HEADING)
      for (const row of rows) {
        output.json(snapshotFields(row))
        output.data(describeRow(row))
      }
      if (rows.length === 0) output.say('No snapshots yet. Make one: cairn backup PATH…')
    })
  })
}

function describeRow(row: SnapshotRow): string {
  const marks = row.tags.map((tag) => `#${escapeLine(tag)}`)
  if (row.isPinned) marks.push('pinned')
  if (!row.isComplete) marks.push(partialMark(row))
  return [
    String(row.sequence).padStart(4),
    formatTime(row.startedAt),
    `${escapeLine(row.host)}: ${formatItems(row.files, 'file')}`,
    formatBytes(row.bytes),
    `+ ${formatBytes(row.added)}`,
    row.sources.map(escapeName).join(' '),
    ...marks,
  ].join('  ')
}

/** Nothing is left out where not everything was looked at. */
function partialMark({ skipped }: SnapshotRow): string {
  return skipped === 0 ? 'partial' : `partial, ${formatCount(skipped)} left out`
}
