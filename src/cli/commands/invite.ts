/**
 * `cairn invite`: bring a friend into the grid, once.
 */

import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { UsageError } from '../../base/errors.ts'
import { askPerson, yesOrNo } from '../ask.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { escapeLine } from '../escape.ts'
import { showNewcomer } from '../join-words.ts'
import { EXIT } from '../exit-code.ts'
import { formatBytes, formatMoment, formatTime } from '../format.ts'
import { askPeer, type Fields } from '../grid/peer-control.ts'
import { durationOption, nameOption, sizeOption } from '../options.ts'
import type { Output } from '../output.ts'
import { qrLines } from '../qr.ts'
import { checkSecretFile, writeSecretFile } from '../secret-file.ts'

const DAY_MS = 86_400_000
const EXPIRES_MS_MAX = 30 * DAY_MS

interface InviteOptions extends CommonOptions {
  readonly store: string
  readonly quota?: number
  readonly expires: number
  readonly name?: string
  readonly domain?: string
  readonly yes?: boolean
  readonly qr?: boolean
  readonly codeTo?: string
  readonly background?: boolean
  readonly list?: boolean
  readonly wait?: string
  readonly cancel?: string
}

export function inviteCommand(context: Context): Command {
  return makeCommand('invite', {
    summary: 'bring a friend into the grid with a code that works once',
    details:
      'Your peer must be running. Prints a code and waits until your friend used it, then shows six words:\n' +
      'your friend sees the same ones, or somebody else has the code. Ctrl-C leaves the invite open; --wait goes on.\n' +
      'One code brings in one peer (`cairn peer run --code-from`), or one vault (`cairn join --code-from`).',
    examples: [
      'cairn invite --store /srv/cairn --quota 50GB',
      'cairn invite --store /srv/cairn --yes --background --code-to code.txt',
      'cairn invite --store /srv/cairn --list',
    ],
  })
    .requiredOption('--store <folder>', 'the store of your running peer')
    .option('--quota <size>', 'what a vault may keep at each peer', sizeOption)
    .addOption(
      new Option('--expires <duration>', 'how long the code is good, up to 30d')
        .argParser(durationOption(EXPIRES_MS_MAX))
        .default(DAY_MS, '1d'),
    )
    .option('--name <name>', 'what friends see, in place of your friend’s own word', nameOption)
    .option(
      '--domain <name>',
      'what fails together with your friend’s peer: a house, a provider',
      nameOption,
    )
    .option('--yes', 'let in whoever has the code, without asking')
    .option('--background', 'return at once; with --yes nobody needs to wait')
    .option('--qr', 'show a QR code even where standard output is no terminal')
    .option('--code-to <file>', 'write the code to a new file that only you can read')
    .option('--list', 'show invites and what became of them')
    .option('--wait <id>', 'go on waiting with an earlier invite')
    .option('--cancel <id>', 'take an invite back')
    .action(async (options: InviteOptions) => runInvite(context, options))
}

async function runInvite(context: Context, options: InviteOptions): Promise<void> {
  const output = outputOf(context, options)
  const store = resolve(context.workingFolder, options.store)
  const ask = (request: string, fields: Fields) =>
    askPeer(store, request, fields, context.signal, (event) =>
      onEvent(context, output, options, event),
    )

  if (options.list === true) return list(output, await ask('invite-list', {}))
  if (options.cancel !== undefined) {
    return ended(context, output, await ask('invite-cancel', { id: options.cancel }), true)
  }
  if (options.wait !== undefined) {
    return ended(context, output, await ask('invite-wait', { id: options.wait }))
  }
  if (options.background === true && options.yes !== true) {
    output.say('Your friend’s words must be confirmed later: cairn invite --wait ID')
  }
  // Else the invite would stay open, and its code be lost.
  if (options.codeTo !== undefined) checkSecretFile(resolve(context.workingFolder, options.codeTo))
  const { quota, name, domain } = options
  const result = await ask('invite', {
    expiresAt: Date.now() + options.expires,
    isAutomatic: options.yes === true,
    wait: options.background !== true,
    ...(quota === undefined ? {} : { quota }),
    ...(name === undefined ? {} : { name }),
    ...(domain === undefined ? {} : { domain }),
  })
  if (options.background !== true) ended(context, output, result)
}

