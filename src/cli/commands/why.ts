/**
 * `cairn why`: why a file, a pack or the whole backup is not safe or still settling, and what would help.
 */

import type { Command } from 'commander'
import type { WhyRequest } from '../../node/client.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { pathBytes } from '../options.ts'
import { exitCodeAfterWhy, whyLines, whyRecords } from '../reports/why.ts'
import { withClient } from '../with-client.ts'

/** A pack's number, as `cairn why` tells it, or its name. Files called so are asked for as `./12`. */
const PACK = /^(?:\d{1,15}|baf[a-z2-7]{20,})$/

export function whyCommand(context: Context): Command {
  return makeCommand('why', {
    summary: 'say what keeps a backup from being safe or whole, and what would help',
    details:
      'Without an argument: all packs that are not whole, and the reasons. A pack is\n' +
      'whole when every share lies with a friend who counts, settling when it is safe and\n' +
      'some shares wait for a place, thin when nobody can take them, and unsafe when too\n' +
      'few separate houses hold it.',
    examples: ['cairn why', 'cairn why ~/Documents/big.db', 'cairn why 12'],
  })
    .argument('[what]', 'a file or folder that was backed up, or a pack by its number')
    .action(async (what: string | undefined, options: CommonOptions) => why(context, what, options))
}

async function why(
  context: Context,
  what: string | undefined,
  options: CommonOptions,
): Promise<void> {
  await withClient(context, options, async ({ client, output }) => {
    const report = await client.why(requestOf(what, context), context.signal)
    for (const record of whyRecords(report)) output.json(record)
    for (const line of whyLines(report)) output.data(line)
    context.exit = exitCodeAfterWhy(report)
  })
}

function requestOf(what: string | undefined, context: Context): WhyRequest {
  if (what === undefined) return { type: 'all' }
  if (PACK.test(what)) return { type: 'pack', pack: what }
  return { type: 'path', path: pathBytes(what, context.workingFolder) }
}
