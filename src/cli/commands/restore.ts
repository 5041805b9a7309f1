/**
 * `cairn restore`: bring files back as they were at a snapshot.
 */

import { Option, type Command } from 'commander'
import { FormatError, RecoveryError } from '../../base/errors.ts'
import type { FileFailure, RestoreSummary } from '../../node/client.ts'
import { adviceFor } from '../advice.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeName, pathFields } from '../escape.ts'
import { CONFLICT_POLICIES, type ConflictPolicy } from '../../restore/conflict.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes, formatCount, formatDuration, formatItems } from '../format.ts'
import { mapOf, mapOptions, type MapOptions } from '../map-options.ts'
import { pathBytes } from '../options.ts'
import type { Output } from '../output.ts'
import { patternOptions, patternsOf, type PatternOptions } from '../pattern-options.ts'
import { unsetFields, unsetWarnings } from '../reports/unset.ts'
import { echoSnapshot } from '../snapshot-fields.ts'
import { withClient, withProgress, type ClientSession } from '../with-client.ts'

interface RestoreOptions extends CommonOptions, PatternOptions, MapOptions {
  readonly at: string
  readonly target: string
  readonly conflict: ConflictPolicy
  readonly onError: 'continue' | 'abort'
  readonly devices?: boolean
  readonly setuid?: boolean
  readonly allMetadata?: boolean
  readonly dryRun?: boolean
  readonly verbose?: boolean
}

/** What a dry run says of each entry. */
const WOULD = {
  restored: 'restore',
  replaced: 'replace',
  unchanged: 'unchanged',
  skipped: 'skip',
} as const

export function restoreCommand(context: Context): Command {
  const command = makeCommand('restore', {
    summary: 'bring files back as they were at a snapshot',
    details:
      'Each path comes back below the target under its whole path. Nothing outside the target is\n' +
      'written, and nothing that is already there is overwritten, unless --conflict says so. A file\n' +
      'that is there already as the snapshot has it is not fetched with overwrite, update and identical.\n' +
      'What gives rights away comes back only when asked for, and what could not be set is told: each\n' +
      'with --json, counted without.',
    examples: [
      'cairn restore ~/Documents --target /tmp/back',
      'cairn restore --at 3d ~/Documents/big.db --target /tmp/back',
      'cairn restore --conflict overwrite --dry-run ~/Documents --target /',
      'cairn restore --map ~/Documents=/old ~/Documents --target ~',
      'sudo cairn restore / --target /media/disk --all-metadata',
    ],
  })
  patternOptions(mapOptions(command))
  return command
    .argument('<path...>', 'what to bring back')
    .requiredOption('--target <folder>', 'where to put it')
    .option('--at <when>', 'latest, a number, a date or an age such as 3d', 'latest')
    .addOption(
      new Option('--conflict <policy>', 'what to do where something is in the way')
        .choices(CONFLICT_POLICIES)
        .default('abort' satisfies ConflictPolicy),
    )
    .addOption(
      new Option('--on-error <policy>', 'whether the first error ends it')
        .choices(['continue', 'abort'])
        .default('continue'),
    )
    .option('--devices', 'make device files too, as root')
    .option('--setuid', 'set setuid and setgid bits and capabilities too')
    .option('--all-metadata', 'both, and end with 3 if anything could not be set')
    .option('-n, --dry-run', 'write nothing; show what would be done')
    .option('-v, --verbose', 'show what becomes of each file')
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
  const map = mapOf(options, context.workingFolder)
  const patterns = patternsOf(options)
  const isDryRun = options.dryRun === true
  if (!isDryRun && options.conflict === 'abort') {
    context.onInterrupted =
      'What is there is whole. To go on: the same command with --conflict identical'
  }
  const at = await client.at(options.at, context.signal)
  echoSnapshot(output, at)
  const startedAt = context.now()
  const summary = await withProgress(context, output, (progress) =>
    client.restore(
      {
        at,
        paths: paths.map((path) => pathBytes(path, context.workingFolder)),
        target: pathBytes(options.target, context.workingFolder),
        conflict: options.conflict,
        onError: options.onError,
        isDryRun,
        ...map,
        patterns,
        metadata: {
          devices: options.devices === true || options.allMetadata === true,
          setuid: options.setuid === true || options.allMetadata === true,
        },
        onUnset: (unset) => output.json(unsetFields(unset)),
        onProgress: (state) => progress.update(state),
        onEntry: ({ path, size, action }) => {
          if (!isDryRun && options.verbose !== true) return
          progress.clear()
          const done = isDryRun ? WOULD[action] : action
          output.json({ message_type: 'restore_item', action, ...pathFields(path), size })
          output.data(`${done.padEnd(9)} ${escapeName(path)}`)
        },
        onFileError: ({ path, error, during }) => {
          progress.clear()
          output.itemFailed(escapeName(path), error, { during, ...pathFields(path) })
        },
      },
      context.signal,
    ),
  )
  report(output, summary, { durationMs: context.now() - startedAt, isDryRun })
  const code = exitCodeFor(summary)
  return code === EXIT.ok && isLacking(summary, options) ? EXIT.incomplete : code
}

