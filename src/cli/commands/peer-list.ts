/**
 * `cairn peer list`: friends who lend, what each side holds for the other, and what to make of it; or what a
 * running peer of yours holds for whom.
 */

import { resolve } from 'node:path'
import type { Command } from 'commander'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { askPeer } from '../grid/peer-control.ts'
import { friendLines, friendRecords } from '../reports/friend-list.ts'
import { heldLines, heldRecords } from '../reports/held-list.ts'
import { withClient } from '../with-client.ts'

interface ListOptions extends CommonOptions {
  readonly store?: string
}

export function peerListCommand(context: Context): Command {
  return makeCommand('list', {
    summary: 'show friends: what they hold for you, you for them, and how it stands',
    details:
      'What others hold for each other is what their devices vouch for. Room that your own peers lend counts\n' +
      'as yours once they were told whose they are: cairn peer run --vault ID (cairn status shows the vault).\n' +
      'With --store: what that running peer of yours holds for whom, and what it grants them.',
    examples: ['cairn peer list', 'cairn peer list --json', 'cairn peer list --store /srv/cairn'],
  })
    .option('--store <folder>', 'the store of your running peer')
    .action(async (options: ListOptions) => {
      if (options.store === undefined) return await listFriends(context, options)
      await listHeld(context, options, options.store)
    })
}

async function listFriends(context: Context, options: CommonOptions): Promise<void> {
  await withClient(context, options, async ({ client, output }) => {
    const list = await client.friends(context.signal)
    for (const record of friendRecords(list)) output.json(record)
    for (const line of friendLines(list)) output.data(line)
  })
}

async function listHeld(context: Context, options: CommonOptions, store: string): Promise<void> {
  const output = outputOf(context, options)
  const folder = resolve(context.workingFolder, store)
  const held = await askPeer(folder, 'vaults', {}, context.signal)
  for (const record of heldRecords(held)) output.json(record)
  for (const line of heldLines(held)) output.data(line)
}
