/**
 * `cairn backup`: scan what changed, send it to the peers, publish a snapshot.
 */

import { join } from 'node:path'
import type { Command } from 'commander'
import { keepOutput } from '../../adapters/run-command.ts'
import { FilesError, UsageError } from '../../base/errors.ts'
import type { BackupSummary, GivenFile } from '../../node/client.ts'
import { readConfig } from '../config.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { findHome, type Home } from '../home.ts'
import { mergeHooks, withHooks, type HookFacts } from '../hooks.ts'
import { pathBytes } from '../options.ts'
import { backupExitCode, reportBackup } from '../reports/backup.ts'
import {
  readSources,
  withSourceOptions,
  type SourceOptions,
  type Sources,
} from '../source-options.ts'
import { giveWay, readUpload, withUploadOptions, type UploadOptions } from '../upload-options.ts'
import { tellingProgress, withClient, withProgress, type ClientSession } from '../with-client.ts'

interface BackupOptions extends CommonOptions, SourceOptions, UploadOptions {
  readonly hashCheck?: boolean
  readonly quick?: boolean
  readonly stdinFromCommand?: boolean
  readonly stdinFilename?: string
  readonly before?: string
  readonly after?: string
  readonly failed?: string
  readonly finally?: string
}

export function backupCommand(context: Context): Command {
  const command = makeCommand('backup', {
    summary: 'back up files and folders',
    details:
      'Only what changed since the last snapshot is read and sent. Stop it at any time:\n' +
      'the same command resumes. A snapshot is published once enough peers hold all of it.',
    examples: [
      'cairn backup ~/Documents',
      'cairn backup --tag before-upgrade /etc /home',
      "cairn backup ~ --exclude-caches --exclude 'node_modules/' --exclude-file ~/.cairnignore",
      'cairn backup --stdin-filename mydb.sql --stdin-from-command -- pg_dump mydb',
    ],
  })
  return withUploadOptions(withSourceOptions(command))
    .argument('[path...]', 'what to back up; default: backup.paths in config.toml')
    .option('--hash-check', 'read every file, whatever its times say')
    .option('--quick', 'of large files that grew read the end only, and trust the rest')
    .option('--stdin-from-command', 'back up what a command writes; it stands in place of paths')
    .option('--stdin-filename <path>', 'where that is in the snapshot; default: /stdin')
    .option('--before <command>', 'run this first; if it fails, there is no backup')
    .option('--after <command>', 'run this when a snapshot was published')
    .option('--failed <command>', 'run this when none was')
    .option('--finally <command>', 'run this at the end, whatever happened')
    .action((args: string[], options: BackupOptions) => runBackup(context, args, options))
}

async function runBackup(
  context: Context,
  args: readonly string[],
  options: BackupOptions,
): Promise<void> {
  const home = findHome(context.env, context.workingFolder)
  const config = readConfig(home.configFile)
  const output = outputOf(context, options)
  const command = commandOf(args, options)
  const sources: Sources | undefined =
    command === undefined ? readSources(context, { config, home }, args, options) : undefined
  const { host, tags = [] } = readUpload(context, config, options)
  const facts: HookFacts = {
    paths: command === undefined ? shownPaths(sources) : [command.path],
    host,
    tags,
  }
  await withHooks(context, output, mergeHooks(config.hooks, options), facts, () =>
    withClient(context, options, async (session) => {
      try {
        const summary = await backup(context, session, { sources, command }, options)
        context.exit = backupExitCode(summary)
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
}

/** A program whose output is backed up. */
interface Program {
  readonly words: readonly string[]
  /** Where the output is in the snapshot; absolute. */
  readonly path: string
}

interface WhatToBackUp {
  readonly sources: Sources | undefined
  readonly command: Program | undefined
}

/** @throws {UsageError} nothing, or both of what excludes one another */
function commandOf(
  args: readonly string[],
  { stdinFromCommand = false, stdinFilename }: BackupOptions,
): Program | undefined {
  if (!stdinFromCommand) {
    if (stdinFilename === undefined) return undefined
    throw new UsageError('--stdin-filename names the output of --stdin-from-command')
  }
  if (args.length === 0) {
    throw new UsageError('No command given: cairn backup --stdin-from-command -- pg_dump mydb')
  }
  const path = join('/', stdinFilename ?? 'stdin')
  if (!path.endsWith('/')) return { words: args, path }
  throw new UsageError('--stdin-filename is the path of a file, for instance dumps/shop.sql')
}

function shownPaths(sources: Sources | undefined): string[] {
  return (sources?.paths ?? []).map((path) => Buffer.from(path).toString())
}

async function backup(
  context: Context,
  { client, output, config, home }: ClientSession,
  { sources, command }: WhatToBackUp,
  options: BackupOptions,
): Promise<BackupSummary> {
  giveWay(config, options)
  const startedAt = context.now()
  const given = await outputOfCommand(context, home, command)
  try {
    const summary = await withProgress(context, output, (progress) =>
      client.backup(
        {
          ...(sources ?? { paths: [] }),
          ...(given === undefined ? {} : { given }),
          ...readUpload(context, config, options),
          isHashCheck: options.hashCheck === true,
          isQuick: options.quick === true,
          ...tellingProgress(output, progress),
        },
        context.signal,
      ),
    )
    reportBackup(output, summary, context.now() - startedAt)
    return summary
  } finally {
    await given?.file.close()
  }
}

/** Where a command's output waits until it is known whether the command succeeded. */
async function outputOfCommand(
  context: Context,
  home: Home,
  command: Program | undefined,
): Promise<GivenFile | undefined> {
  if (command === undefined) return undefined
  const { words, path } = command
  const file = await keepOutput(words, join(home.data, 'output'), context.signal)
  return { path: pathBytes(path, '/'), file }
}
