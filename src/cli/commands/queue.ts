/**
 * `cairn queue`: what waits to be uploaded, in its order.
 */

import type { Command } from 'commander'
import type { Queued, QueuedPath } from '../../node/client.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeName, pathFields } from '../escape.ts'
import { formatBytes, formatCount, formatItems, formatMoment, formatTime } from '../format.ts'
import { countOption } from '../options.ts'
import type { Output } from '../output.ts'
import { readWeights, withWeightOption, type WeightOptions } from '../upload-options.ts'
import { withClient } from '../with-client.ts'

interface QueueOptions extends CommonOptions, WeightOptions {
  readonly limit: number
  readonly all?: boolean
}

export function queueCommand(context: Context): Command {
  const command = makeCommand('queue', {
    summary: 'show what waits to be uploaded, what goes first on top',
    details:
      'Heavy paths go first, see --weight; of one weight, what is new and small, by rough steps:\n' +
      'up to 1 MiB, 16 MiB, 256 MiB, and changed within a day or a month.',
    examples: ['cairn queue', 'cairn queue --weight ~/Documents=10 --all'],
  })
  return withWeightOption(command)
    .option('--limit <count>', 'show so many paths', countOption(0, 1_000_000_000), 20)
    .option('--all', 'show every path')
    .action(async (options: QueueOptions) => {
      await withClient(context, options, async ({ client, output, config }) => {
        const limit = options.all === true ? Infinity : options.limit
        show(output, client.queue(readWeights(context, config, options)), limit)
      })
    })
}

function show(output: Output, { summary, scannedAt, sources, paths }: Queued, limit: number): void {
  let shown = 0
  for (const each of paths) {
    if (shown === limit) break
    shown += 1
    output.json({
      message_type: 'queued',
      ...pathFields(each.path),
      state: each.state,
      type: each.kind,
      size: each.size,
      is_new: each.isNew,
      weight: each.weight,
    })
    output.data(line(each))
  }
  const { waiting, ready, gone } = summary
  output.json({
    message_type: 'summary',
    files_waiting: waiting.files,
    bytes_waiting: waiting.bytes,
    ready,
    gone,
    shown,
    scanned_at: scannedAt === undefined ? undefined : formatMoment(scannedAt),
    sources: sources.map((path) => pathFields(path).path),
  })
  const total = waiting.files + ready + gone
  if (shown < total) output.data(`… and ${formatItems(total - shown, 'path')} more: --all`)
  output.data(
    `${formatItems(waiting.files, 'file')} to read, ${formatBytes(waiting.bytes)}; ` +
      `${formatItems(ready, 'path')} ready, ${formatCount(gone)} gone`,
  )
  output.say(
    scannedAt === undefined
      ? 'No scan has ended since the last snapshot.'
      : `Scanned ${formatTime(scannedAt)}: ${sources.map(escapeName).join(', ')}`,
  )
}

function line({ path, state, kind, size, isNew, weight }: QueuedPath): string {
  const what = state === 'gone' ? 'gone' : isNew ? 'new' : 'changed'
  const much = state === 'gone' || kind !== 'file' ? '' : formatBytes(size)
  const isReady = state === 'done' && kind === 'file' ? ' (read)' : ''
  const heavy = weight === 0 ? '' : ` (weight ${weight})`
  return `${what.padEnd(8)}${much.padStart(10)}  ${escapeName(path)}${isReady}${heavy}`
}
