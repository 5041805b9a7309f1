/**
 * `cairn join`: this vault becomes a member of a grid.
 */

import type { Command } from 'commander'
import { escapeLine } from '../escape.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { showJoinWords } from '../join-words.ts'
import { nameOption, ownName } from '../options.ts'
import { readInviteFile } from '../secret-file.ts'
import { withClient } from '../with-client.ts'

interface JoinOptions extends CommonOptions {
  readonly codeFrom: string
  readonly name?: string
}

export function joinCommand(context: Context): Command {
  return makeCommand('join', {
    summary: 'join a grid with an invite from a friend',
    details:
      'Shows six words: your friend sees the same ones and confirms them. Ctrl-C only stops the waiting; the same\n' +
      'command goes on.',
    examples: ['cairn join --code-from code.txt', 'cairn join --code-from - < code.txt'],
  })
    .requiredOption('--code-from <file>', 'the invite; - reads standard input')
    .option('--name <name>', 'what friends call this computer', nameOption)
    .action(async (options: JoinOptions) => join(context, options))
}

async function join(context: Context, options: JoinOptions): Promise<void> {
  const invite = readInviteFile(options.codeFrom)
  await withClient(context, options, async ({ client, output }) => {
    const { grid, peers } = await client.join(invite, context.signal, {
      name: options.name ?? ownName(),
      onWords: (words, inviter) => showJoinWords(output, words, inviter),
    })
    const reachable = peers.filter((peer) => peer.reachable)
    output.json({
      message_type: 'joined',
      grid,
      peers_total: peers.length,
      peers_reachable: reachable.length,
      peers,
    })
    for (const peer of peers) {
      const name = peer.name === undefined ? '' : `  ${escapeLine(peer.name)}`
      output.data(`${peer.reachable ? 'up  ' : 'down'}  ${peer.peer}${name}`)
    }
    output.say(
      `Joined grid ${grid.slice(0, 16)}: ${reachable.length} of ${peers.length} peers answered.`,
    )
    output.say('Next: cairn backup PATH…')
  })
}
