/**
 * What `cairn status` says: how the backup stands, and each friend in a line.
 */

import type { ClientStatus } from '../../node/client.ts'
import { HELPER_SILENT_MS } from '../../node/run-status.ts'
import { VERDICTS } from '../../repair/pack-health.ts'
import { escapeLine } from '../escape.ts'
import { formatBytes, formatCount, formatItems, formatMoment, formatTime } from '../format.ts'
import type { JsonRecord } from '../output.ts'
import { describeLack, formatAge, overRecord, STANDING_WORD } from './friends.ts'
import { VERDICT_WORDS } from './health.ts'

type PeerRow = ClientStatus['peers'][number]
type LastSnapshot = ClientStatus['lastSnapshot'] & object

/** @returns a record of the vault, and one for each peer */
export function statusRecords(home: string, status: ClientStatus, ageMaxMs: number): JsonRecord[] {
  const {
    peers,
    placed,
    lastCheck,
    lastSnapshot,
    isCheckOverdue,
    helpers,
    evidence,
    warnings: _,
    now: __,
    ...rest
  } = status
  const complete = lastSnapshot?.complete
  return [
    {
      message_type: 'vault',
      home,
      ...rest,
      packs_whole: placed.whole,
      packs_settling: placed.settling,
      packs_unsafe: placed.unsafe,
      checked: lastCheck === undefined ? undefined : formatMoment(lastCheck.checkedAt),
      packs_lost: lastCheck?.packs.lost,
      is_check_overdue: isCheckOverdue,
      last_complete:
        complete === undefined || complete === null ? undefined : formatMoment(complete.endedAt),
      snapshots_incomplete: lastSnapshot?.incomplete,
      is_last_partial: lastSnapshot?.isPartial,
      is_snapshot_overdue: isSnapshotOverdue(status, ageMaxMs),
    },
    ...peers.map(({ seenAt, lack, online, over, ...peer }) => ({
      message_type: 'peer',
      ...peer,
      online_share: online,
      over: overRecord(over),
      last_seen: seenAt === undefined ? undefined : formatMoment(seenAt),
      lack: lack?.why,
      until: lack?.until === undefined ? undefined : formatMoment(lack.until),
    })),
    ...helpers.map(({ peer, name, at, heardBy }) => ({
      message_type: 'helper',
      peer,
      name,
      last_helped: formatMoment(at),
      heard_by: heardBy,
    })),
    ...evidence.map(({ kind, foundAt, words }) => ({
      message_type: 'evidence',
      kind,
      found_at: formatMoment(foundAt),
      words,
    })),
  ]
}

export function statusLines(home: string, status: ClientStatus): string[] {
  const { queue, spool, settling, placed, peers, evidence, now } = status
  const packs = [
    `${formatCount(placed.whole)} whole`,
    ...(placed.settling === 0 ? [] : [`${formatCount(placed.settling)} settling`]),
    ...(placed.unsafe === 0 ? [] : [`${formatCount(placed.unsafe)} not safe`]),
  ].join(', ')
  const hint = placed.settling + placed.unsafe === 0 ? '' : ': cairn why'
  return [
    `home      ${home}`,
    `vault     ${status.vault}`,
    `grid      ${status.grid ?? 'none: cairn join --code-from FILE'}`,
    `head      ${status.sequence}`,
    `waiting   ${formatItems(queue.files, 'file')} (${formatBytes(queue.bytes)}) to read, ` +
      `${formatItems(spool.packs, 'pack')} (${formatBytes(spool.bytes)}) to send, ` +
      `${formatItems(settling, 'share')} settling`,
    `packs     ${packs}${hint}`,
    `checked   ${checkedWords(status)}`,
    `helped    ${helpedWords(status)}`,
    ...peers.map((peer) => describePeer(peer, now)),
    ...evidence.map(
      ({ words, foundAt }) => `evidence  ${formatTime(foundAt)}  ${escapeLine(words)}`,
    ),
  ]
}

