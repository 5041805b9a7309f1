/**
 * `cairn peer list`: friends who lend, what each side holds for the other, and what to make of it.
 */

import type { Command } from 'commander'
import type { FriendList, FriendRow } from '../../node/client.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeText } from '../escape.ts'
import { formatBytes, formatCount, formatMoment } from '../format.ts'
import { withClient } from '../with-client.ts'

export function peerListCommand(context: Context): Command {
  return makeCommand('list', {
    summary: 'show friends: what they hold for you, you for them, and how it stands',
    details:
      'What others hold for each other is what their devices vouch for. Room that your own peers lend counts\n' +
      'as yours once they were told whose they are: cairn peer run --vault ID (cairn status shows the vault).',
    examples: ['cairn peer list', 'cairn peer list --json'],
  }).action(async (options: CommonOptions) => {
    await withClient(context, options, async ({ client, output }) => {
      const list = await client.friends(context.signal)
      const { friends, lendNothing, ...sums } = list
      output.json({ message_type: 'peers', ...sums })
      for (const { over, ...friend } of friends) {
        const until = over && {
          over: { ...over, since: formatMoment(over.since), until: formatMoment(over.until) },
        }
        output.json({ message_type: 'peer', ...friend, ...until })
      }
      for (const row of lendNothing) output.json({ message_type: 'lends_nothing', ...row })
      output.data(headline(list))
      for (const friend of friends) for (const line of describe(friend)) output.data(line)
      for (const { vault, heldForThem } of lendNothing) {
        output.data(
          `vault ${vault.slice(0, 16)}  lends nothing, and you hold ${formatBytes(heldForThem)}`,
        )
      }
    })
  })
}

function headline({ heldForOthers, heldByOthers, ownPeers }: FriendList): string {
  const ours =
    ownPeers === 0
      ? 'none of the peers is yours'
      : `you hold ${formatBytes(heldForOthers)} for others`
  return `${ours}, they hold ${formatBytes(heldByOthers)} for you`
}

/** @returns the lines about one friend */
function describe(friend: FriendRow): string[] {
  const { name, domain, peer, isReachable, onlineShare, isOurs } = friend
  const who = [isReachable ? 'up  ' : 'down', name === undefined ? peer : escapeText(name)]
  if (domain !== undefined) who.push(`in ${escapeText(domain)}`)
  if (onlineShare !== undefined) who.push(`online ${Math.round(onlineShare * 100)} %`)
  who.push(escapeText(friend.verdict))
  const room = [roomWords(friend), ...(isOurs ? [] : [auditWords(friend)])]
  return [who.join('  '), `      ${room.join('; ')}`]
}

function roomWords({ heldForUs, heldForThem, grant, over, isOurs }: FriendRow): string {
  const held =
    heldForUs === undefined ? 'holds what it held' : `holds ${formatBytes(heldForUs)} for you`
  const granted = grant === undefined ? '' : ` of ${formatBytes(grant)} granted`
  const above =
    over === undefined
      ? ''
      : `, ${formatBytes(over.bytes)} too much: refuses new data from ${formatMoment(over.until).slice(0, 10)} on`
  const back =
    heldForThem === undefined || isOurs ? '' : `; you hold ${formatBytes(heldForThem)} for them`
  return held + granted + above + back
}

function auditWords({ auditsPassed, auditsFailed }: FriendRow): string {
  if (auditsPassed + auditsFailed === 0) return 'not audited yet'
  const failed = auditsFailed === 0 ? 'none' : formatCount(auditsFailed)
  return `${formatCount(auditsPassed + auditsFailed)} audits, ${failed} failed`
}
