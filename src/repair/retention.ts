/**
 * Retention: which snapshots to keep, in restic's words.
 *
 * Rules count from the newest snapshot back, and newest means highest sequence: no clock can push a
 * snapshot ahead of another. Of each hour, day, week (ISO 8601), month and year, in the person's time
 * zone, the newest snapshot stands for it; where a rule has counts left at the end, the oldest
 * snapshot is kept too. `within` rules count from the newest time that peers witness.
 *
 * A snapshot is *trusted* if peers witness its time (src/repair/ages.ts) and the time agrees with its
 * place among the others. What is not trusted takes nothing from what is:
 *
 * - rules that count hours, days and so on are applied to the trusted snapshots alone, to the witnessed,
 *   and to all of them, and what any of the three wants is kept
 * - for `within` rules it counts as being as young as the next trusted snapshot after it; it stays
 *   with that one, and as long as there is none
 *
 * A snapshot is only ever compared with those whose sources cover its own: no backup of documents takes the
 * place of one of photographs.
 *
 * Where no time is witnessed the calendar rules take the laptop's, and `within` rules keep everything.
 *
 * A *partial* snapshot, of a backup that went on after it, is counted by no rule. It stays while no later
 * snapshot covers all of its paths, or where a tag or a pin wants it.
 */

import type { SnapshotRow } from '../../protocol/snapshots.ts'
import { toHex } from '../../protocol/bytes.ts'
import { UsageError } from '../base/errors.ts'
import { isWithin, toNames, type Names } from '../source/path.ts'
import { before, formatDuration, type Duration } from './duration.ts'
import { inOrder } from './in-order.ts'

/** A count that never runs out. */
export const UNLIMITED = -1

/** What to keep; a snapshot stays if any rule wants it. A count of 0 is no rule. */
export interface RetentionPolicy {
  /** Whole numbers, or `UNLIMITED`. */
  readonly last?: number
  readonly hourly?: number
  readonly daily?: number
  readonly weekly?: number
  readonly monthly?: number
  readonly yearly?: number
  /** Before the newest snapshot. */
  readonly within?: Duration
  readonly withinHourly?: Duration
  readonly withinDaily?: Duration
  readonly withinWeekly?: Duration
  readonly withinMonthly?: Duration
  readonly withinYearly?: Duration
  /** Each is a set of tags that a snapshot must carry all of. */
  readonly tags?: readonly (readonly string[])[]
}

/** A snapshot with its time as the peers witness it. */
export interface DatedSnapshot {
  readonly row: SnapshotRow
  /** Milliseconds since 1970; as the laptop said, if nobody witnesses it. */
  readonly time: number
  readonly isWitnessed: boolean
}

/** What becomes of one snapshot. */
export interface Decision extends DatedSnapshot {
  readonly isKept: boolean
  /** Why it is kept, or why not; at least one. */
  readonly reasons: readonly string[]
}

/** The policy says nothing, or would remove every snapshot; nothing was changed. */
export class RetentionRefusedError extends UsageError {
  override readonly name = 'RetentionRefusedError'
}

interface Verdict {
  readonly isKept: boolean
  readonly reason: string
}

/** What one rule says of each snapshot that it looked at. */
type Verdicts = ReadonlyMap<DatedSnapshot, Verdict>

/** How one kind of rule divides time; `bucketOf` gives equal numbers within a bucket. */
interface Period {
  readonly name: 'hourly' | 'daily' | 'weekly' | 'monthly' | 'yearly'
  readonly within:
    'withinHourly' | 'withinDaily' | 'withinWeekly' | 'withinMonthly' | 'withinYearly'
  readonly unit: string
  readonly bucketOf: (date: Date) => number
}

const PERIODS: readonly Period[] = [
  { name: 'hourly', within: 'withinHourly', unit: 'hour', bucketOf: hourOf },
  { name: 'daily', within: 'withinDaily', unit: 'day', bucketOf: dayOf },
  { name: 'weekly', within: 'withinWeekly', unit: 'week', bucketOf: weekOf },
  { name: 'monthly', within: 'withinMonthly', unit: 'month', bucketOf: monthOf },
  { name: 'yearly', within: 'withinYearly', unit: 'year', bucketOf: (date) => date.getFullYear() },
]

/**
 * Decide on every snapshot, by those that show all that it does.
 *
 * @param snapshots - all of them, highest sequence first
 * @param options - as `decide` has it
 * @returns in the same order; of each path that a snapshot shows, at least one is kept
 * @throws {RetentionRefusedError}
 */
