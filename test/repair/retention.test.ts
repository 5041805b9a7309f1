import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Duration } from '../../src/repair/duration.ts'
import {
  decide,
  decideBySources,
  RetentionRefusedError,
  UNLIMITED,
  type DatedSnapshot,
  type RetentionPolicy,
} from '../../src/repair/retention.ts'
import { unwitnessed, witnessed } from './dated-snapshots.ts'
import { CASES, SNAPSHOTS } from './restic-retention.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const YEAR = 365 * DAY
const NOON = Date.parse('2026-06-15T12:00:00Z')

const timeZone = process.env['TZ']
beforeAll(() => {
  process.env['TZ'] = 'UTC'
})
afterAll(() => {
  if (timeZone === undefined) delete process.env['TZ']
  else process.env['TZ'] = timeZone
})

describe('retention', () => {
  it.each(CASES)('keeps with %j what restic keeps', (policy, kept) => {
    const decisions = decide(resticSnapshots(), policy)
    const indices = decisions.flatMap(({ isKept }, index) => (isKept ? [index] : []))
    expect(indices).toEqual(spread(kept))
  })

  it('says why, for every snapshot', () => {
    const snapshots = [
      witnessed(5, NOON, { tags: ['a', 'b'] }),
      witnessed(4, NOON - HOUR, { isComplete: false, skipped: 3 }),
      witnessed(3, NOON - DAY),
      witnessed(2, NOON - 2 * DAY, { isPinned: true }),
      witnessed(1, NOON - 400 * DAY),
    ]
    const policy = { daily: 2, yearly: 9, within: days(1), tags: [['a', 'b']] }
    expect(decide(snapshots, policy).map(({ isKept, reasons }) => [isKept, ...reasons])).toEqual([
      [true, 'has tags a, b', 'within 1d', 'daily snapshot', 'yearly snapshot'],
      [true, 'within 1d', 'incomplete, 3 left out'],
      [true, 'daily snapshot'],
      [true, 'pinned'],
      [true, 'yearly snapshot'],
    ])
    const [, second, third] = decide(snapshots, { daily: 1, within: { ...days(0), hours: 1 } })
    expect(second).toMatchObject({
      isKept: false,
      reasons: ['not within 1h', 'daily: snapshot 5 stands for its day', 'incomplete, 3 left out'],
    })
    expect(third?.reasons).toEqual(['not within 1h', 'daily: 1 newer days are kept'])
  })

  it('goes by the local calendar, hours that daylight saving repeats or leaves out included', () => {
    process.env['TZ'] = 'Europe/Berlin'
    try {
      // 23:30 and 00:30 local time: two days here, one day in UTC.
      const night = [
        witnessed(2, Date.parse('2026-06-15T22:30:00Z')),
        witnessed(1, Date.parse('2026-06-15T21:30:00Z')),
      ]
      expect(keptOf(night, { daily: UNLIMITED })).toEqual([2, 1])
      // 02:30 summer time and, an hour later, 02:30 winter time.
      const autumn = [1, 0, -1].map((hour, index) =>
        witnessed(3 - index, Date.parse('2026-10-25T00:30:00Z') + hour * HOUR),
      )
      expect(keptOf(autumn, { hourly: 2 })).toEqual([3, 1])
    } finally {
      process.env['TZ'] = 'UTC'
    }
  })

  it('counts weeks as ISO 8601 does: 28 December 2026 to 3 January 2027 are one', () => {
    const snapshots = ['2027-01-04', '2027-01-03', '2026-12-28', '2026-12-27'].map((day, index) =>
      witnessed(4 - index, Date.parse(`${day}T12:00:00Z`)),
    )
    expect(keptOf(snapshots, { weekly: 3 })).toEqual([4, 3, 1])
  })

  it.each([[{}], [{ last: 0 }], [{ tags: [] }]])('refuses %j, which says nothing', (policy) => {
    expect(() => decide([witnessed(1, NOON)], policy)).toThrow(RetentionRefusedError)
  })

  it('refuses to remove everything, and everything that is not pinned', () => {
    const policy = { tags: [['no such']] }
    expect(() => decide([witnessed(1, NOON)], policy)).toThrow('--keep-last 1')
    const mixed = [witnessed(2, NOON), witnessed(1, NOON, { isPinned: true })]
    expect(() => decide(mixed, policy)).toThrow(RetentionRefusedError)
    expect(decide([], policy)).toEqual([])
  })

  it('keeps at least one', () => {
    fc.assert(
      fc.property(histories, policies, (snapshots, policy) => {
        expect(keptOf(snapshots, policy).length).toBeGreaterThan(0)
      }),
    )
  })

  it('keeps no less when a policy is more generous', () => {
    fc.assert(
      fc.property(histories, policies, policies, (snapshots, policy, more) => {
        const generous = keptOf(snapshots, sum(policy, more))
        expect(generous).toEqual(expect.arrayContaining(keptOf(snapshots, policy)))
      }),
    )
  })

  it('is the same for a pinned snapshot’s neighbours', () => {
    fc.assert(
      fc.property(histories, policies, fc.nat(), (snapshots, policy, at) => {
        const pin = at % snapshots.length
        const pinned = snapshots.map((each, index) => ({
          ...each,
          row: { ...each.row, isPinned: index === pin },
        }))
        const expected = new Set([...keptOf(snapshots, policy), pinned[pin]?.row.sequence])
        expect(new Set(keptOf(pinned, policy))).toEqual(expected)
      }),
    )
  })
})

