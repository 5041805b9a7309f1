/**
 * `cairn rebuild`: make long delta chains short.
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeName, pathFields } from '../escape.ts'
import type { ExitCode } from '../exit-code.ts'
import { formatItems } from '../format.ts'
import { pathBytes, sizeOption } from '../options.ts'
import { exitCodeAfter, tellNotSafe } from '../reports/maintained.ts'
import { degradedLines, rebuildLines, rebuildRecords } from '../reports/rebuild.ts'
import { withClient, withProgress, type ClientSession } from '../with-client.ts'

interface RebuildOptions extends CommonOptions {
  readonly dryRun?: boolean
  readonly budget?: number
}

export function rebuildCommand(context: Context): Command {
  return makeCommand('rebuild', {
    summary: 'make long delta chains short',
    details:
      'Each file gets the plan that moves the fewest bytes: deltas composed into one, a\n' +
      'new whole version with reverse deltas behind it, or a new original. Snapshots\n' +
      'read as before. Stop it at any time. Backups do the same by themselves, within\n' +
      '[rebuild] of config.toml.',
    examples: [
      'cairn rebuild --dry-run',
      'cairn rebuild --budget 2GB',
      'cairn rebuild ~/Documents/big.db',
    ],
  })
    .argument('[path...]', 'files; default: every file whose chain is too long')
    .option('-n, --dry-run', 'show the plans and change nothing')
    .option('--budget <size>', 'move no more than this, up and down; cheapest first', sizeOption)
    .action(async (paths: string[], options: RebuildOptions) => {
      await withClient(context, options, async (session) => {
        context.exit = await rebuild(context, session, paths, options)
      })
    })
}

async function rebuild(
  context: Context,
  { client, output, config }: ClientSession,
  paths: readonly string[],
  options: RebuildOptions,
): Promise<ExitCode> {
  const summary = await withProgress(context, output, (progress) =>
    client.rebuild(
      {
        paths: paths.map((path) => pathBytes(path, context.workingFolder)),
        policy: config.rebuild,
        isDryRun: options.dryRun === true,
        ...(options.budget === undefined ? {} : { budget: options.budget }),
        onProgress: (state) => progress.update(state),
        onFileError: ({ path, error, during }) => {
          progress.clear()
          output.itemFailed(escapeName(path), error, { during, ...pathFields(path) })
        },
      },
      context.signal,
    ),
  )
  for (const warning of summary.warnings) output.warn(warning)
  for (const record of rebuildRecords(summary)) output.json(record)
  for (const line of rebuildLines(summary)) output.data(line)
  const degraded = degradedLines(summary)
  for (const line of degraded) output.say(line)
  if (summary.failures.length > 0) {
    output.say(`${formatItems(summary.failures.length, 'file')} could not be rebuilt: see above`)
  }
  tellNotSafe(output, summary)
  return exitCodeAfter(summary, degraded.length + summary.failures.length > 0)
}
