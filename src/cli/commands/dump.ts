/**
 * `cairn dump --tar`: what stood under some paths, as an archive on standard output.
 */

import { tmpdir } from 'node:os'
import type { Command } from 'commander'
import { FormatError, RecoveryError, UsageError } from '../../base/errors.ts'
import { writeBytes } from '../byte-output.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeName, pathFields } from '../escape.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatItems } from '../format.ts'
import { mapOptions, mapOf, type MapOptions } from '../map-options.ts'
import { pathBytes } from '../options.ts'
import { patternOptions, patternsOf, type PatternOptions } from '../pattern-options.ts'
import { snapshotFields } from '../snapshot-fields.ts'
import { formatTime } from '../format.ts'
import { withClient, type ClientSession } from '../with-client.ts'

interface DumpOptions extends CommonOptions, PatternOptions, MapOptions {
  readonly at: string
  readonly tar?: boolean
}

export function dumpCommand(context: Context): Command {
  const command = makeCommand('dump', {
    summary: 'write files as they were at a snapshot as a tar archive',
    details:
      'The archive (pax) goes to standard output, paths without the slash at the front. With --json the\n' +
      'records go to standard error.',
    examples: [
      'cairn dump --tar ~/Documents > documents.tar',
      'cairn dump --tar --at 3d ~/Documents | tar --diff -f - -C /',
      'cairn dump --tar / | ssh nas "tar -x -C /restored"',
    ],
  })
  patternOptions(mapOptions(command))
  return command
    .argument('<path...>', 'what to write')
    .option('--tar', 'as a tar archive')
    .option('--at <when>', 'latest, a number, a date or an age such as 3d', 'latest')
    .action(async (paths: string[], options: DumpOptions) => {
      if (options.tar !== true) throw new UsageError('say the form: cairn dump --tar PATH')
      if (context.stdout.isTTY === true) {
        throw new UsageError(
          'an archive is nothing for a terminal: write it to a file or a program',
        )
      }
      await withClient(context, options, async (session) => {
        context.exit = await dump(context, session, paths, options)
      })
    })
}

async function dump(
  context: Context,
  { client, output }: ClientSession,
  paths: readonly string[],
  options: DumpOptions,
): Promise<ExitCode> {
  const { workingFolder } = context
  context.onInterrupted = 'The archive is cut short: write it anew'
  const rest = { ...mapOf(options, workingFolder), patterns: patternsOf(options) }
  const at = await client.at(options.at, context.signal)
  output.sayJson(snapshotFields(at))
  output.say(`snapshot ${at.sequence} of ${formatTime(at.startedAt)}`)
  const summary = await client.views.dump(
    {
      ...rest,
      at,
      paths: paths.map((path) => pathBytes(path, workingFolder)),
      scratch: pathBytes(tmpdir(), workingFolder),
      write: (bytes) => writeBytes(context.stdout, bytes, context.signal),
      onFileError: ({ path, error, during }) =>
        output.itemFailed(escapeName(path), error, { during, ...pathFields(path) }),
    },
    context.signal,
  )
  for (const warning of summary.warnings) output.warn(warning)
  output.sayJson({
    message_type: 'summary',
    files_dumped: summary.files,
    dirs_dumped: summary.folders,
    symlinks_dumped: summary.symlinks,
    specials_dumped: summary.specials,
    bytes_written: summary.bytes,
    bytes_fetched: summary.bytesFetched,
    error_count: summary.failures.length,
  })
  if (summary.failures.length === 0) return EXIT.ok
  output.say(`${formatItems(summary.failures.length, 'item')} left out: see above`)
  const isLost = summary.failures.some(
    ({ error }) => error instanceof RecoveryError || error instanceof FormatError,
  )
  return isLost ? EXIT.unrecoverable : EXIT.incomplete
}
