/**
 * `cairn peer list`: friends who lend, what each side holds for the other, and what to make of it.
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { friendLines, friendRecords } from '../reports/friend-list.ts'
import { withClient } from '../with-client.ts'

export function peerListCommand(context: Context): Command {
  return makeCommand('list', {
    summary: 'show friends: what they hold for you, you for them, and how it stands',
    details:
      'What others hold for each other is what their devices vouch for. Room that your own peers lend counts\n' +
      'as yours once they were told whose they are: cairn peer run --vault ID (cairn status shows the vault).',
    examples: ['cairn peer list', 'cairn peer list --json'],
  }).action(async (options: CommonOptions) => {
    await withClient(context, options, async ({ client, output }) => {
      const list = await client.friends(context.signal)
      for (const record of friendRecords(list)) output.json(record)
      for (const line of friendLines(list)) output.data(line)
    })
  })
}
