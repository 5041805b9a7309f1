/**
 * What `cairn why` says: how packs stand, who and what they lack, and what would bring it.
 */

import type { WhyReport, WhyFriend } from '../../node/why-types.ts'
import type { Explanation, Lack, LackCount, PeerLack } from '../../repair/explain.ts'
import type { PackHealth, Verdict } from '../../repair/pack-health.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes, formatCount, formatItems, formatMoment } from '../format.ts'
import type { JsonRecord } from '../output.ts'
import { describeLack, friendName } from './friends.ts'

/** Packs described one by one; of more only the reasons are told. */
export const PACKS_SHOWN_MAX = 20

/** Friends named in one sentence. */
const NAMES_MAX = 3

const INVITE = 'cairn invite'

/** @returns a record for each pack that was looked at and lacks anything, for each reason, and the sums */
export function whyRecords(report: WhyReport): JsonRecord[] {
  return [
    ...shown(report).map((explanation) => packRecord(explanation, report)),
    ...report.lacks.map(({ lack, packs, unsafe }) => ({
      message_type: 'lack',
      ...lackFields(lack, report),
      packs,
      packs_unsafe: unsafe,
    })),
    {
      message_type: 'summary',
      packs: report.packsTotal,
      verdicts: Object.fromEntries(report.verdicts),
      fixes: fixesOf(report),
    },
  ]
}

/** @returns how packs stand, each of a few packs with its shares, the reasons, and what would help */
export function whyLines(report: WhyReport): string[] {
  const { verdicts, packsTotal, isAll } = report
  const whole = verdicts.get('whole') ?? 0
  if (packsTotal === 0) return [isAll ? 'Nothing was backed up yet.' : 'It takes no pack.']
  if (whole === packsTotal) {
    const all =
      packsTotal === 1 ? 'The pack is whole' : `All ${formatCount(packsTotal)} packs are whole`
    return [`${all}, as far as this computer knows; "cairn check" asks the peers.`]
  }
  const detailed = isAll && report.explanations.length > PACKS_SHOWN_MAX ? [] : shown(report)
  const fixes = fixesOf(report)
  return [
    `${formatItems(packsTotal, 'pack')}: ${countsOf(verdicts)}`,
    ...detailed.flatMap((explanation) => ['', ...packLines(explanation, report)]),
    ...(detailed.length === 1 ? [] : ['', ...report.lacks.map((count) => lackLine(count, report))]),
    ...(fixes.length === 0 ? [] : ['', 'What would help:', ...fixes.map((fix) => `  ${fix}`)]),
  ]
}

/** @returns the status to end with: how the worst of the packs stands */
export function exitCodeAfterWhy({ verdicts }: WhyReport): ExitCode {
  if (verdicts.has('lost')) return EXIT.unrecoverable
  return verdicts.has('unsafe') || verdicts.has('out-of-reach') ? EXIT.notSafe : EXIT.ok
}

/** @returns what would help all packs looked at, most useful first */
export function fixesOf({ lacks, friends, friendsLacking, now }: WhyReport): string[] {
  const peers = lacks.flatMap(({ lack }) => (lack.type === 'peer' ? [lack] : []))
  const by = (...reasons: readonly PeerLack['why'][]) =>
    peers.filter(({ why }) => reasons.includes(why))
  const names = (all: readonly PeerLack[]) => namesOf(all, friends)
  const back = by('silent', 'vacation', 'unreachable', 'gone')
  const placing = lacks.find(({ lack }) => lack.type === 'placing')
  const hasDomains = lacks.some(({ lack }) => lack.type === 'domains')
  return [
    ...(placing === undefined
      ? []
      : [`cairn repair: it places what ${formatItems(placing.packs, 'pack')} lack`]),
    ...(back.length === 0 ? [] : [`${backWords(back, friends, now)} back`]),
    ...(by('full').length === 0 ? [] : [`room at ${names(by('full'))}`]),
    ...(by('quota').length === 0 ? [] : [`a larger quota at ${names(by('quota'))}`]),
    ...(friendsLacking === 0
      ? []
      : [
          `${formatItems(friendsLacking, 'more friend')} ` +
            `${hasDomains ? 'in other houses' : 'with disk to lend'}: ${INVITE}`,
        ]),
  ]
}

function backWords(back: readonly PeerLack[], friends: WhyReport['friends'], now: number): string {
  const [only] = back
  if (only === undefined || back.length > 1) return namesOf(back, friends)
  const words = describeLack(only, now).split(';')[0] ?? ''
  return `${nameOf(only.peer, friends)} (${words})`
}

function shown({ explanations }: WhyReport): readonly Explanation[] {
  return explanations.filter(({ health }) => health.verdict !== 'whole')
}