/** What was asked for by name and could not be had makes the restore incomplete; the rest is a warning. */
function isLacking({ unset }: RestoreSummary, options: RestoreOptions): boolean {
  if (options.allMetadata === true) return Object.keys(unset).length > 0
  const isMissing = (kind: keyof typeof unset) => (unset[kind] ?? 0) > 0
  if (options.devices === true && isMissing('device')) return true
  return options.setuid === true && (isMissing('setuid') || isMissing('capability'))
}

function specialsWords(count: number): string {
  return count === 1 ? '1 pipe or device' : `${formatCount(count)} pipes and devices`
}

function report(
  output: Output,
  summary: RestoreSummary,
  { durationMs, isDryRun }: { readonly durationMs: number; readonly isDryRun: boolean },
): void {
  for (const warning of [...summary.warnings, ...unsetWarnings(summary.unset)]) output.warn(warning)
  output.json({
    message_type: 'summary',
    dry_run: isDryRun,
    files_restored: summary.filesRestored,
    dirs_restored: summary.foldersRestored,
    symlinks_restored: summary.symlinksRestored,
    specials_restored: summary.specialsRestored,
    not_set: summary.unset,
    bytes_restored: summary.bytesRestored,
    files_unchanged: summary.unchanged,
    files_skipped: summary.skipped,
    bytes_fetched: summary.bytesFetched,
    error_count: summary.failures.length,
    is_stopped: summary.isStopped,
    seconds_elapsed: durationMs / 1000,
  })
  output.data(
    `${isDryRun ? 'would restore' : 'restored'} ${formatItems(summary.filesRestored, 'file')}, ` +
      `${formatItems(summary.foldersRestored, 'folder')}, ` +
      formatItems(summary.symlinksRestored, 'link') +
      (summary.specialsRestored > 0 ? `, ${specialsWords(summary.specialsRestored)}` : '') +
      `: ${formatBytes(summary.bytesRestored)} ` +
      `in ${formatDuration(durationMs)}`,
  )
  if (summary.unchanged > 0) {
    output.data(`unchanged ${formatItems(summary.unchanged, 'item')}: there already`)
  }
  if (summary.skipped > 0) {
    output.data(`skipped   ${formatItems(summary.skipped, 'item')}: something else is there`)
  }
  if (!isDryRun) output.data(`fetched  ${formatBytes(summary.bytesFetched)} from peers`)
  if (summary.failures.length > 0) {
    const could = summary.isStopped ? 'It ended at the first error' : failedItems(summary, isDryRun)
    output.say(`${could}: see above`)
    const advice = summary.failures.map(({ error }) => adviceFor(error)).find(Boolean)
    if (advice !== undefined) output.say(advice)
  }
}

function failedItems({ failures }: RestoreSummary, isDryRun: boolean): string {
  const items = formatItems(failures.length, 'item')
  return isDryRun ? `${items} would not be restored` : `${items} could not be restored`
}

/** Lost data weighs more than a file that this machine would not let us write. */
function exitCodeFor({ failures, isStopped }: RestoreSummary): ExitCode {
  if (failures.length === 0) return EXIT.ok
  const isLost = ({ error }: FileFailure) =>
    error instanceof RecoveryError || error instanceof FormatError
  if (failures.some(isLost)) return EXIT.unrecoverable
  return isStopped ? EXIT.error : EXIT.incomplete
}