describe('partial snapshots', () => {
  const home = { sources: [bytes('/home')] }
  const partial = { isComplete: false, isFinished: false }

  it('go once a later snapshot covers what they do, and until then the newest stays', () => {
    const snapshots = [
      witnessed(6, NOON, { ...partial, sources: [bytes('/home/ann')] }),
      witnessed(5, NOON - HOUR, { sources: [bytes('/etc'), bytes('/home/ben')] }),
      witnessed(4, NOON - 2 * HOUR, { ...partial, ...home }),
      witnessed(3, NOON - 3 * HOUR, { ...partial, sources: [bytes('/home/ben')] }),
      witnessed(2, NOON - 4 * HOUR, { ...partial, ...home, skipped: 1 }),
      witnessed(1, NOON - DAY, home),
    ]
    const said = decide(snapshots, { daily: 1, within: days(9) })
    expect(said.map(({ isKept, reasons }) => [isKept, ...reasons])).toEqual([
      [true, 'partial: no later snapshot covers its paths'],
      [true, 'within 9d', 'daily snapshot'],
      [true, 'partial: no later snapshot covers its paths'],
      [false, 'partial: snapshot 4 took its place'],
      [false, 'partial: snapshot 4 took its place'],
      [true, 'within 9d'],
    ])
  })

  it('give way to one that came to its end, though it left something out', () => {
    const snapshots = [
      witnessed(2, NOON, { ...home, isComplete: false, skipped: 1 }),
      witnessed(1, NOON - HOUR, { ...partial, ...home }),
    ]
    expect(keptOf(snapshots, { last: 5 })).toEqual([2])
  })

  it('stay where they are pinned, and where a tag is to be kept', () => {
    const snapshots = [
      witnessed(4, NOON, home),
      witnessed(3, NOON - HOUR, { ...partial, ...home, isPinned: true }),
      witnessed(2, NOON - 2 * HOUR, { ...partial, ...home, tags: ['a'] }),
      witnessed(1, NOON - 3 * HOUR, { ...partial, ...home }),
    ]
    expect(keptOf(snapshots, { last: 1, tags: [['a']] })).toEqual([4, 3, 2])
    expect(keptOf(snapshots, { last: 1 })).toEqual([4, 3])
  })

  it('are no reason to let the others go', () => {
    const snapshots = [witnessed(2, NOON, { ...partial, ...home }), witnessed(1, NOON - DAY, home)]
    expect(() => decide(snapshots, { tags: [['no such']] })).toThrow(RetentionRefusedError)
    const [only] = snapshots.slice(0, 1)
    expect(keptOf([only!], { last: 1 })).toEqual([2])
  })

  it('change nothing for those that are not', () => {
    fc.assert(
      fc.property(histories, policies, fc.infiniteStream(fc.boolean()), (all, policy, chance) => {
        const mixed = all.map((each) =>
          chance.next().value ? each : { ...each, row: { ...each.row, ...partial, ...home } },
        )
        const finished = mixed.filter(({ row }) => row.isFinished)
        fc.pre(finished.length > 0)
        const kept = new Set(keptOf(mixed, policy))
        const expected = keptOf(finished, policy)
        expect(finished.map(({ row }) => row.sequence).filter((each) => kept.has(each))).toEqual(
          expected,
        )
      }),
    )
  })
})