function packLines({ health, lacks }: Explanation, report: WhyReport): string[] {
  const { pack, held } = health
  const { needed, total, size } = pack.shape
  const title =
    `${packName(health)}: ${pack.kind}, ${formatBytes(size)}, ` +
    `any ${needed} of ${total} shares: ${health.verdict}, ${summaryOf(health)}`
  const shares = Array.from({ length: total }, (_, share) => {
    const counting = new Set(health.live.get(share) ?? [])
    const holders = (held.holders.get(share) ?? []).map(({ peer, isSeen }) => {
      const notes = [
        ...(isSeen ? [] : ['silent']),
        ...(counting.has(peer) ? [] : ['does not count']),
      ]
      const note = notes.length === 0 ? '' : ` (${notes.join(', ')})`
      return `${nameOf(peer, report.friends)}${note}`
    })
    return `  share ${share}: ${holders.length === 0 ? 'nobody' : holders.join(', ')}`
  })
  const reasons = lacks.map((lack) => `  lacks: ${describe(lack, report)}`)
  return [title, ...shares, ...reasons]
}

/** How a pack stands, in numbers. */
export function summaryOf(health: PackHealth): string {
  const { happiness, safeCount, missing, readable, pack } = health
  const { needed, total } = pack.shape
  const places = `on ${happiness} separate ${happiness === 1 ? 'place' : 'places'}`
  const homeless = `${missing.length} of ${total} shares`
  switch (health.verdict) {
    case 'whole':
      return `${places}, every share has its place`
    case 'settling':
      return `${places}, which is safe; ${homeless} wait to be placed`
    case 'thin':
      return `${places}, which is safe; nobody can take ${homeless} now`
    case 'unsafe':
      return `${places}, ${safeCount} make it safe`
    case 'out-of-reach':
      return `${readable.size} of the ${needed} shares it takes can be read now`
    default:
      return `${readable.size} of the ${needed} shares it takes are left`
  }
}

function lackLine({ lack, packs, unsafe }: LackCount, report: WhyReport): string {
  const alarm = unsafe === 0 ? '' : `, ${formatCount(unsafe)} of them not safe`
  return `${describe(lack, report)}: ${formatItems(packs, 'pack')}${alarm}`
}

function describe(lack: Lack, { friends, now }: WhyReport): string {
  switch (lack.type) {
    case 'placing':
      return `${formatItems(lack.shares, 'share')} to be placed, and there is room`
    case 'domains':
      return (
        `the grid's peers are in ${formatItems(lack.has, 'separate house')}, ` +
        `and a pack is safe in ${lack.needed}`
      )
    case 'peers':
      return `${formatItems(lack.has, 'peer')} for ${formatItems(lack.needed, 'share')}`
    default:
      return `${nameOf(lack.peer, friends)} ${describeLack(lack, now)}`
  }
}

function packRecord(explanation: Explanation, report: WhyReport): JsonRecord {
  const { health, lacks } = explanation
  const { pack, held, live } = health
  return {
    message_type: 'pack',
    pack: pack.id,
    numbers: pack.numbers,
    kind: pack.kind,
    size: pack.shape.size,
    needed: pack.shape.needed,
    total: pack.shape.total,
    verdict: health.verdict,
    happiness: health.happiness,
    happiness_max: health.happinessMax,
    happiness_safe: health.safeCount,
    shares_missing: health.missing,
    shares: [...held.holders]
      .toSorted(([a], [b]) => a - b)
      .map(([share, holders]) => ({
        share,
        holders: holders.map(({ peer, isSeen }) => ({
          peer,
          answered: isSeen,
          counts: (live.get(share) ?? []).includes(peer),
        })),
      })),
    lacks: lacks.map((lack) => lackFields(lack, report)),
  }
}

function lackFields(lack: Lack, report: WhyReport) {
  const { type, ...more } = lack
  if (lack.type !== 'peer') return { lack: type, ...more, text: describe(lack, report) }
  const { peer, why, since, until } = lack
  return {
    lack: why,
    peer,
    name: report.friends.get(peer)?.name,
    since: since === undefined ? undefined : formatMoment(since),
    until: until === undefined ? undefined : formatMoment(until),
    text: describe(lack, report),
  }
}

function countsOf(verdicts: ReadonlyMap<Verdict, number>): string {
  return [...verdicts].map(([verdict, count]) => `${formatCount(count)} ${verdict}`).join(', ')
}

function packName({ pack }: PackHealth): string {
  const [number] = pack.numbers
  return number === undefined ? `pack ${pack.id}` : `pack ${number}`
}

function nameOf(peer: string, friends: ReadonlyMap<string, WhyFriend>): string {
  return friendName({ peer, ...friends.get(peer) })
}

function namesOf(lacks: readonly PeerLack[], friends: WhyReport['friends']): string {
  const names = [...new Set(lacks.map(({ peer }) => nameOf(peer, friends)))].toSorted()
  if (names.length <= NAMES_MAX) return names.join(' or ')
  return `${names.slice(0, NAMES_MAX).join(', ')} or ${names.length - NAMES_MAX} others`
}