/** @returns what must not be overlooked */
export function statusAlarms(status: ClientStatus, ageMaxMs: number): string[] {
  const { isCheckOverdue, lastCheck, placed, warnings } = status
  const lost = lastCheck?.packs.lost ?? 0
  return [
    ...overdueWords(status, ageMaxMs),
    ...(isCheckOverdue
      ? [`Lost shares are not noticed: last checked ${agoWords(status)}. Run \`cairn repair\`.`]
      : []),
    ...(lost === 0
      ? []
      : [`${formatItems(lost, 'pack')} lost at the last check; \`cairn check\` names the files.`]),
    ...(placed.unsafe === 0
      ? []
      : [`${formatItems(placed.unsafe, 'pack')} not safe; \`cairn why\` says what would help.`]),
    ...warnings,
  ]
}

/** @returns whether the newest complete snapshot is older than that, or there is none though others are */
export function isSnapshotOverdue({ lastSnapshot, now }: ClientStatus, ageMaxMs: number): boolean {
  if (lastSnapshot === undefined) return false
  return lastSnapshot.complete === null || now - lastSnapshot.complete.endedAt > ageMaxMs
}

function overdueWords(status: ClientStatus, ageMaxMs: number): string[] {
  const { lastSnapshot, now } = status
  if (lastSnapshot === undefined || !isSnapshotOverdue(status, ageMaxMs)) return []
  const { complete } = lastSnapshot
  const since = sinceThen(lastSnapshot)
  if (complete === null) return [`No snapshot is complete.${since}`]
  return [`The last complete snapshot is ${formatAge(now - complete.endedAt)} old.${since}`]
}

/** @returns what keeps later snapshots from being complete, or what to do */
function sinceThen({ incomplete, isPartial }: LastSnapshot): string {
  const leftOut = `${formatItems(incomplete, 'snapshot')} since then left something out: \`cairn backup\` says what.`
  return [
    ...(incomplete === 0 ? [] : [` ${leftOut}`]),
    ...(isPartial ? [' The last backup did not come to its end: `cairn backup` goes on.'] : []),
    ...(incomplete === 0 && !isPartial ? [' Run `cairn backup`.'] : []),
  ].join('')
}

function helpedWords({ helpers, now }: ClientStatus): string {
  if (helpers.length === 0) return 'by nobody: cairn cap --repair lets a friend’s box do it'
  const words = helpers.map(({ peer, name, at }) => {
    const who = name === undefined ? peer : escapeLine(name)
    const age = `${formatAge(Math.max(0, now - at))} ago`
    return now - at > HELPER_SILENT_MS ? `by ${who} until ${age}` : `by ${who}, ${age}`
  })
  return words.join('; ')
}

function agoWords({ lastCheck, now }: ClientStatus): string {
  return lastCheck === undefined ? 'never' : `${formatAge(now - lastCheck.checkedAt)} ago`
}

function checkedWords(status: ClientStatus): string {
  const { lastCheck } = status
  if (lastCheck === undefined) return 'never'
  const { packs, missing } = lastCheck
  const troubled = VERDICTS.filter((verdict) => verdict !== 'whole' && packs[verdict] > 0)
  const told = troubled.map((verdict) => `${formatCount(packs[verdict])} ${VERDICT_WORDS[verdict]}`)
  const found =
    told.length === 0 ? '' : `: ${told.join(', ')}; ${formatItems(missing, 'share')} missing`
  return `${agoWords(status)}${found}`
}

function describePeer(peer: PeerRow, now: number): string {
  const { name, domain, free, capacity, used, online, seenAt, standing, lack, error } = peer
  const parts = [peer.reachable ? 'up  ' : 'down', peer.peer]
  if (name !== undefined) parts.push(escapeLine(name))
  if (domain !== undefined) parts.push(`in ${escapeLine(domain)}`)
  if (standing !== 'here') parts.push(STANDING_WORD[standing])
  if (online !== undefined) parts.push(`on ${Math.round(online * 100)} %`)
  if (!peer.reachable && seenAt !== undefined) parts.push(`seen ${formatAge(now - seenAt)} ago`)
  if (free !== undefined && capacity !== undefined) {
    parts.push(`${formatBytes(free)} free of ${formatBytes(capacity)}`)
  }
  if (used !== undefined) parts.push(`${formatBytes(used)} ours`)
  if (peer.grant !== undefined) parts.push(`of ${formatBytes(peer.grant)} granted`)
  if (peer.released !== undefined) parts.push(`${formatBytes(peer.released)} of it to be deleted`)
  if (lack !== undefined && standing !== 'here') parts.push(describeLack(lack, now))
  else if (error !== undefined) parts.push(escapeLine(error))
  return parts.join('  ')
}
