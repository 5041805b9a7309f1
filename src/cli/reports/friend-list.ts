/**
 * What `cairn peer list` says: one line on top, two for each friend.
 */

import type { FriendList, FriendRow } from '../../node/client.ts'
import { escapeLine } from '../escape.ts'
import { formatBytes, formatCount, formatMoment } from '../format.ts'
import type { JsonRecord } from '../output.ts'
import { overRecord } from './friends.ts'

/** @returns a record of the sums, one for each peer, and one for each vault that lends nothing */
export function friendRecords(list: FriendList): JsonRecord[] {
  const { heldForOthers, heldByOthers, ownPeers, friends, lendNothing } = list
  const sums = { held_for_others: heldForOthers, held_by_others: heldByOthers }
  return [
    { message_type: 'peers', ...sums, own_peers: ownPeers },
    ...friends.map((friend) => ({
      message_type: 'peer',
      peer: friend.peer,
      name: friend.name,
      domain: friend.domain,
      vault: friend.vault,
      is_ours: friend.isOurs,
      reachable: friend.isReachable,
      standing: friend.standing,
      online_share: friend.onlineShare,
      known_since: friend.knownSince === undefined ? undefined : formatMoment(friend.knownSince),
      held_for_us: friend.heldForUs,
      held_for_them: friend.heldForThem,
      audits_passed: friend.auditsPassed,
      audits_failed: friend.auditsFailed,
      grant: friend.grant,
      over: overRecord(friend.over),
      balance: friend.balance,
      verdict: friend.verdict,
    })),
    ...lendNothing.map(({ vault, heldForThem }) => {
      return { message_type: 'lends_nothing', vault, held_for_them: heldForThem }
    }),
  ]
}

export function friendLines(list: FriendList): string[] {
  const idle = list.lendNothing.map(({ vault, heldForThem }) => {
    return `vault ${vault.slice(0, 16)}  lends nothing, and you hold ${formatBytes(heldForThem)}`
  })
  return [headline(list), ...list.friends.flatMap(describe), ...idle]
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
  const who = [isReachable ? 'up  ' : 'down', name === undefined ? peer : escapeLine(name)]
  if (domain !== undefined) who.push(`in ${escapeLine(domain)}`)
  if (onlineShare !== undefined) who.push(`online ${Math.round(onlineShare * 100)} %`)
  who.push(escapeLine(friend.verdict))
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
