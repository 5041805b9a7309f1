/**
 * `cairn pin` and `cairn unpin`: snapshots that no rule of retention removes.
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { formatTime } from '../format.ts'
import { exitCodeAfter, tellNotSafe } from '../reports/maintained.ts'
import { snapshotFields } from '../snapshot-fields.ts'
import { withClient } from '../with-client.ts'

export function pinCommand(context: Context): Command {
  return makeCommand('pin', {
    summary: 'keep snapshots whatever `cairn forget` is told',
    examples: ['cairn pin latest', 'cairn pin 12 2026-11-20'],
  })
    .argument('<snapshot...>', 'latest, numbers, dates or ages such as 3d')
    .action(async (when: string[], options: CommonOptions) => setPins(context, when, true, options))
}

export function unpinCommand(context: Context): Command {
  return makeCommand('unpin', {
    summary: 'let `cairn forget` remove snapshots again',
    examples: ['cairn unpin 12'],
  })
    .argument('<snapshot...>', 'latest, numbers, dates or ages such as 3d')
    .action(async (when: string[], options: CommonOptions) =>
      setPins(context, when, false, options),
    )
}

async function setPins(
  context: Context,
  when: readonly string[],
  isPinned: boolean,
  options: CommonOptions,
): Promise<void> {
  await withClient(context, options, async ({ client, output }) => {
    const answer = await client.pin(when, isPinned, context.signal)
    for (const warning of answer.warnings) output.warn(warning)
    for (const row of answer.rows) {
      output.json(snapshotFields(row))
      output.data(
        `snapshot ${row.sequence} of ${formatTime(row.startedAt)} is ${row.isPinned ? '' : 'not '}pinned`,
      )
    }
    tellNotSafe(output, answer)
    context.exit = exitCodeAfter(answer)
  })
}
