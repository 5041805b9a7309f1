/**
 * `cairn recover`: a vault again, from the 24 words and one friend.
 */

import type { Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import { recover } from '../../node/client.ts'
import { readConfig } from '../config.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { findHome } from '../home.ts'
import { formatTime } from '../format.ts'
import { countOption } from '../options.ts'
import { openPorts } from '../ports.ts'
import { readInviteFile, readWordsFile } from '../secret-file.ts'
import { snapshotFields } from '../snapshot-fields.ts'

interface RecoverOptions extends CommonOptions {
  readonly wordsFrom: string
  readonly codeFrom?: string
  readonly peer?: string
  readonly head?: number
}

export function recoverCommand(context: Context): Command {
  return makeCommand('recover', {
    summary: 'get a vault back from its 24 words and one friend',
    details:
      'Makes a new home for the vault on this computer. Then `cairn restore` brings the files.',
    examples: [
      'cairn recover --words-from kit.txt --code-from invite.txt',
      'cairn recover --words-from kit.txt --peer /ip4/192.0.2.7/tcp/4280/p2p/12D3Koo…',
      'cairn recover --words-from kit.txt --code-from invite.txt --head 112',
    ],
  })
    .requiredOption('--words-from <file>', 'the recovery kit; - reads standard input')
    .option('--code-from <file>', 'an invite to the grid')
    .option('--peer <multiaddr>', 'the address of one peer that is up')
    .option(
      '--head <number>',
      'as this head left the vault, or the last one before it: what came later was a mistake, or a thief’s',
      countOption(1, Number.MAX_SAFE_INTEGER),
    )
    .action(async (options: RecoverOptions) => runRecover(context, options))
}

async function runRecover(context: Context, options: RecoverOptions): Promise<void> {
  const output = outputOf(context, options)
  if ((options.codeFrom === undefined) === (options.peer === undefined)) {
    throw new UsageError('give either --code-from FILE or --peer MULTIADDR')
  }
  const words = readWordsFile(options.wordsFrom)
  const where =
    options.peer === undefined
      ? { invite: readInviteFile(options.codeFrom ?? '') }
      : { peer: options.peer }

  const home = findHome(context.env, context.workingFolder)
  const ports = await openPorts(home, readConfig(home.configFile))
  try {
    const head = options.head === undefined ? {} : { head: options.head }
    const summary = await recover(ports, { words, ...where, ...head }, context.signal)
    for (const warning of summary.warnings) output.warn(warning)
    output.json({
      message_type: 'recovered',
      vault: summary.vault,
      sequence: summary.sequence,
      snapshots: summary.snapshots,
      peers_asked: summary.peersAsked,
      peers_answered: summary.peersAnswered,
      head: summary.head,
      newest: summary.newest && snapshotFields(summary.newest),
    })
    const newest = summary.newest ? `, the newest of ${formatTime(summary.newest.startedAt)}` : ''
    output.data(
      `recovered ${summary.snapshots} snapshots${newest}; ` +
        `${summary.peersAnswered} of ${summary.peersAsked} peers answered`,
    )
    output.data(summary.head)
    output.say(
      `The vault is in ${home.data}. Next: cairn snapshots, cairn restore PATH --target DIR`,
    )
  } finally {
    await ports.close()
  }
}
