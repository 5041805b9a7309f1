/**
 * `cairn compare`: whether the live files are what a snapshot has.
 */

import { tmpdir } from 'node:os'
import { Option, type Command } from 'commander'
import { FormatError, RecoveryError } from '../../base/errors.ts'
import type { CompareSummary } from '../../node/client.ts'
import { COMPARE_METHODS, type CompareMethod } from '../../restore/compare-live.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeName, pathFields } from '../escape.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes, formatCount, formatItems } from '../format.ts'
import { pathBytes } from '../options.ts'
import { patternOptions, patternsOf, type PatternOptions } from '../pattern-options.ts'
import { echoSnapshot } from '../snapshot-fields.ts'
import { withClient, withProgress, type ClientSession } from '../with-client.ts'

interface CompareOptions extends CommonOptions, PatternOptions {
  readonly at: string
  readonly method: CompareMethod
  readonly target?: string
}

export function compareCommand(context: Context): Command {
  const command = makeCommand('compare', {
    summary: 'compare files with a snapshot',
    details:
      'meta compares kind, size, time, mode, owner, attributes and where links lead; hash reads the files and\n' +
      'compares their contents too, mostly by digests; full fetches every byte from the peers.\n' +
      'Ends with 1 if anything differs.',
    examples: [
      'cairn compare ~/Documents',
      'cairn compare --method hash --at 3d ~/Documents',
      'cairn compare --method full --target /tmp/back ~/Documents',
    ],
  })
  patternOptions(command)
  return command
    .argument('<path...>', 'what to compare')
    .option('--at <when>', 'latest, a number, a date or an age such as 3d', 'latest')
    .addOption(
      new Option('--method <method>', 'how far to look')
        .choices(COMPARE_METHODS)
        .default('meta' satisfies CompareMethod),
    )
    .option('--target <folder>', 'where they were restored to, in place of where they were')
    .action(async (paths: string[], options: CompareOptions) => {
      await withClient(context, options, async (session) => {
        context.exit = await compare(context, session, paths, options)
      })
    })
}

async function compare(
  context: Context,
  { client, output }: ClientSession,
  paths: readonly string[],
  options: CompareOptions,
): Promise<ExitCode> {
  const { workingFolder, signal } = context
  const patterns = patternsOf(options)
  const at = await client.at(options.at, signal)
  echoSnapshot(output, at)
  const summary = await withProgress(context, output, (progress) =>
    client.views.compare(
      {
        at,
        patterns,
        paths: paths.map((path) => pathBytes(path, workingFolder)),
        method: options.method,
        ...(options.target === undefined
          ? {}
          : { below: pathBytes(options.target, workingFolder) }),
        scratch: pathBytes(tmpdir(), workingFolder),
        onProgress: (state) => progress.update(state),
        onDifference: ({ path, changes }) => {
          progress.clear()
          output.json({ message_type: 'difference', ...pathFields(path), changes })
          output.data(`${changes.join(', ').padEnd(14)} ${escapeName(path)}`)
        },
        onFileError: ({ path, error, during }) => {
          progress.clear()
          output.itemFailed(escapeName(path), error, { during, ...pathFields(path) })
        },
      },
      signal,
    ),
  )
  for (const warning of summary.warnings) output.warn(warning)
  output.json({
    message_type: 'summary',
    method: options.method,
    same: summary.same,
    different: summary.different,
    new: summary.new,
    bytes_fetched: summary.bytesFetched,
    error_count: summary.failures.length,
  })
  output.say(
    `${formatItems(summary.same, 'item')} the same, ${formatCount(summary.different)} different, ` +
      `${formatCount(summary.new)} not in the snapshot; fetched ${formatBytes(summary.bytesFetched)}`,
  )
  return exitCodeFor(summary)
}

/** Lost data weighs more than what could not be read here, and that more than a difference. */
function exitCodeFor({ failures, different, new: added }: CompareSummary): ExitCode {
  const isLost = failures.some(
    ({ error }) => error instanceof RecoveryError || error instanceof FormatError,
  )
  if (isLost) return EXIT.unrecoverable
  if (failures.length > 0) return EXIT.incomplete
  return different + added > 0 ? EXIT.error : EXIT.ok
}
