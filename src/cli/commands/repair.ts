/**
 * `cairn repair`: make missing shares again, and place them with peers that have none.
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import type { ExitCode } from '../exit-code.ts'
import { sizeOption } from '../options.ts'
import { repairExit, repairLines, repairRecords } from '../reports/repair.ts'
import { repairProgress, withClient, withProgress, type ClientSession } from '../with-client.ts'

interface RepairOptions extends CommonOptions {
  readonly budget?: number
  readonly dryRun?: boolean
  readonly wait?: boolean
}

export function repairCommand(context: Context): Command {
  return makeCommand('repair', {
    summary: 'make missing shares again, and give them to other peers',
    details:
      'Shares of peers that do not answer now count as missing, unless the peer said that it is\n' +
      'away; with --wait they count until the peer is given up, as they do when backups repair\n' +
      'by themselves. Packs that could be lost soonest come first. Shares are made from this\n' +
      "machine's own copies where it has them, else from what peers hold. Stop it at any time.",
    examples: ['cairn repair --dry-run', 'cairn repair', 'cairn repair --budget 2GB'],
  })
    .option('-n, --dry-run', 'say what would be done and change nothing')
    .option('--budget <size>', 'move no more than this, up and down', sizeOption)
    .option('--wait', 'wait for silent peers until they are given up: three weeks for most')
    .action(async (options: RepairOptions) => {
      await withClient(context, options, async (session) => {
        context.exit = await repair(context, session, options)
      })
    })
}

async function repair(
  context: Context,
  { client, output }: ClientSession,
  options: RepairOptions,
): Promise<ExitCode> {
  const summary = await withProgress(context, output, (progress) =>
    client.repair(
      {
        isDryRun: options.dryRun === true,
        isPatient: options.wait === true,
        ...(options.budget === undefined ? {} : { budget: options.budget }),
        onProgress: (state) => progress.update(repairProgress(state)),
      },
      context.signal,
    ),
  )
  for (const warning of summary.warnings) output.warn(warning)
  for (const record of repairRecords(summary)) output.json(record)
  for (const line of repairLines(summary)) output.data(line)
  return repairExit(summary)
}
