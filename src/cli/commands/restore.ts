/**
 * `cairn restore`: bring files back as they were at a snapshot.
 */

import type { Command } from 'commander'
import { FormatError, RecoveryError } from '../../base/errors.ts'
import type { FileFailure, RestoreSummary } from '../../node/client.ts'
import { adviceFor } from '../advice.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeName, pathFields } from '../escape.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes, formatCount, formatDuration, formatItems } from '../format.ts'
import { pathBytes } from '../options.ts'
import type { Output } from '../output.ts'
import { unsetFields, unsetWarnings } from '../reports/unset.ts'
import { echoSnapshot } from '../snapshot-fields.ts'
import { withClient, withProgress, type ClientSession } from '../with-client.ts'

interface RestoreOptions extends CommonOptions {
  readonly at: string
  readonly target: string
  readonly devices?: boolean
  readonly setuid?: boolean
  readonly allMetadata?: boolean
}

export function restoreCommand(context: Context): Command {
  return makeCommand('restore', {
    summary: 'bring files back as they were at a snapshot',
    details:
      'Each path comes back below the target under its whole path. Nothing outside the target is\n' +
      'written, and nothing that is already there is overwritten. What gives rights away comes back\n' +
      'only when asked for, and what could not be set is told: each with --json, counted without.',
    examples: [
      'cairn restore ~/Documents --target /tmp/back',
      'cairn restore --at 3d ~/Documents/big.db --target /tmp/back',
      'sudo cairn restore / --target /media/disk --all-metadata',
    ],
  })
    .argument('<path...>', 'what to bring back')
    .requiredOption('--target <folder>', 'where to put it')
    .option('--at <when>', 'latest, a number, a date or an age such as 3d', 'latest')
    .option('--devices', 'make device files too, as root')
    .option('--setuid', 'set setuid and setgid bits and capabilities too')
    .option('--all-metadata', 'both, and end with 3 if anything could not be set')
    .action(async (paths: string[], options: RestoreOptions) => {
      await withClient(context, options, async (session) => {
        context.exit = await restore(context, session, paths, options)
      })
    })
}

async function restore(
  context: Context,
  { client, output }: ClientSession,
  paths: readonly string[],
  options: RestoreOptions,
): Promise<ExitCode> {
  const at = await client.at(options.at, context.signal)
  echoSnapshot(output, at)
  const startedAt = context.now()
  const summary = await withProgress(context, output, (progress) =>
    client.restore(
      {
        at,
        paths: paths.map((path) => pathBytes(path, context.workingFolder)),
        target: pathBytes(options.target, context.workingFolder),
        metadata: {
          devices: options.devices === true || options.allMetadata === true,
          setuid: options.setuid === true || options.allMetadata === true,
        },
        onUnset: (unset) => output.json(unsetFields(unset)),
        onProgress: (state) => progress.update(state),
        onFileError: ({ path, error, during }) => {
          progress.clear()
          output.itemFailed(escapeName(path), error, { during, ...pathFields(path) })
        },
      },
      context.signal,
    ),
  )
  report(output, summary, context.now() - startedAt)
  const code = exitCodeFor(summary.failures)
  return code === EXIT.ok && isLacking(summary, options) ? EXIT.incomplete : code
}

/** What was asked for by name and could not be had makes the restore incomplete; the rest is a warning. */
function isLacking({ unset }: RestoreSummary, options: RestoreOptions): boolean {
  if (options.allMetadata === true) return Object.keys(unset).length > 0
  const isMissing = (kind: keyof typeof unset) => (unset[kind] ?? 0) > 0
  if (options.devices === true && isMissing('device')) return true
  return options.setuid === true && (isMissing('setuid') || isMissing('capability'))
}

function report(output: Output, summary: RestoreSummary, durationMs: number): void {
  for (const warning of [...summary.warnings, ...unsetWarnings(summary.unset)]) output.warn(warning)
  output.json({
    message_type: 'summary',
    files_restored: summary.filesRestored,
    dirs_restored: summary.foldersRestored,
    symlinks_restored: summary.symlinksRestored,
    specials_restored: summary.specialsRestored,
    not_set: summary.unset,
    bytes_restored: summary.bytesRestored,
    bytes_fetched: summary.bytesFetched,
    error_count: summary.failures.length,
    seconds_elapsed: durationMs / 1000,
  })
  output.data(
    `restored ${formatItems(summary.filesRestored, 'file')}, ${formatItems(summary.foldersRestored, 'folder')}, ` +
      formatItems(summary.symlinksRestored, 'link') +
      (summary.specialsRestored > 0
        ? `, ${formatCount(summary.specialsRestored)} pipes and devices`
        : '') +
      `: ${formatBytes(summary.bytesRestored)} ` +
      `in ${formatDuration(durationMs)}`,
  )
  output.data(`fetched  ${formatBytes(summary.bytesFetched)} from peers`)
  if (summary.failures.length > 0) {
    output.say(`${formatItems(summary.failures.length, 'item')} could not be restored: see above`)
    const advice = summary.failures.map(({ error }) => adviceFor(error)).find(Boolean)
    if (advice !== undefined) output.say(advice)
  }
}

/** Lost data weighs more than a file that this machine would not let us write. */
function exitCodeFor(failures: readonly FileFailure[]): ExitCode {
  if (failures.length === 0) return EXIT.ok
  const isLost = ({ error }: FileFailure) =>
    error instanceof RecoveryError || error instanceof FormatError
  return failures.some(isLost) ? EXIT.unrecoverable : EXIT.incomplete
}
