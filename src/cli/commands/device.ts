/**
 * `cairn device`: the computers that a vault backs up from, and shutting one out.
 */

import { Argument, Command } from 'commander'
import type { VaultDevice } from '../../node/client.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { escapeLine } from '../escape.ts'
import { formatMoment, formatTime } from '../format.ts'
import type { Output } from '../output.ts'
import { readWordsFile } from '../secret-file.ts'
import { withClient } from '../with-client.ts'

interface WordsOptions extends CommonOptions {
  readonly wordsFrom: string
}

export function deviceCommand(context: Context): Command {
  return new Command('device')
    .description('the computers of this vault, and shutting one out')
    .helpOption('-h, --help', 'show this help')
    .addCommand(listCommand(context))
    .addCommand(revokeCommand(context))
    .addCommand(pruneKeyCommand(context))
}

function listCommand(context: Context): Command {
  return makeCommand('list', {
    summary: 'show the computers that this vault has, or had',
    details:
      'A device that was replaced by `cairn recover` stays listed by its heads, and until it is revoked peers let it in.',
    examples: ['cairn device list', 'cairn device list --json'],
  }).action(async (options: CommonOptions) => {
    await withClient(context, options, async ({ client, output }) => {
      const { devices, peersAsked, peersAnswered } = await client.devices(context.signal)
      for (const device of devices) {
        output.json({ message_type: 'device', ...deviceFields(device) })
        output.data(describe(device))
      }
      output.say(`${peersAnswered} of ${peersAsked} peers answered`)
    })
  })
}

function revokeCommand(context: Context): Command {
  return makeCommand('revoke', {
    summary: 'shut out a computer that was lost, stolen or sold',
    details:
      'Every peer refuses it from then on; what it read before it keeps. Needs the 24 words, so that a thief cannot do it.\n' +
      'To replace a device: `cairn recover` on the new computer, then revoke the old one from there.',
    examples: ['cairn device revoke 8a41 --words-from kit.txt'],
  })
    .argument('<device>', 'how its id begins, or its name')
    .requiredOption('--words-from <file>', 'the recovery kit; - reads standard input')
    .action(async (id: string, options: WordsOptions) => runRevoke(context, id, options))
}

async function runRevoke(context: Context, id: string, options: WordsOptions): Promise<void> {
  const words = readWordsFile(options.wordsFrom)
  await withClient(context, options, async ({ client }) => {
    const output: Output = outputOf(context, options)
    const { device, told, missed } = await client.revokeDevice({ id, words }, context.signal)
    output.json({
      message_type: 'device_revoked',
      ...deviceFields({ ...device, isAdmitted: false }),
      peers_told: told,
      peers_missed: missed,
    })
    output.data(`revoked ${device.device}`)
    output.say(
      missed.length === 0
        ? `All ${told.length} peers refuse it from now on.`
        : `${told.length} peers refuse it from now on; ${missed.length} will when they are back.`,
    )
  })
}

function pruneKeyCommand(context: Context): Command {
  return makeCommand('prune-key', {
    summary: 'keep the key that lets peers delete off this computer, or here again',
    details:
      'While it is away a thief of this computer, or whatever took it over, cannot ask peers to delete\n' +
      'anything, and `cairn gc` needs the words. It follows from the 24 words, which are asked for in\n' +
      'both directions: what cannot be brought back is not taken away.',
    examples: [
      'cairn device prune-key away --words-from kit.txt',
      'cairn device prune-key here --words-from kit.txt',
    ],
  })
    .addArgument(new Argument('<place>', 'where it is from now on').choices(['away', 'here']))
    .requiredOption('--words-from <file>', 'the recovery kit; - reads standard input')
    .action(async (place: 'away' | 'here', options: WordsOptions) => {
      const words = readWordsFile(options.wordsFrom)
      await withClient(context, options, async ({ client, output }) => {
        await client.movePruneKey({ isHere: place === 'here', words })
        output.json({ message_type: 'prune_key', place })
        output.data(
          place === 'away'
            ? 'The prune key is off this computer: cairn gc needs --words-from from now on.'
            : 'The prune key is on this computer.',
        )
      })
    })
}

function deviceFields({ device, peer, name, isThis, isAdmitted, newest }: VaultDevice): object {
  return {
    device,
    peer,
    name,
    is_this: isThis,
    is_admitted: isAdmitted,
    newest: newest && {
      sequence: newest.sequence,
      epoch: newest.epoch,
      written_at: formatMoment(newest.writtenAt),
    },
  }
}

function describe({ device, name, isThis, isAdmitted, newest }: VaultDevice): string {
  const parts = [device.slice(0, 16), isAdmitted ? 'in ' : 'out']
  parts.push(
    newest === undefined ? 'no head' : `head ${newest.sequence} of ${formatTime(newest.writtenAt)}`,
  )
  if (name !== undefined) parts.push(escapeLine(name))
  if (isThis) parts.push('(this one)')
  return parts.join('  ')
}