describe('forged times', () => {
  it('L06: of the laptop change nothing where peers witness', () => {
    fc.assert(
      fc.property(
        histories,
        policies,
        fc.infiniteStream(fc.integer()),
        (snapshots, policy, lies) => {
          const forged = snapshots.map((each) => {
            if (!each.isWitnessed) return each
            const time = lies.next().value
            return { ...each, row: { ...each.row, startedAt: time, endedAt: time } }
          })
          expect(keptOf(forged, policy)).toEqual(keptOf(snapshots, policy))
        },
      ),
    )
  })

  it('L06: change nothing about the last ones', () => {
    fc.assert(
      fc.property(histories, fc.integer({ min: 1, max: 9 }), (snapshots, last) => {
        const sequences = snapshots.map(({ row }) => row.sequence)
        expect(keptOf(snapshots, { last })).toEqual(sequences.slice(0, last))
      }),
    )
  })

  it('of snapshots that nobody witnesses take the place of none that is witnessed', () => {
    fc.assert(
      fc.property(histories, policies, (snapshots, policy) => {
        const real = snapshots.filter(({ isWitnessed }) => isWitnessed)
        // The last ones are the last by number: times have no part in that.
        const { last: _, ...byTime } = policy
        fc.pre(real.length > 0 && Object.keys(byTime).length > 0)
        expect(keptOf(snapshots, byTime)).toEqual(expect.arrayContaining(keptOf(real, byTime)))
      }),
    )
  })

  it.each([
    ['into the future', 10 * YEAR],
    ['into the past', -10 * YEAR],
  ])('%s push no real snapshot out, even if peers witness them', (_, jump) => {
    const real = Array.from({ length: 20 }, (_each, index) =>
      witnessed(40 - 2 * index, NOON - index * DAY),
    )
    const forged = [35, 21, 9].map((sequence) => witnessed(sequence, NOON + jump + sequence * DAY))
    const all = [...real, ...forged].toSorted((a, b) => b.row.sequence - a.row.sequence)
    for (const policy of [
      { daily: 7 },
      { weekly: 3, within: days(3) },
      { withinDaily: days(12) },
    ]) {
      expect(keptOf(all, policy)).toEqual(expect.arrayContaining(keptOf(real, policy)))
    }
  })

  it('keep what is in doubt by the rules on age, as long as its next witnessed neighbour', () => {
    const snapshots = [
      witnessed(5, NOON),
      unwitnessed(4, NOON - 5 * YEAR),
      witnessed(3, NOON - 2 * DAY),
      unwitnessed(2, NOON + 5 * YEAR),
      witnessed(1, NOON - 9 * DAY),
    ]
    expect(keptOf(snapshots, { within: days(1) })).toEqual([5, 4])
    expect(keptOf(snapshots, { withinDaily: days(3) })).toEqual([5, 4, 3, 2])
    const [, doubtful] = decide(snapshots, { within: days(1) })
    expect(doubtful?.reasons).toEqual(['within 1d, on doubt: too few peers witness its time'])
  })

  it('keep everything by the rules on age where nobody witnesses anything', () => {
    const snapshots = [unwitnessed(2, NOON + YEAR), unwitnessed(1, NOON)]
    expect(keptOf(snapshots, { within: days(1) })).toEqual([2, 1])
    expect(keptOf(snapshots, { daily: 1 })).toEqual([2])
  })

  it('of the newest do not count where the peers’ clamped clocks are behind it', () => {
    const snapshots = [witnessed(2, NOON + YEAR), witnessed(1, NOON)]
    const decisions = decide(snapshots, { within: days(3) }, { now: NOON + 2 * DAY })
    expect(decisions.map(({ isKept }) => isKept)).toEqual([true, true])
  })
})

describe('retention with several sources', () => {
  it('keeps as many of each as the rules say, however often others are backed up', () => {
    const snapshots = backedUp('docs docs photos docs docs photos', { isOneDay: true })
    expect(keptBySources(snapshots, { last: 2 })).toEqual([6, 5, 4, 3])
    expect(keptBySources(snapshots, { daily: 1 })).toEqual([6, 5])
    expect(keptOf(snapshots, { last: 2 })).toEqual([6, 5])
  })

  it('lets a snapshot go for one that covers all of its paths, and never the other way about', () => {
    const snapshots = backedUp('home/anna home home/anna home docs home,docs')
    expect(keptBySources(snapshots, { last: 1 })).toEqual([6])
    expect(keptBySources(snapshots.slice(1), { last: 1 })).toEqual([5, 4])
    expect(keptBySources(snapshots.slice(3), { last: 1 })).toEqual([3, 2])
  })

  it('refuses to let the last of a path go', () => {
    const [photos, docs] = backedUp('docs photos')
    const tagged = { ...docs!, row: { ...docs!.row, tags: ['a'] } }
    const refused = () => decideBySources([photos!, tagged], { tags: [['a']] })
    expect(refused).toThrow(RetentionRefusedError)
    expect(refused).toThrow('none of the 1 snapshots of "/photos"')
  })

  it('leaves every path that any snapshot showed in one that is kept', () => {
    const words = fc.constantFrom('docs', 'photos', 'docs/a', 'docs,photos', 'docs/a,photos/b')
    fc.assert(
      fc.property(fc.array(words, { minLength: 1, maxLength: 12 }), policies, (all, policy) => {
        const snapshots = backedUp(all.join(' '))
        const kept = keptBySources(snapshots, policy)
        const shown = snapshots
          .filter(({ row }) => kept.includes(row.sequence))
          .flatMap(({ row }) => row.sources.map(String))
        const text = shown.map((each) => Buffer.from(each.split(',').map(Number)).toString())
        for (const source of new Set(all.flatMap((each) => each.split(',')))) {
          expect(text.some((above) => `/${source}/`.startsWith(`${above}/`))).toBe(true)
        }
      }),
    )
  })
})

