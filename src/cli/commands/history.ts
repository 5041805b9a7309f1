/**
 * `cairn history`: every version of one file, how each is stored, and what the newest one costs.
 */

import { resolve } from 'node:path'
import type { Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeLine, escapeName, pathFields } from '../escape.ts'
import { formatItems } from '../format.ts'
import { fractionOption, pathBytes } from '../options.ts'
import {
  extractedLines,
  extractedRecords,
  historyLines,
  historyRecords,
} from '../reports/history.ts'
import { withClient, type ClientSession } from '../with-client.ts'

interface HistoryOptions extends CommonOptions {
  readonly shareLoss?: number
  readonly measure?: boolean
  readonly extract?: string
  readonly follow?: boolean
}

export function historyCommand(context: Context): Command {
  const command = makeCommand('history', {
    summary: 'show every version of a file, and how it is stored',
    details:
      'A version is an original, a forward delta on an older version or a reverse delta\n' +
      'on a newer one. Below them: how many deltas lead to the newest version, what it\n' +
      'takes to restore it, and how likely that is if shares are lost.',
    examples: [
      'cairn history ~/Documents/big.db',
      'cairn history --follow ~/Documents/big.db',
      'cairn history --share-loss 10% ~/Documents/big.db',
      'cairn history --extract /tmp/versions ~/Documents/big.db',
    ],
  })
  return command
    .argument('<path>', 'a file or folder that was backed up')
    .option('--share-loss <part>', 'reckon with so many shares lost: 5%', fractionOption)
    .addOption(
      command
        .createOption('--measure', 'ask the peers which shares are lost')
        .conflicts('shareLoss'),
    )
    .addOption(
      command
        .createOption('--follow', 'also under the names that the file had before')
        .conflicts('extract'),
    )
    .option('--extract <folder>', 'write the versions as they are stored, for `rdiff patch`')
    .action(async (path: string, options: HistoryOptions) => {
      await withClient(context, options, async (session) =>
        history(context, session, path, options),
      )
    })
}

async function history(
  context: Context,
  session: ClientSession,
  path: string,
  options: HistoryOptions,
): Promise<void> {
  const { output, config } = session
  const client = session.client
  const wanted = pathBytes(path, context.workingFolder)
  const report = await client.historyReport(
    wanted,
    {
      shareLoss: options.shareLoss ?? config.rebuild.shareLoss,
      isMeasured: options.measure === true,
    },
    context.signal,
  )
  if (report === undefined) {
    throw new UsageError(`${escapeName(wanted)} is in no snapshot; \`cairn ls\` shows what is`)
  }
  for (const record of historyRecords(wanted, report)) output.json(record)
  for (const line of historyLines(report)) output.data(line)
  if (options.follow === true) await followBack(context, session, wanted)
  if (options.extract === undefined) return
  const folder = resolve(context.workingFolder, options.extract)
  const extracted = await client.extractHistory(wanted, folder, context.signal)
  for (const record of extractedRecords(folder, extracted)) output.json(record)
  for (const line of extractedLines(extracted)) output.data(line)
  const files = formatItems(extracted.files.length, 'version')
  output.say(`${files} in ${escapeLine(folder)}; to make them whole there: sh ${extracted.table}`)
}

/** The same file under the names that it had before, the last one first. */
async function followBack(
  context: Context,
  { client, output }: ClientSession,
  path: Uint8Array,
): Promise<void> {
  const { signal } = context
  for (const { path: before, until } of await client.views.formerNames(path, signal)) {
    output.json({ message_type: 'former_name', ...pathFields(before), until_snapshot: until })
    output.data(`\nbefore snapshot ${until}: ${escapeName(before)}`)
    const report = await client.historyReport(before, {}, signal)
    if (report === undefined) continue
    const former = { ...report, chain: undefined }
    for (const record of historyRecords(before, former)) output.json(record)
    for (const line of historyLines(former)) output.data(line)
  }
}
