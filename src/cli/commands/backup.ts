/**
 * `cairn backup`: scan what changed, send it to the peers, publish a snapshot.
 */

import { realpathSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Command } from 'commander'
import { keepOutput } from '../../adapters/run-command.ts'
import { FilesError, UsageError } from '../../base/errors.ts'
import type { BackupSummary, GivenFile } from '../../node/client.ts'
import { readConfig, type Config } from '../config.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { escapeName, pathFields } from '../escape.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes, formatCount, formatDuration, formatItems, formatMoment } from '../format.ts'
import { findHome, type Home } from '../home.ts'
import { mergeHooks, withHooks, type HookFacts } from '../hooks.ts'
import { adapterOption, wantedAdapters, type AdapterSwitch } from '../adapter-options.ts'
import { codeOption, collect, parseCode, pathBytes, type CodeOption } from '../options.ts'
import type { Output } from '../output.ts'
import { withClient, withProgress, type ClientSession } from '../with-client.ts'

interface BackupOptions extends CommonOptions {
  readonly host?: string
  readonly tag: readonly string[]
  readonly code?: CodeOption
  readonly allowFew?: boolean
  readonly adapter: readonly AdapterSwitch[]
  readonly asIs: readonly string[]
  readonly stdinFromCommand?: boolean
  readonly stdinFilename?: string
  readonly before?: string
  readonly after?: string
  readonly failed?: string
  readonly finally?: string
}

export function backupCommand(context: Context): Command {
  return makeCommand('backup', {
    summary: 'back up files and folders',
    details:
      'Only what changed since the last snapshot is read and sent. Stop it at any time:\n' +
      'the same command resumes. A snapshot is published once enough peers hold all of it.',
    examples: [
      'cairn backup ~/Documents',
      'cairn backup --tag before-upgrade /etc /home',
      'cairn backup --stdin-filename mydb.sql --stdin-from-command -- pg_dump mydb',
    ],
  })
    .argument('[path...]', 'what to back up; default: backup.paths in config.toml')
    .option('--host <name>', 'name of this computer in the list of snapshots')
    .option('--tag <tag>', 'mark the snapshot; may be given several times', collect, [])
    .option('--code <k-of-n>', 'any K of N peers bring everything back', codeOption)
    .option('--allow-few', 'accept a grid of fewer than three peers')
    .option(
      '--adapter <name=on|off>',
      'whether databases of this kind (sqlite, zodb) are kept as of a safe moment; default: on',
      adapterOption,
      [],
    )
    .option('--as-is <path>', 'read databases here as plain files; several times', collect, [])
    .option('--stdin-from-command', 'back up what a command writes; it stands in place of paths')
    .option('--stdin-filename <path>', 'where that is in the snapshot; default: /stdin')
    .option('--before <command>', 'run this first; if it fails, there is no backup')
    .option('--after <command>', 'run this when a snapshot was published')
    .option('--failed <command>', 'run this when none was')
    .option('--finally <command>', 'run this at the end, whatever happened')
    .action(async (args: string[], options: BackupOptions) => {
      const { configFile } = findHome(context.env, context.workingFolder)
      const config = readConfig(configFile)
      const output = outputOf(context, options)
      const hooks = mergeHooks(config.hooks, options)
      const what = whatToBackUp(config, args, options)
      const facts: HookFacts = {
        paths: what.paths,
        host: options.host ?? config.backup.host ?? hostname(),
        tags: [...config.backup.tags, ...options.tag],
      }
      await withHooks(context, output, hooks, facts, () =>
        withClient(context, options, async (session) => {
          try {
            const summary = await backup(context, session, what, facts, options)
            context.exit = exitCodeFor(summary)
            if (summary.published) facts.snapshot = summary.sequence
            facts.skipped = summary.skipped.length
          } catch (error) {
            // Not one of the paths is there: nothing was done, and nothing is broken.
            if (!(error instanceof FilesError)) throw error
            session.output.failed(error, EXIT.incomplete)
            context.exit = EXIT.incomplete
          }
        }),
      )
    })
}

interface WhatToBackUp {
  /** As they are shown and told to hooks. */
  readonly paths: readonly string[]
  /** A program with its arguments, whose output is backed up. */
  readonly command?: readonly string[]
}

/** @throws {UsageError} nothing, or both of what excludes one another */
function whatToBackUp(
  config: Config,
  args: readonly string[],
  { stdinFromCommand = false, stdinFilename }: BackupOptions,
): WhatToBackUp {
  if (stdinFromCommand) {
    if (args.length === 0) {
      throw new UsageError('No command given: cairn backup --stdin-from-command -- pg_dump mydb')
    }
    const path = join('/', stdinFilename ?? 'stdin')
    if (path.endsWith('/')) {
      throw new UsageError('--stdin-filename is the path of a file, for instance dumps/shop.sql')
    }
    return { paths: [path], command: args }
  }
  if (stdinFilename !== undefined) {
    throw new UsageError('--stdin-filename names the output of --stdin-from-command')
  }
  const paths = args.length > 0 ? args : config.backup.paths
  if (paths.length > 0) return { paths }
  throw new UsageError('nothing to back up: give a path, or set backup.paths in config.toml')
}

