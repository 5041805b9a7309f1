/**
 * `cairn backup`: scan what changed, send it to the peers, publish a snapshot.
 */

import type { Command } from 'commander'
import { FilesError } from '../../base/errors.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { backupExitCode, reportBackup } from '../reports/backup.ts'
import { readSources, withSourceOptions, type SourceOptions } from '../source-options.ts'
import { giveWay, readUpload, withUploadOptions, type UploadOptions } from '../upload-options.ts'
import { tellingProgress, withClient, withProgress, type ClientSession } from '../with-client.ts'

interface BackupOptions extends CommonOptions, SourceOptions, UploadOptions {
  readonly hashCheck?: boolean
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
    ],
  })
  return withUploadOptions(withSourceOptions(command))
    .argument('[path...]', 'what to back up; default: backup.paths in config.toml')
    .option('--hash-check', 'read every file, whatever its times say')
    .action(async (paths: string[], options: BackupOptions) => {
      await withClient(context, options, async (session) => {
        try {
          context.exit = await backup(context, session, paths, options)
        } catch (error) {
          // Not one of the paths is there: nothing was done, and nothing is broken.
          if (!(error instanceof FilesError)) throw error
          session.output.failed(error, EXIT.incomplete)
          context.exit = EXIT.incomplete
        }
      })
    })
}

async function backup(
  context: Context,
  { client, output, config, home }: ClientSession,
  paths: readonly string[],
  options: BackupOptions,
): Promise<ExitCode> {
  const sources = readSources(context, { config, home }, paths, options)
  giveWay(config, options)
  const startedAt = context.now()
  const summary = await withProgress(context, output, (progress) =>
    client.backup(
      {
        ...sources,
        ...readUpload(context, config, options),
        isHashCheck: options.hashCheck === true,
        ...tellingProgress(output, progress),
      },
      context.signal,
    ),
  )
  reportBackup(output, summary, context.now() - startedAt)
  return backupExitCode(summary)
}
