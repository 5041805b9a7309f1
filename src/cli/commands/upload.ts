/**
 * `cairn upload`: read what is queued, send it to the peers, publish a snapshot.
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { backupExitCode, reportBackup } from '../reports/backup.ts'
import { giveWay, readUpload, withUploadOptions, type UploadOptions } from '../upload-options.ts'
import { tellingProgress, withClient, withProgress } from '../with-client.ts'

export function uploadCommand(context: Context): Command {
  const command = makeCommand('upload', {
    summary: 'send what "cairn scan" queued, and publish a snapshot of it',
    details:
      'Files are read as they are now; what changed since the scan is for the next one.\n' +
      'Stop it at any time: the same command resumes.',
    examples: ['cairn upload', 'cairn upload --weight ~/Documents=10'],
  })
  return withUploadOptions(command).action(async (options: CommonOptions & UploadOptions) => {
    await withClient(context, options, async ({ client, output, config }) => {
      giveWay(config, options)
      const startedAt = context.now()
      const summary = await withProgress(context, output, (progress) =>
        client.upload(
          { ...readUpload(context, config, options), ...tellingProgress(output, progress) },
          context.signal,
        ),
      )
      reportBackup(output, summary, context.now() - startedAt)
      context.exit = backupExitCode(summary)
    })
  })
}
