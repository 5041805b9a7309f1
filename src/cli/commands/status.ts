/**
 * `cairn status`: is my backup all right, and who is there?
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { statusAlarms, statusLines, statusRecords } from '../reports/status.ts'
import { withClient } from '../with-client.ts'

export function statusCommand(context: Context): Command {
  return makeCommand('status', {
    summary: 'show the vault, the peers, what waits to be sent and what is missing',
    examples: ['cairn status', 'cairn status --json'],
  }).action(async (options: CommonOptions) => {
    await withClient(context, options, async ({ client, output, home }) => {
      const status = await client.status(context.signal)
      for (const record of statusRecords(home.data, status)) output.json(record)
      for (const line of statusLines(home.data, status)) output.data(line)
      for (const alarm of statusAlarms(status)) output.warn(alarm)
    })
  })
}