async function backup(
  context: Context,
  session: ClientSession,
  what: WhatToBackUp,
  facts: HookFacts,
  options: BackupOptions,
): Promise<BackupSummary> {
  const startedAt = context.now()
  const given = await outputOfCommand(context, session.home, what)
  try {
    const summary = await send(context, session, { what, given, facts }, options)
    report(session.output, summary, context.now() - startedAt)
    return summary
  } finally {
    await given?.file.close()
  }
}

interface Sent {
  readonly what: WhatToBackUp
  readonly given: GivenFile | undefined
  readonly facts: HookFacts
}

function send(
  context: Context,
  { client, output, config, home }: ClientSession,
  { what, given, facts }: Sent,
  options: BackupOptions,
): Promise<BackupSummary> {
  const code = options.code ?? parseCode(config.backup.code ?? '')
  const paths = what.paths.map((path) => pathBytes(path, context.workingFolder))
  return withProgress(context, output, (progress) =>
    client.backup(
      {
        paths,
        ...(given === undefined ? {} : { given }),
        host: facts.host,
        tags: facts.tags,
        ...(code === undefined ? {} : { code }),
        allowFew: options.allowFew === true,
        rebuild: config.rebuild,
        repair: config.repair,
        adapters: wantedAdapters(config.adapters, options.adapter),
        asTheyAre: [...config.adapters.except, ...options.asIs].map((path) =>
          pathBytes(path, context.workingFolder),
        ),
        // Our own state changes while we work, and comes back without being backed up.
        exclude: [new Uint8Array(realpathSync(Buffer.from(home.data), 'buffer'))],
        onProgress: (state) => progress.update(state),
        onFileError: ({ path, error, during }) => {
          progress.clear()
          output.itemFailed(escapeName(path), error, { during, ...pathFields(path) })
        },
      },
      context.signal,
    ),
  )
}

/** Where a command's output waits until it is known whether the command succeeded. */
async function outputOfCommand(
  context: Context,
  home: Home,
  { command, paths }: WhatToBackUp,
): Promise<GivenFile | undefined> {
  if (command === undefined) return undefined
  const path = pathBytes(paths[0] ?? '/stdin', '/')
  return { path, file: await keepOutput(command, join(home.data, 'output'), context.signal) }
}

function report(output: Output, summary: BackupSummary, durationMs: number): void {
  for (const warning of summary.warnings) output.warn(warning)
  output.json(summaryRecord(summary, durationMs))
  const lines = [
    `files    ${formatCount(summary.filesNew)} new, ${formatCount(summary.filesChanged)} changed, ` +
      `${formatCount(summary.filesUnmodified)} unchanged: ${formatCount(summary.filesTotal)} in all, ` +
      formatBytes(summary.bytesTotal),
    `read     ${formatBytes(summary.bytesRead)} in ${formatDuration(durationMs)}`,
    `stored   ${formatBytes(summary.bytesAdded)} new, ${formatItems(summary.deltas, 'file')} as delta`,
    `sent     ${formatBytes(summary.bytesSent)} to peers`,
  ]
  for (const line of lines) output.data(line)
  if (summary.rebuilt > 0) {
    output.data(`rebuilt  ${formatItems(summary.rebuilt, 'file')} whose chain had become long`)
  }
  if (summary.repaired > 0) {
    output.data(`repaired ${formatItems(summary.repaired, 'share')} of older snapshots`)
  }
  if (summary.unsupported > 0) {
    output.say(`${formatCount(summary.unsupported)} sockets, pipes and devices were passed over`)
  }
  if (summary.settling > 0) {
    output.data(
      `settling ${formatItems(summary.settling, 'share')} without a peer yet; the next backup places them`,
    )
  }
  if (summary.notSafe !== undefined) output.failed(summary.notSafe)
  else if (summary.published) output.data(`snapshot ${summary.sequence} saved`)
  if (summary.skipped.length > 0) {
    output.say(`${formatItems(summary.skipped.length, 'item')} could not be read: see above`)
  }
}

function exitCodeFor(summary: BackupSummary): ExitCode {
  if (summary.notSafe !== undefined || !summary.published) return EXIT.notSafe
  return summary.skipped.length > 0 ? EXIT.incomplete : EXIT.ok
}

function summaryRecord(summary: BackupSummary, durationMs: number) {
  return {
    message_type: 'summary',
    snapshot_id: summary.published ? String(summary.sequence) : undefined,
    is_published: summary.published,
    files_new: summary.filesNew,
    files_changed: summary.filesChanged,
    files_unmodified: summary.filesUnmodified,
    files_fuzzy: summary.filesFuzzy,
    files_consistent: summary.filesConsistent,
    total_files_processed: summary.filesTotal,
    total_dirs_processed: summary.foldersTotal,
    total_bytes_processed: summary.bytesTotal,
    unsupported: summary.unsupported,
    bytes_read: summary.bytesRead,
    data_added: summary.bytesAdded,
    bytes_sent: summary.bytesSent,
    packs: summary.packs,
    deltas: summary.deltas,
    files_rebuilt: summary.rebuilt,
    shares_repaired: summary.repaired,
    error_count: summary.skipped.length,
    shares_settling: summary.settling,
    backup_start: formatMoment(summary.startedAt),
    backup_end: formatMoment(summary.endedAt),
    total_duration: durationMs / 1000,
  }
}
