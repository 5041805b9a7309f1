/**
 * `cairn forget`: remove snapshots by rules, and what only they showed.
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import type { ExitCode } from '../exit-code.ts'
import { forgetAdvice, forgetLines, forgetRecords } from '../reports/forget.ts'
import { checkPolicy } from '../../repair/retention.ts'
import { exitCodeAfter, tellNotSafe } from '../reports/maintained.ts'
import { addKeepOptions, keepRules, toPolicy } from '../retention-options.ts'
import { withClient, withProgress, type ClientSession } from '../with-client.ts'

interface ForgetOptions extends CommonOptions {
  readonly acrossSources?: boolean
  readonly dryRun?: boolean
}

export function forgetCommand(context: Context): Command {
  const command = makeCommand('forget', {
    summary: 'remove snapshots that no rule keeps',
    details:
      'A snapshot stays if any rule wants it, or if it is pinned. Rules count from the\n' +
      'newest snapshot back, by the times at which peers received them, and a snapshot\n' +
      'counts only beside those that cover all of its paths. Without any\n' +
      '--keep option those of [retention] in config.toml hold. What only removed\n' +
      'snapshots needed stays on the peers until `cairn gc`.',
    examples: [
      'cairn forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run',
      'cairn forget --keep-within 30d --keep-yearly unlimited --keep-tag before-upgrade',
    ],
  })
  return addKeepOptions(command)
    .option('--across-sources', 'count all together: the last snapshot of a path may go')
    .option('-n, --dry-run', 'say what would be removed, and why, and change nothing')
    .action(async (options: ForgetOptions) => {
      await withClient(context, options, async (session) => {
        context.exit = await forget(context, session, options)
      })
    })
}

async function forget(
  context: Context,
  { client, output, config }: ClientSession,
  options: ForgetOptions,
): Promise<ExitCode> {
  const given = toPolicy(keepRules({ ...options }))
  const policy = Object.keys(given).length > 0 ? given : config.retention
  // Before anything is asked of the net.
  checkPolicy(policy)
  const isDryRun = options.dryRun === true
  const summary = await withProgress(context, output, (progress) =>
    client.forget(
      {
        policy,
        isDryRun,
        isAcrossSources: options.acrossSources === true,
        onProgress: (state) => progress.update(state),
      },
      context.signal,
    ),
  )
  for (const warning of summary.warnings) output.warn(warning)
  for (const record of forgetRecords(summary, isDryRun)) output.json(record)
  for (const line of forgetLines(summary, isDryRun)) output.data(line)
  tellNotSafe(output, summary)
  const advice = forgetAdvice(summary, isDryRun)
  if (advice !== undefined) output.say(advice)
  return exitCodeAfter(summary)
}
