/**
 * `cairn snapshots`: what there is to go back to.
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeLine, escapeName } from '../escape.ts'
import { formatBytes, formatItems, formatTime } from '../format.ts'
import { snapshotFields, snapshotMarks, type SnapshotRow } from '../snapshot-fields.ts'
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
  return [
    String(row.sequence).padStart(4),
    formatTime(row.startedAt),
    `${escapeLine(row.host)}: ${formatItems(row.files, 'file')}`,
    formatBytes(row.bytes),
    `+ ${formatBytes(row.added)}`,
    row.sources.map(escapeName).join(' '),
    ...snapshotMarks(row),
  ].join('  ')
}