/** Newest first; each word is the sources of one, `a,b` both. */
function backedUp(words: string, { isOneDay = false } = {}): DatedSnapshot[] {
  return words
    .split(' ')
    .map((sources, index) => {
      const one = witnessed(index + 1, NOON + index * (isOneDay ? HOUR : DAY))
      const paths = sources.split(',').map((source) => new TextEncoder().encode(`/${source}`))
      return { ...one, row: { ...one.row, sources: paths } }
    })
    .toReversed()
}

function keptBySources(snapshots: readonly DatedSnapshot[], policy: RetentionPolicy): number[] {
  return decideBySources(snapshots, policy).flatMap(({ isKept, row }) =>
    isKept ? [row.sequence] : [],
  )
}

/** Snapshots some of which nobody witnesses, at times that mostly ascend. */
const histories: fc.Arbitrary<DatedSnapshot[]> = fc
  .array(
    fc.record({
      step: fc.integer({ min: 0, max: 40 * DAY }),
      lie: fc.option(fc.integer({ min: -2 * YEAR, max: 2 * YEAR }), { freq: 4 }),
      isWitnessed: fc.boolean(),
      tags: fc.subarray(['a', 'b']),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((steps) => {
    let now = NOON
    return steps
      .map(({ step, lie, isWitnessed, tags }, index) => {
        now += step
        return { ...witnessed(index + 1, now + (lie ?? 0), { tags }), isWitnessed }
      })
      .toReversed()
  })

/** Each with at least one rule that something always meets. */
const policies: fc.Arbitrary<RetentionPolicy> = fc
  .record(
    {
      last: fc.nat(4),
      hourly: fc.nat(4),
      daily: fc.nat(4),
      weekly: fc.nat(4),
      monthly: fc.nat(4),
      yearly: fc.nat(4),
      within: fc.nat(60).map(days),
      withinHourly: fc.nat(60).map(days),
      withinDaily: fc.nat(60).map(days),
      withinWeekly: fc.nat(60).map(days),
      withinMonthly: fc.nat(60).map(days),
      withinYearly: fc.nat(60).map(days),
    },
    { requiredKeys: [] },
  )
  .map(withoutZeros)
  .filter((policy) => Object.keys(policy).length > 0)

function withoutZeros(policy: RetentionPolicy): RetentionPolicy {
  const rules = Object.entries(policy as Record<string, number | Duration>)
  return Object.fromEntries(
    rules.filter(([, rule]) => (typeof rule === 'number' ? rule > 0 : rule.days > 0)),
  )
}

/** @returns a policy with both counts and both durations of each rule together */
function sum(a: RetentionPolicy, b: RetentionPolicy): RetentionPolicy {
  const rules: Record<string, number | Duration> = { ...(a as object) }
  for (const [name, rule] of Object.entries(b as Record<string, number | Duration>)) {
    const other = rules[name]
    if (other === undefined) rules[name] = rule
    else if (typeof rule === 'number') rules[name] = rule + (other as number)
    else rules[name] = days(rule.days + (other as Duration).days)
  }
  return rules
}

function bytes(path: string): Uint8Array {
  return Buffer.from(path)
}

function days(count: number): Duration {
  return { years: 0, months: 0, days: count, hours: 0 }
}

function keptOf(snapshots: readonly DatedSnapshot[], policy: RetentionPolicy): number[] {
  return decide(snapshots, policy).flatMap(({ isKept, row }) => (isKept ? [row.sequence] : []))
}

function resticSnapshots(): DatedSnapshot[] {
  return SNAPSHOTS.map((text, index) => {
    const [day, time, ...tags] = text.split(' ')
    const at = Date.parse(`${day}T${time}Z`)
    return witnessed(SNAPSHOTS.length - index, at, { tags: tags.map((tag) => tag.slice(1)) })
  })
}

/** @returns `[0, 1, 3]` for `0-1 3` */
function spread(ranges: string): number[] {
  return ranges.split(' ').flatMap((range) => {
    const [from = 0, to = from] = range.split('-').map(Number)
    return Array.from({ length: to - from + 1 }, (_, index) => from + index)
  })
}
