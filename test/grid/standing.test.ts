import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { afterLook, afterWords, newRecord, type PeerRecord } from '../../src/base/peer-record.ts'
import {
  countsAsHeld,
  GIVE_UP_LAPTOP_MS,
  GIVE_UP_NAS_MS,
  giveUpMs,
  givesNothing,
  holdersThatCount,
  isSeenLately,
  mayBeVouchedFor,
  mayTakeShares,
  patienceMs,
  standingOf,
  VACATION_MS_MAX,
  type HolderFacts,
  type Standing,
} from '../../src/grid/standing.ts'
import type { PeerId } from '../../src/ports/network.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 1)
const STANDINGS: readonly Standing[] = ['here', 'quiet', 'vacation', 'leaving', 'gone', 'untrusted']

describe('a standing', () => {
  it('is here, quiet after a day, and gone after three weeks of a laptop', () => {
    expect(standingOf(undefined, {}, START)).toBe('here')
    const at = (silentMs: number) => standingOf(silent(silentMs), {}, START)
    expect([0, DAY - 1, DAY, 20 * DAY, 21 * DAY].map(at)).toEqual([
      'here',
      'here',
      'quiet',
      'quiet',
      'gone',
    ])
  })

  it('is gone after two weeks where the machine was always on', () => {
    const nas = (silentMs: number) => ({ ...silent(silentMs), ...watched(0.93, 30) })
    expect(standingOf(nas(14 * DAY), {}, START)).toBe('gone')
    expect(standingOf(nas(14 * DAY - 1), {}, START)).toBe('quiet')
    const shortly = { ...silent(14 * DAY), ...watched(1, 13) }
    expect(standingOf(shortly, {}, START), 'watched for less than two weeks').toBe('quiet')
    const often = { ...silent(14 * DAY), ...watched(0.89, 30) }
    expect(standingOf(often, {}, START), 'on for less than nine tenths').toBe('quiet')
  })

  it('waits while others hear the peer, for three months', () => {
    const heard = (silentMs: number) => afterWords(silent(silentMs), HOUR)
    expect(standingOf(heard(80 * DAY), {}, START)).toBe('quiet')
    expect(standingOf(heard(90 * DAY), {}, START)).toBe('gone')
    expect(mayBeVouchedFor(silent(80 * DAY))).toBe(true)
    expect(mayBeVouchedFor(heard(90 * DAY)), 'nobody is asked any more').toBe(false)
    expect(mayBeVouchedFor(silent(HOUR)), 'nobody is asked yet').toBe(false)
  })

  it('is a vacation while the peer said so, whatever the clocks say', () => {
    const until = (awayUntil: number) => standingOf(silent(25 * DAY), { awayUntil }, START)
    expect(until(START + 1)).toBe('vacation')
    expect(until(START)).toBe('gone')
    const long = { ...silent(DAY), seenAt: START - VACATION_MS_MAX }
    expect(standingOf(long, { awayUntil: START + 10_000 * DAY }, START)).toBe('quiet')
  })

  it('is leaving once the peer said so, and gone when it went', () => {
    expect(standingOf(undefined, { isLeaving: true }, START)).toBe('leaving')
    expect(standingOf(silent(21 * DAY), { isLeaving: true }, START)).toBe('gone')
  })

  it('is untrusted for a month after the first of two failed audits', () => {
    const failed = (before: number) =>
      standingOf({ ...silent(0), failedAt: START, failedBeforeAt: before }, {}, START)
    expect(failed(START - 29 * DAY)).toBe('untrusted')
    expect(failed(START - 30 * DAY)).toBe('here')
    expect(standingOf({ ...silent(0), failedAt: START }, {}, START), 'once is a bad disk').toBe(
      'here',
    )
  })

  it('says who takes shares, and whose count', () => {
    expect(STANDINGS.filter(mayTakeShares)).toEqual(['here'])
    expect(STANDINGS.filter((standing) => !countsAsHeld(standing))).toEqual(['leaving', 'gone'])
  })

  it('tells how much more silence is allowed', () => {
    expect(patienceMs(undefined)).toBe(GIVE_UP_LAPTOP_MS)
    expect(patienceMs(silent(20 * DAY))).toBe(DAY)
    expect(patienceMs(silent(30 * DAY))).toBe(0)
    expect(patienceMs(afterWords(silent(80 * DAY), 0))).toBe(10 * DAY)
  })
})

