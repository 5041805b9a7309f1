/**
 * `cairn peer vacation`, `cairn peer leave`, `cairn peer remove`: who is away, who goes, and who is sent away.
 */

import { resolve } from 'node:path'
import type { Command } from 'commander'
import { AWAY_MS_MAX } from '../../../protocol/roster-statement.ts'
import { UsageError } from '../../base/errors.ts'
import { askPerson, yesOrNo } from '../ask.ts'
import { makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { escapeLine } from '../escape.ts'
import { formatCount, formatMoment, formatTime } from '../format.ts'
import { askPeer, type Fields } from '../grid/peer-control.ts'
import { durationOption } from '../options.ts'
import type { Output } from '../output.ts'

interface StoreOptions extends CommonOptions {
  readonly store: string
}

interface VacationOptions extends StoreOptions {
  readonly end?: boolean
}

interface LeaveOptions extends StoreOptions {
  readonly now?: boolean
  readonly cancel?: boolean
  readonly yes?: boolean
}

interface RemoveOptions extends StoreOptions {
  readonly yes?: boolean
}

const STORE = ['--store <folder>', 'the store of your running peer'] as const

export function vacationCommand(context: Context): Command {
  return makeCommand('vacation', {
    summary: 'say that this peer will be off for a while, so that nobody gives it up',
    details:
      'Friends keep counting on its shares until then, and send no new ones while it is off.',
    examples: [
      'cairn peer vacation 30d --store /srv/cairn',
      'cairn peer vacation --end --store /srv/cairn',
    ],
  })
    .argument('[duration]', 'how long, up to 90d', durationOption(AWAY_MS_MAX))
    .requiredOption(...STORE)
    .option('--end', 'it is back, or stays after all')
    .action(async (duration: number | undefined, options: VacationOptions) => {
      if ((duration === undefined) === (options.end !== true)) {
        throw new UsageError('give either how long, for instance 30d, or --end')
      }
      const output = outputOf(context, options)
      const until = duration === undefined ? null : Date.now() + duration
      const result = await ask(context, options, 'vacation', { until })
      output.json({
        message_type: 'vacation',
        away_until: until === null ? null : formatMoment(until),
        ...toldFields(result),
      })
      output.data(until === null ? 'not away' : `away until ${formatTime(until)}`)
      sayTold(output, result)
    })
}

export function leaveCommand(context: Context): Command {
  return makeCommand('leave', {
    summary: 'leave the grid, once others hold what this peer holds',
    details:
      'Tells everybody first: from then on the owners of its shares make them again elsewhere, at their next\n' +
      'backup or repair. Waits until no share is here alone, then leaves the roster and stops the peer. Ctrl-C only\n' +
      'stops the waiting; the same command goes on, --cancel stays after all.',
    examples: ['cairn peer leave --store /srv/cairn', 'cairn peer leave --now --store /srv/cairn'],
  })
    .requiredOption(...STORE)
    .option('--now', 'go at once, and let the owners repair what they lose')
    .option('--cancel', 'stay after all')
    .option('--yes', 'do not ask')
    .action(async (options: LeaveOptions) => runLeave(context, options))
}

export function removeCommand(context: Context): Command {
  return makeCommand('remove', {
    summary: 'send somebody out of the grid',
    details:
      'Every peer refuses them from then on. Shares they hold count as lost: owners make them again elsewhere.\n' +
      'They come back only with a new invite.',
    examples: ['cairn peer remove "Ben’s NAS" --store /srv/cairn'],
  })
    .argument('<peer>', 'its name, or how its id begins or ends')
    .requiredOption(...STORE)
    .option('--yes', 'do not ask')
    .action(async (peer: string, options: RemoveOptions) => runRemove(context, peer, options))
}

async function runLeave(context: Context, options: LeaveOptions): Promise<void> {
  const output = outputOf(context, options)
  if (options.cancel !== true && options.yes !== true) {
    const how = options.now === true ? 'at once, whatever others still need of it' : 'for good'
    await confirmed(context, output, `This peer leaves its grid ${how}. Go on? [yes/no] `)
  }
  const fields = { now: options.now === true, cancel: options.cancel === true }
  const result = await ask(context, options, 'leave', fields, (event) => showLeaving(output, event))
  const hasLeft = result['has_left'] === true
  output.json({ message_type: hasLeft ? 'peer_left' : 'peer_stays', ...toldFields(result) })
  output.data(hasLeft ? 'left the grid; the peer has stopped' : 'not leaving')
  if (hasLeft) {
    output.say(
      'To come back: cairn peer run --code-from with a friend’s invite. Otherwise its store can be deleted.',
    )
  }
  sayTold(output, result)
}

function showLeaving(output: Output, event: Fields): undefined {
  output.json({ message_type: 'leave_progress', ...event })
  const { shares_total, shares_left, peers_asked, peers_answered } = event
  const [total, left] = [Number(shares_total), Number(shares_left)]
  const held =
    total === 0
      ? 'nothing is here that others need'
      : `${formatCount(total - left)} of ${formatCount(total)} shares are held by others`
  output.say(`${held} (${String(peers_answered)} of ${String(peers_asked)} peers answered)`)
  for (const each of Array.isArray(event['vaults']) ? (event['vaults'] as Fields[]) : []) {
    const names = Array.isArray(each['names'])
      ? each['names'].map((name) => escapeLine(String(name)))
      : []
    const whose =
      names.length === 0 ? `vault ${String(each['vault']).slice(0, 16)}` : names.join(', ')
    output.say(`  ${whose}: ${formatCount(Number(each['shares_left']))} shares are here only`)
  }
  return undefined
}

async function runRemove(context: Context, query: string, options: RemoveOptions): Promise<void> {
  const output = outputOf(context, options)
  const { members } = await ask(context, options, 'members', {})
  const member = findMember(members as Fields[], query)
  const name = typeof member['name'] === 'string' ? `${escapeLine(member['name'])}, ` : ''
  if (options.yes !== true) {
    await confirmed(
      context,
      output,
      `${name}${String(member['role'])} ${String(member['peer'])} leaves the grid. Go on? [yes/no] `,
    )
  }
  const result = await ask(context, options, 'remove', { peer: member['peer'] })
  output.json({
    message_type: 'peer_removed',
    peer: member['peer'],
    name: member['name'],
    ...toldFields(result),
  })
  output.data(`removed ${name}${String(member['peer'])}`)
  sayTold(output, result)
}

/** @throws {UsageError} nobody, or more than one, is meant */
function findMember(members: readonly Fields[], query: string): Fields {
  const named = members.filter((each) => each['name'] === query)
  const found =
    named.length > 0
      ? named
      : members.filter((each) => {
          const id = String(each['peer'])
          return query.length >= 4 && (id.startsWith(query) || id.endsWith(query))
        })
  const [member] = found
  if (member !== undefined && found.length === 1) return member
  const ids = found.map((each) => `\n  ${String(each['peer'])}`)
  throw new UsageError(
    found.length === 0
      ? `Nobody in this grid is called ${query}, or has an id that begins or ends so`
      : `${query} is not one alone:${ids.join('')}`,
  )
}

/** @throws {UsageError} the person does not want it */
async function confirmed(context: Context, output: Output, question: string): Promise<void> {
  const answer = await askPerson(output, question, context.signal)
  if (yesOrNo(answer) === true) return
  throw new UsageError(answer === undefined ? 'Nobody answered; add --yes' : 'Nothing was changed')
}

function ask(
  context: Context,
  options: StoreOptions,
  request: string,
  fields: Fields,
  onEvent?: (event: Fields) => undefined,
): Promise<Fields> {
  const store = resolve(context.workingFolder, options.store)
  return askPeer(store, request, fields, context.signal, onEvent)
}

function toldFields({ told, missed }: Fields): Fields {
  return { peers_told: told, peers_missed: missed }
}

function sayTold(output: Output, { told, missed }: Fields): void {
  const [here, away] = [told, missed].map((peers) => (Array.isArray(peers) ? peers.length : 0))
  const rest = away === 0 ? '' : `; ${away} ${away === 1 ? 'is' : 'are'} told when they are back`
  output.say(`${here} ${here === 1 ? 'peer' : 'peers'} told${rest}`)
}