export function decideBySources(
  snapshots: readonly DatedSnapshot[],
  policy: RetentionPolicy,
  options: { readonly now?: number } = {},
): Decision[] {
  checkPolicy(policy)
  const groups = new Map<string, Names[]>()
  const sourcesOf = new Map<DatedSnapshot, string>()
  for (const snapshot of snapshots) {
    const { sources } = snapshot.row
    const id = sources.map(toHex).join(' ')
    sourcesOf.set(snapshot, id)
    if (!groups.has(id)) groups.set(id, sources.map(toNames))
  }
  const decisions = new Map<DatedSnapshot, Decision>()
  for (const [id, sources] of groups) {
    const covering = snapshots.filter((each) => {
      const own = groups.get(sourcesOf.get(each) ?? '') ?? []
      return covers(own, sources)
    })
    const decided = decide(covering, policy, options)
    for (const [index, snapshot] of covering.entries()) {
      const decision = decided[index]
      if (sourcesOf.get(snapshot) === id && decision) decisions.set(snapshot, decision)
    }
  }
  return snapshots.flatMap((snapshot) => decisions.get(snapshot) ?? [])
}

/**
 * Decide on every snapshot, whatever its sources.
 *
 * @param snapshots - all of them, highest sequence first
 * @param options.now - milliseconds since 1970 by the peers' clamped clocks (src/repair/ages.ts):
 *   `within` rules count from it where the newest snapshot claims to be younger
 * @returns in the same order; at least one is kept, if there are any
 * @throws {RetentionRefusedError}
 */
export function decide(
  snapshots: readonly DatedSnapshot[],
  policy: RetentionPolicy,
  options: { readonly now?: number } = {},
): Decision[] {
  checkPolicy(policy)
  const rules = verdictsOf(snapshots, policy, options.now)
  const verdicts = [...rules, partialOnes(snapshots)]
  const decisions = snapshots.map((snapshot) => decideOne(snapshot, verdicts))
  const wanted = snapshots.some((each) => rules.some((rule) => rule.get(each)?.isKept))
  if (!wanted && decisions.some(({ isKept, row }) => !isKept && row.isFinished)) {
    throw new RetentionRefusedError(
      `These rules keep none of the ${snapshots.length} snapshots${ofSources(snapshots)}, and nothing was changed: ` +
        'look at the list with `cairn snapshots`, or add --keep-last 1',
    )
  }
  return decisions
}

/** @returns what the oldest of them covers, for a message */
function ofSources(snapshots: readonly DatedSnapshot[]): string {
  const [source, ...more] = snapshots.at(-1)?.row.sources ?? []
  if (source === undefined) return ''
  const others = more.length > 0 ? ` and ${more.length} more` : ''
  return ` of ${JSON.stringify(new TextDecoder().decode(source))}${others}`
}

/** @throws {RetentionRefusedError} for a policy without any rule */
export function checkPolicy(policy: RetentionPolicy): void {
  if (isEmptyPolicy(policy)) {
    throw new RetentionRefusedError(
      'Nothing says which snapshots to keep, and nothing was changed: ' +
        'give at least one --keep option, or set [retention] in config.toml',
    )
  }
}

/** @returns whether no rule is given at all */
function isEmptyPolicy({ tags = [], ...others }: RetentionPolicy): boolean {
  return tags.length === 0 && Object.values(others).every((rule) => !rule)
}

function decideOne(snapshot: DatedSnapshot, verdicts: readonly Verdicts[]): Decision {
  const said = verdicts.flatMap((rule) => rule.get(snapshot) ?? [])
  const isWanted = said.some(({ isKept }) => isKept)
  const isKept = isWanted || snapshot.row.isPinned
  const reasons = new Set(
    said.filter((each) => each.isKept === isWanted).map(({ reason }) => reason),
  )
  if (!isWanted && isKept) reasons.clear()
  if (snapshot.row.isPinned) reasons.add('pinned')
  const { isFinished, isComplete, skipped } = snapshot.row
  if (isFinished && !isComplete) {
    reasons.add(skipped === 0 ? 'incomplete' : `incomplete, ${skipped} left out`)
  }
  return { ...snapshot, isKept, reasons: [...reasons] }
}