describe('a year of a friend', () => {
  const rows = readFileSync(new URL('../oracles/false_repairs.csv', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .slice(1)
    .map((row) => row.split(','))
    .filter(([, , , lifetime]) => lifetime === '1.0')

  it('has as many silences beyond each clock as the oracle has false repairs', () => {
    const longest = { laptop: silences(yearOf('laptop')), nas: silences(yearOf('nas')) }
    expect(rows).toHaveLength(16)
    for (const [kind = '', timeout = '', expected] of rows) {
      // Spells of 7 days and a clock of 7 days: which comes first is up to the hour.
      if (kind === 'laptop' && timeout === '7d') continue
      const spells = longest[kind as keyof typeof longest]
      const beyond = spells.filter((ms) => ms >= millis(timeout))
      expect(beyond.length, `${kind} ${timeout}`).toBe(Number(expected))
    }
  })

  it('gives up neither a laptop nor a machine that is always on', () => {
    for (const kind of ['laptop', 'nas'] as const) {
      const records = watch(yearOf(kind), () => HOUR)
      expect(records.map((record) => standingOf(record, {}, record.lookedAt))).not.toContain('gone')
    }
    const nas = watch(yearOf('nas'), () => HOUR).at(-1)
    expect(giveUpMs(nas)).toBe(GIVE_UP_NAS_MS)
    const laptop = watch(yearOf('laptop'), () => HOUR).at(-1)
    expect(giveUpMs(laptop)).toBe(GIVE_UP_LAPTOP_MS)
  })

  it('gives up no laptop whose hours we miss, where others hear it', () => {
    let [alone, told] = [newRecord(PEER, START), newRecord(PEER, START)]
    for (let day = 1; day <= 60; day += 1) {
      const look = { now: START + day * DAY, isHeard: false }
      alone = afterLook(alone, look)
      told = afterWords(afterLook(told, look), 8 * HOUR)
      const standings = [alone, told].map((record) => standingOf(record, {}, record.lookedAt))
      expect(standings).toEqual([day < 21 ? 'quiet' : 'gone', 'quiet'])
    }
  })
})

describe('the shares of a pack', () => {
  const code = { needed: 3, total: 8 } // H = 5

  it('count where their holders do', () => {
    const facts = factsBy([
      'here',
      'quiet',
      'vacation',
      'untrusted',
      'here',
      'here',
      'leaving',
      'gone',
    ])
    const counted = holdersThatCount(code, oneEach(8), facts)
    expect([...counted.keys()]).toEqual([0, 1, 2, 3, 4, 5])
  })

  it('do not wait for the silent where fewer than H were seen in three days', () => {
    const silentFrom = (first: number) => (peer: PeerId) => ({
      standing: 'quiet' as const,
      isSeenLately: Number(peer) < first,
    })
    expect(holdersThatCount(code, oneEach(8), silentFrom(5)).size).toBe(8)
    expect([...holdersThatCount(code, oneEach(8), silentFrom(4)).keys()]).toEqual([0, 1, 2, 3])
  })

  it('do not wait for the silent where one peer says that it has all', () => {
    const facts = (peer: PeerId) => ({ standing: 'quiet', isSeenLately: Number(peer) < 4 }) as const
    const holders = new Map(
      [...oneEach(8)].map(([share, peers]) => [share, [...new Set(['0' as PeerId, ...peers])]]),
    )
    const seen = [...holdersThatCount(code, holders, facts).values()].flat()
    expect(new Set(seen)).toEqual(new Set(['0', '1', '2', '3']))
  })

  it('count nowhere where a peer answers and gives nothing good for a week', () => {
    const record = { ...newRecord(PEER, START), nothingMs: 7 * DAY - 1, nothingAt: START }
    expect([givesNothing(record, START), standingOf(record, {}, START)]).toEqual([false, 'here'])
    const empty = { ...record, nothingMs: 7 * DAY }
    expect([givesNothing(empty, START), standingOf(empty, {}, START)]).toEqual([true, 'untrusted'])
    expect(givesNothing(empty, START + 30 * DAY)).toBe(false)
    const facts = (peer: PeerId) =>
      ({ standing: 'here', isSeenLately: true, givesNothing: Number(peer) < 2 }) as const
    expect([...holdersThatCount(code, oneEach(8), facts).keys()]).toEqual([2, 3, 4, 5, 6, 7])
  })

  it('count at any of several holders', () => {
    const holders = new Map([[0, ['0', '7'] as PeerId[]]])
    const facts = factsBy(['here', 'here', 'here', 'here', 'here', 'here', 'here', 'gone'])
    expect(holdersThatCount({ needed: 1, total: 1 }, holders, facts)).toEqual(new Map([[0, ['0']]]))
  })

  it('are seen lately until three days of silence are counted', () => {
    expect([0, 3 * DAY - 1, 3 * DAY].map((ms) => isSeenLately(silent(ms)))).toEqual([
      true,
      true,
      false,
    ])
  })
})

const PEER = 'peer' as PeerId

function silent(silentMs: number): PeerRecord {
  const seenAt = START - silentMs
  return { ...newRecord(PEER, seenAt), seenAt, silentMs, unheardMs: silentMs }
}

function watched(share: number, days: number): Pick<PeerRecord, 'watchedMs' | 'onlineMs'> {
  return { watchedMs: days * DAY, onlineMs: share * days * DAY }
}

function oneEach(count: number): Map<number, PeerId[]> {
  return new Map(Array.from({ length: count }, (_, at) => [at, [String(at) as PeerId]]))
}

function factsBy(standings: readonly Standing[]): (peer: PeerId) => HolderFacts {
  return (peer) => ({ standing: standings[Number(peer)] ?? 'gone', isSeenLately: true })
}

interface Spell {
  readonly isOn: boolean
  readonly hours: number
}

/** The oracle's year of absences, in hours, in an order that spreads the long ones. */
function yearOf(kind: 'laptop' | 'nas'): Spell[] {
  const model: Record<typeof kind, readonly (readonly [number, number])[]> = {
    laptop: [
      [250, 14],
      [50, 62],
      [4, 168],
      [2, 384],
    ],
    nas: [
      [12, 6],
      [4, 48],
      [1, 240],
    ],
  }
  const off = model[kind].flatMap(([count, hours]) =>
    Array.from({ length: count }, (_, at) => ({ hours, at: (at + 0.5) / count })),
  )
  const spells = off.toSorted((a, b) => a.at - b.at)
  const offHours = spells.reduce((sum, { hours }) => sum + hours, 0)
  const onHours = (8760 - offHours) / (spells.length + 1)
  return [
    { isOn: true, hours: onHours },
    ...spells.flatMap(({ hours }) => [
      { isOn: false, hours },
      { isOn: true, hours: onHours },
    ]),
  ]
}

/** @returns the record after each look; somebody else always answers */
function watch(year: readonly Spell[], gap: () => number): PeerRecord[] {
  const records: PeerRecord[] = []
  let record = newRecord(PEER, START)
  let [now, from] = [START, START]
  for (const { isOn, hours } of year) {
    const until = from + hours * HOUR
    for (; now < until; now += gap()) {
      record = afterLook(record, { now, isHeard: isOn })
      records.push(record)
    }
    from = until
  }
  return records
}

/** @returns the length of each silence, as it was counted with a look every hour */
function silences(year: readonly Spell[]): number[] {
  const records = watch(year, () => HOUR)
  return records.flatMap(({ silentMs }, at) => {
    const isLast = (records[at + 1]?.silentMs ?? 0) === 0
    return silentMs > 0 && isLast ? [silentMs] : []
  })
}

function millis(timeout: string): number {
  return Number.parseInt(timeout, 10) * (timeout.endsWith('h') ? HOUR : DAY)
}
