/**
 * `cairn check`: who says they hold what, whether that is enough, and with `--verify` whether it is true.
 */

import { InvalidArgumentError, type Command } from 'commander'
import type { Sample } from '../../node/client.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import type { ExitCode } from '../exit-code.ts'
import { parseSize } from '../format.ts'
import { parseFraction } from '../options.ts'
import { checkExit, checkLines, checkRecords, tellAffected } from '../reports/check.ts'
import { repairProgress, withClient, withProgress, type ClientSession } from '../with-client.ts'

interface CheckOptions extends CommonOptions {
  readonly verify?: boolean
  readonly sample?: Sample
}

export function checkCommand(context: Context): Command {
  return makeCommand('check', {
    summary: 'ask the peers what they hold, and judge whether it is enough',
    details:
      'Every peer is asked which shares it holds; nothing is read. With --verify shares are\n' +
      'read from every holder and checked block by block: all of them, or with --sample a\n' +
      'part, in which every byte is as likely as any other. Files that rest on lost packs\n' +
      'are listed.',
    examples: ['cairn check', 'cairn check --verify --sample 1%', 'cairn check --verify'],
  })
    .option('--verify', 'read shares and check every block')
    .option('--sample <part>', 'with --verify: read this much, such as 1% or 100MB', sampleOption)
    .action(async (options: CheckOptions) => {
      await withClient(context, options, async (session) => {
        context.exit = await check(context, session, options)
      })
    })
}

async function check(
  context: Context,
  { client, output }: ClientSession,
  options: CheckOptions,
): Promise<ExitCode> {
  // A sample says by itself that something is to be read.
  const isVerifying = options.verify === true || options.sample !== undefined
  const summary = await withProgress(context, output, (progress) =>
    client.check(
      {
        ...(isVerifying ? { verify: options.sample ?? 'all' } : {}),
        onProgress: (state) => progress.update(repairProgress(state)),
      },
      context.signal,
    ),
  )
  for (const warning of summary.warnings) output.warn(warning)
  for (const record of checkRecords(summary)) output.json(record)
  for (const line of checkLines(summary)) output.data(line)
  tellAffected(output, summary)
  return checkExit(summary)
}

function sampleOption(text: string): Sample {
  const isShare = text.trim().endsWith('%')
  const fraction = isShare ? parseFraction(text) : undefined
  if (fraction !== undefined && fraction > 0) return { fraction }
  if (text.trim() === '100%') return 'all'
  const bytes = isShare ? undefined : parseSize(text)
  if (bytes !== undefined && bytes > 0) return { bytes }
  throw new InvalidArgumentError('Expected a part such as 1%, or a size such as 100MB.')
}