/** The snapshots as rules look at them: those whose backup came to its end. */
class Timeline {
  readonly all: readonly DatedSnapshot[]
  /** In the order of `all`. */
  readonly trusted: readonly DatedSnapshot[]
  /** What rules that count by the calendar go through: each list has all of the one before. */
  readonly looks: readonly (readonly DatedSnapshot[])[]
  readonly #now: number | undefined
  readonly #isTrusted: ReadonlySet<DatedSnapshot>
  /** The youngest that each may be. */
  readonly #youngest = new Map<DatedSnapshot, number>()

  constructor(all: readonly DatedSnapshot[], now: number | undefined) {
    this.all = all
    const witnessed = all.filter(({ isWitnessed }) => isWitnessed)
    this.trusted = agreeing(witnessed)
    this.looks = witnessed.length > 0 ? [this.trusted, witnessed, all] : [agreeing(all), all]
    this.#now = now
    this.#isTrusted = new Set(this.trusted)
    let younger = Infinity
    for (const snapshot of all) {
      if (this.#isTrusted.has(snapshot)) younger = snapshot.time
      this.#youngest.set(snapshot, younger)
    }
  }

  isTrusted(snapshot: DatedSnapshot): boolean {
    return this.#isTrusted.has(snapshot)
  }

  isWithin(snapshot: DatedSnapshot, duration: Duration): boolean {
    const newest = Math.min(this.trusted[0]?.time ?? Infinity, this.#now ?? Infinity)
    const youngest = this.#youngest.get(snapshot) ?? Infinity
    return newest === Infinity || youngest > before(newest, duration)
  }
}

/** @returns those whose times ascend with their sequences; the few that contradict the many are left out */
function agreeing(snapshots: readonly DatedSnapshot[]): DatedSnapshot[] {
  const oldestFirst = snapshots.toReversed()
  return inOrder(oldestFirst.map(({ time }) => time))
    .flatMap((index) => oldestFirst[index] ?? [])
    .toReversed()
}

/** @returns what each rule of the policy says */
function verdictsOf(
  snapshots: readonly DatedSnapshot[],
  policy: RetentionPolicy,
  now: number | undefined,
): Verdicts[] {
  const timeline = new Timeline(
    snapshots.filter(({ row }) => row.isFinished),
    now,
  )
  const verdicts: Verdicts[] = []
  for (const tags of policy.tags ?? []) verdicts.push(tagged(snapshots, tags))
  if (policy.within) verdicts.push(within(timeline, policy.within))
  const { last } = policy
  if (last) verdicts.push(lastOnes(timeline.all, last))
  for (const period of PERIODS) {
    const count = policy[period.name]
    if (count) verdicts.push(eachLook(timeline, (look) => counted(look, period, count)))
  }
  for (const period of PERIODS) {
    const duration = policy[period.within]
    if (duration) verdicts.push(countedWithin(timeline, period, duration))
  }
  return verdicts
}

/** @returns what any look wants; of what none wants, why the look at all snapshots does not */
function eachLook(
  { looks }: Timeline,
  rule: (snapshots: readonly DatedSnapshot[]) => Verdicts,
): Verdicts {
  const verdicts = new Map<DatedSnapshot, Verdict>()
  for (const [snapshot, verdict] of looks.flatMap((look) => [...rule(look)])) {
    if (verdicts.get(snapshot)?.isKept !== true) verdicts.set(snapshot, verdict)
  }
  return verdicts
}

/** @returns whether each of these paths is in one of those */
function covers(sources: readonly Names[], paths: readonly Names[]): boolean {
  return paths.every((path) => sources.some((source) => isWithin(source, path)))
}

/** @returns of each partial one whether a later snapshot took its place */
function partialOnes(snapshots: readonly DatedSnapshot[]): Verdicts {
  const later: { readonly sequence: number; readonly sources: readonly Names[] }[] = []
  const verdicts = new Map<DatedSnapshot, Verdict>()
  for (const snapshot of snapshots) {
    const { sequence, isFinished } = snapshot.row
    const sources = snapshot.row.sources.map(toNames)
    if (!isFinished) {
      const next = later.findLast((one) => covers(one.sources, sources))
      verdicts.set(
        snapshot,
        next === undefined
          ? kept('partial: no later snapshot covers its paths')
          : unwanted(`partial: snapshot ${next.sequence} took its place`),
      )
    }
    later.push({ sequence, sources })
  }
  return verdicts
}

function tagged(snapshots: readonly DatedSnapshot[], tags: readonly string[]): Verdicts {
  const words = tags.join(', ')
  return verdictsOn(snapshots, ({ row }) =>
    tags.every((tag) => row.tags.includes(tag))
      ? kept(`has tags ${words}`)
      : unwanted(`has not all tags ${words}`),
  )
}

function within(timeline: Timeline, duration: Duration): Verdicts {
  return verdictsOn(timeline.all, (snapshot) =>
    timeline.isWithin(snapshot, duration)
      ? kept(`within ${formatDuration(duration)}${doubt(timeline, snapshot)}`)
      : unwanted(`not within ${formatDuration(duration)}`),
  )
}

function lastOnes(snapshots: readonly DatedSnapshot[], count: number): Verdicts {
  const chosen = new Set(count === UNLIMITED ? snapshots : snapshots.slice(0, count))
  return verdictsOn(snapshots, (snapshot) =>
    chosen.has(snapshot) ? kept('last snapshot') : unwanted(`not among the last ${count}`),
  )
}

function counted(snapshots: readonly DatedSnapshot[], period: Period, count: number): Verdicts {
  let left = count === UNLIMITED ? Infinity : count
  const bucket = buckets(snapshots, period)
  return verdictsOn(snapshots, (snapshot) => {
    const said = bucket(snapshot, left > 0)
    if (said === undefined)
      return unwanted(`${period.name}: ${count} newer ${period.unit}s are kept`)
    if (said.isKept) left -= 1
    return said
  })
}

function countedWithin(timeline: Timeline, period: Period, duration: Duration): Verdicts {
  const span = formatDuration(duration)
  const bucket = buckets(timeline.trusted, period)
  return verdictsOn(timeline.all, (snapshot) => {
    const isYoung = timeline.isWithin(snapshot, duration)
    if (!isYoung) return unwanted(`${period.name}: not within ${span}`)
    if (!timeline.isTrusted(snapshot)) {
      return kept(`${period.name} within ${span}${doubt(timeline, snapshot)}`)
    }
    const { isKept, reason } = bucket(snapshot, true) ?? unwanted('')
    return isKept ? kept(`${reason.replace(/ snapshot$/, ' within')} ${span}`) : unwanted(reason)
  })
}

/**
 * One bucket after the other.
 *
 * @returns asked of each of `snapshots` in turn: whether it stands for its bucket; `undefined` if it
 *   would, but has no room
 */
function buckets(
  snapshots: readonly DatedSnapshot[],
  { name, unit, bucketOf }: Period,
): (snapshot: DatedSnapshot, hasRoom: boolean) => Verdict | undefined {
  const standing = new Map<number, number>()
  const oldest = snapshots.at(-1)
  return (snapshot, hasRoom) => {
    const bucket = bucketOf(new Date(snapshot.time))
    const sequence = standing.get(bucket)
    const isOldest = snapshot === oldest
    if (sequence === undefined && !hasRoom) return undefined
    if (sequence !== undefined && !(isOldest && hasRoom)) {
      return unwanted(`${name}: snapshot ${sequence} stands for its ${unit}`)
    }
    if (sequence === undefined) standing.set(bucket, snapshot.row.sequence)
    return kept(sequence === undefined ? `${name} snapshot` : `oldest ${name} snapshot`)
  }
}

/** @returns words to follow a reason to keep a snapshot whose time is not sure */
function doubt(timeline: Timeline, snapshot: DatedSnapshot): string {
  if (timeline.isTrusted(snapshot)) return ''
  return snapshot.isWitnessed
    ? ', on doubt: its time contradicts its place'
    : ', on doubt: too few peers witness its time'
}

function verdictsOn(
  snapshots: readonly DatedSnapshot[],
  judge: (snapshot: DatedSnapshot) => Verdict,
): Verdicts {
  return new Map(snapshots.map((snapshot) => [snapshot, judge(snapshot)]))
}

function kept(reason: string): Verdict {
  return { isKept: true, reason }
}

function unwanted(reason: string): Verdict {
  return { isKept: false, reason }
}

function hourOf(date: Date): number {
  return dayOf(date) * 100 + date.getHours()
}

function dayOf(date: Date): number {
  return monthOf(date) * 100 + date.getDate()
}

function monthOf(date: Date): number {
  return date.getFullYear() * 100 + date.getMonth()
}

/** A week belongs to the year of its Thursday (ISO 8601), so the Thursday's day stands for it. */
function weekOf(date: Date): number {
  const thursday = new Date(date.getTime())
  thursday.setDate(date.getDate() + 3 - ((date.getDay() + 6) % 7))
  return dayOf(thursday)
}
