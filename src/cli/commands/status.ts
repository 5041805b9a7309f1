/**
 * `cairn status`: is my backup all right, and who is there?
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { durationOption } from '../options.ts'
import { statusAlarms, statusLines, statusRecords } from '../reports/status.ts'
import { withClient } from '../with-client.ts'

/** A hundred years. */
const AGE_MS_MAX = 36_525 * 86_400_000

interface StatusOptions extends CommonOptions {
  readonly maxAge?: number
}

export function statusCommand(context: Context): Command {
  return makeCommand('status', {
    summary: 'show the vault, the peers, what waits to be sent and what is missing',
    examples: ['cairn status', 'cairn status --max-age 2d', 'cairn status --json'],
  })
    .option(
      '--max-age <time>',
      'warn if the last complete snapshot is older; default: backup.max-age, or 7d',
      durationOption(AGE_MS_MAX),
    )
    .action(async (options: StatusOptions) => {
      await withClient(context, options, async ({ client, output, home, config }) => {
        const status = await client.status(context.signal)
        const ageMaxMs = options.maxAge ?? config.backup['max-age']
        for (const record of statusRecords(home.data, status, ageMaxMs)) output.json(record)
        for (const line of statusLines(home.data, status)) output.data(line)
        for (const alarm of statusAlarms(status, ageMaxMs)) output.warn(alarm)
      })
    })
}