/** @returns what the peer is told in answer */
async function onEvent(
  context: Context,
  output: Output,
  options: InviteOptions,
  event: Fields,
): Promise<Fields | undefined> {
  if (typeof event['code'] === 'string') return created(context, output, options, event)
  if (event['state'] === 'open') return undefined
  output.json({ message_type: 'invite_used', ...withMoment(event) })
  showNewcomer(output, {
    name: typeof event['name'] === 'string' ? event['name'] : undefined,
    isPeer: event['as'] === 'peer',
    peer: String(event['peer']),
    words: Array.isArray(event['words']) ? event['words'].map(String) : [],
    isTriedByOthers: Number(event['tried_by_others']) > 0,
  })
  if (event['is_automatic'] === true) return undefined
  const question = 'Does your friend see the same words? [yes/no] '
  for (;;) {
    const answer = await askPerson(output, question, context.signal)
    const confirm = yesOrNo(answer)
    if (confirm !== undefined) return { confirm }
    if (answer !== undefined) output.say('Answer with yes or no.')
    if (answer === undefined) {
      throw new UsageError(
        `Nobody answered. The invite waits: cairn invite --store ${options.store} --wait ${String(event['id'])}`,
      )
    }
  }
}

function created(
  context: Context,
  output: Output,
  options: InviteOptions,
  { id, code, expires_at }: Fields,
): undefined {
  const text = String(code)
  if (options.codeTo !== undefined) {
    writeSecretFile(resolve(context.workingFolder, options.codeTo), `${text}\n`)
  }
  output.json({
    message_type: 'invite_created',
    id,
    code: options.codeTo === undefined ? text : undefined,
    code_file: options.codeTo,
    expires_at: formatMoment(Number(expires_at)),
  })
  if (options.codeTo === undefined) output.data(text)
  if (options.qr === true || (context.stdout.isTTY === true && options.codeTo === undefined)) {
    const isTerminal = context.stdout.isTTY === true
    for (const line of qrLines(text, { isTerminal })) output.data(line)
  }
  output.say(
    `Good once, until ${formatTime(Number(expires_at))}. Hand it over as you would a key. Your friend saves it to a file and runs\n` +
      '  cairn peer run --code-from FILE …   to lend disk\n' +
      '  cairn join --code-from FILE         to back up',
  )
  if (options.background !== true) {
    output.say('Waiting for your friend. Ctrl-C stops the waiting, and the invite stays open.')
    const again = `cairn invite --store ${options.store} --wait ${String(id).slice(0, 8)}`
    context.onInterrupted = `The invite is still open. To go on waiting: ${again}`
  }
  return undefined
}

const ENDS: Readonly<Record<string, string>> = {
  admitted: 'Your friend is in, and every peer that is online knows.',
  refused: 'The invite is over; nobody came in.',
  burnt:
    'Somebody tried this invite with a wrong secret, so it is burnt. Nobody came in; make a new one.',
  expired: 'The invite has expired; nobody came in.',
}

function ended(context: Context, output: Output, result: Fields, isMeant = false): void {
  const state = String(result['state'])
  output.json({ message_type: 'invite_ended', ...withMoment(result) })
  output.data(ENDS[state] ?? state)
  if (state !== 'admitted' && !isMeant) context.exit = EXIT.error
}

function list(output: Output, { invites }: Fields): void {
  for (const each of Array.isArray(invites) ? (invites as Fields[]) : []) {
    output.json({ message_type: 'invite', ...withMoment(each) })
    const quota = typeof each['quota'] === 'number' ? formatBytes(each['quota']) : '–'
    const name = typeof each['name'] === 'string' ? escapeLine(each['name']) : ''
    output.data(
      `${String(each['id']).slice(0, 8)}  ${String(each['state']).padEnd(8)}  ` +
        `until ${formatTime(Number(each['expires_at']))}  ${quota}  ${name}`.trimEnd(),
    )
  }
}

/** As JSON has times. */
function withMoment(fields: Fields): Fields {
  return { ...fields, expires_at: formatMoment(Number(fields['expires_at'])) }
}
