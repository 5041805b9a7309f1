/**
 * `cairn gc`: give back the space of what nothing needs any more.
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { gcAdvice, gcLines, gcRecord } from '../reports/gc.ts'
import { exitCodeAfter, tellNotSafe } from '../reports/maintained.ts'
import { withClient, withProgress } from '../with-client.ts'

interface GcOptions extends CommonOptions {
  readonly dryRun?: boolean
  readonly cancel?: boolean
}

export function gcCommand(context: Context): Command {
  return makeCommand('gc', {
    summary: 'give back the space of what no snapshot needs',
    details:
      'Packs that nothing needs are released: peers delete them 30 days later, a few\n' +
      'every day, so that all that was published in the last 30 days can be restored.\n' +
      'Packs that are mostly dead or very small are written anew, where that pays.',
    examples: ['cairn gc --dry-run', 'cairn gc', 'cairn gc --cancel'],
  })
    .option('-n, --dry-run', 'say what would be released and change nothing')
    .option('--cancel', 'take back every release that peers have not carried out yet')
    .action(async (options: GcOptions) => {
      await withClient(context, options, async ({ client, output }) => {
        const isDryRun = options.dryRun === true
        const summary = await withProgress(context, output, (progress) =>
          client.gc(
            {
              isDryRun,
              isCancel: options.cancel === true,
              onProgress: (state) => progress.update(state),
            },
            context.signal,
          ),
        )
        for (const warning of summary.warnings) output.warn(warning)
        output.json(gcRecord(summary, isDryRun))
        for (const line of gcLines(summary, isDryRun)) output.data(line)
        tellNotSafe(output, summary)
        const advice = gcAdvice(summary, isDryRun)
        if (advice !== undefined) output.say(advice)
        context.exit = exitCodeAfter(summary)
      })
    })
}
