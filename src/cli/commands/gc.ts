/**
 * `cairn gc`: give back the space of what nothing needs any more.
 */

import type { Command } from 'commander'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { gcAdvice, gcLines, gcRecord } from '../reports/gc.ts'
import { exitCodeAfter, tellNotSafe } from '../reports/maintained.ts'
import { readWordsFile } from '../secret-file.ts'
import { withClient, withProgress } from '../with-client.ts'

interface GcOptions extends CommonOptions {
  readonly dryRun?: boolean
  readonly cancel?: boolean
  readonly wordsFrom?: string
}

export function gcCommand(context: Context): Command {
  return makeCommand('gc', {
    summary: 'give back the space of what no snapshot needs',
    details:
      'Packs that nothing needs are released: peers delete them 30 days later, a few\n' +
      'every day, so that all that was published in the last 30 days can be restored.\n' +
      'Packs that are mostly dead or very small are written anew, where that pays.\n' +
      'Where `cairn device prune-key away` took the prune key off this computer, this needs the words.',
    examples: [
      'cairn gc --dry-run',
      'cairn gc',
      'cairn gc --cancel',
      'cairn gc --words-from kit.txt',
    ],
  })
    .option('-n, --dry-run', 'say what would be released and change nothing')
    .option('--cancel', 'take back every release that peers have not carried out yet')
    .option(
      '--words-from <file>',
      'the recovery kit, where the prune key is not here; - reads standard input',
    )
    .action(async (options: GcOptions) => {
      const { wordsFrom } = options
      const words = wordsFrom === undefined ? undefined : readWordsFile(wordsFrom)
      await withClient(context, options, async ({ client, output }) => {
        const isDryRun = options.dryRun === true
        const summary = await withProgress(context, output, (progress) =>
          client.gc(
            {
              isDryRun,
              isCancel: options.cancel === true,
              ...(words === undefined ? {} : { words }),
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
