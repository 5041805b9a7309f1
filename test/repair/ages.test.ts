import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { PeerId } from '../../src/ports/network.ts'
import {
  advance,
  ADVANCE_MAX,
  clampedNow,
  dated,
  type AgeClocks,
  type Receipt,
} from '../../src/repair/ages.ts'
import { decide } from '../../src/repair/retention.ts'
import { row } from './dated-snapshots.ts'

const DAY = 86_400_000
const YEAR = 365 * DAY
const NOON = Date.parse('2026-06-15T12:00:00Z')

const [anna, bert, carl, dora] = ['anna', 'bert', 'carl', 'dora'] as [
  PeerId,
  PeerId,
  PeerId,
  PeerId,
]

describe('a snapshot’s time', () => {
  it.each([
    ['three receipts: the one in the middle', [1, 9, 4], 7, { time: 4, isWitnessed: true }],
    ['four: the later of the middle two', [1, 9, 4, 6], 7, { time: 6, isWitnessed: true }],
    ['two of seven: the later, on doubt', [4, 1], 7, { time: 4, isWitnessed: false }],
    ['two of two: the later', [4, 1], 2, { time: 4, isWitnessed: true }],
    ['one of one', [4], 1, { time: 4, isWitnessed: true }],
    ['one of two', [4], 2, { time: 4, isWitnessed: false }],
    ['none: the laptop’s', [], 7, { time: 5, isWitnessed: false }],
    ['none where no peer is known', [], 0, { time: 5, isWitnessed: false }],
  ])('by %s', (_, times, storagePeers, expected) => {
    expect(dated([row(8, 5)], receiptsOf(times), storagePeers)).toEqual([
      { row: row(8, 5), ...expected },
    ])
  })

  it('counts each peer once', () => {
    const receipts = [1, 2, 3].map((receivedAt) => ({ peer: anna, receivedAt }))
    expect(dated([row(8, 5)], new Map([[8, receipts]]), 7)).toMatchObject([
      { time: 3, isWitnessed: false },
    ])
  })

  it('lies within what honest peers say, while liars are fewer', () => {
    const times = fc.array(fc.integer({ min: NOON, max: NOON + DAY }), {
      minLength: 2,
      maxLength: 9,
    })
    fc.assert(
      fc.property(times, fc.array(fc.integer(), { maxLength: 8 }), (honest, lies) => {
        fc.pre(honest.length > lies.length && honest.length + lies.length >= 3)
        const [snapshot] = dated([row(8, 0)], receiptsOf([...honest, ...lies]), 20)
        expect(snapshot?.time).toBeGreaterThanOrEqual(Math.min(...honest))
        expect(snapshot?.time).toBeLessThanOrEqual(Math.max(...honest))
      }),
    )
  })
})

describe('a clamped clock', () => {
  it('starts as the peer’s, advances with it, two days at most, and never goes back', () => {
    let clocks = advance({}, anna, NOON)
    clocks = advance(clocks, anna, NOON + DAY)
    expect(clocks[anna]).toEqual({ last: NOON + DAY, age: NOON + DAY })
    clocks = advance(clocks, anna, NOON + YEAR)
    expect(clocks[anna]?.age).toBe(NOON + DAY + ADVANCE_MAX)
    clocks = advance(clocks, anna, NOON)
    clocks = advance(clocks, anna, NOON + 1)
    expect(clocks[anna]).toEqual({ last: NOON + 1, age: NOON + DAY + ADVANCE_MAX + 1 })
  })

  it('is the median of many and the earlier of two', () => {
    const ages = (...times: number[]): AgeClocks =>
      [anna, bert, carl, dora]
        .slice(0, times.length)
        .reduce((clocks, peer, index) => advance(clocks, peer, times[index] ?? 0), {})
    expect(clampedNow({})).toBeUndefined()
    expect(clampedNow(ages(5))).toBe(5)
    expect(clampedNow(ages(5, 3))).toBe(3)
    expect(clampedNow(ages(5, 3, 9))).toBe(5)
    expect(clampedNow(ages(5, 3, 9, 8))).toBe(5)
  })
})

describe('a clock that jumps by a year', () => {
  // A year of backups at odd times; at some moment one clock jumps, and perhaps jumps back later. A
  // single peer is believed where nobody else is there to say otherwise.
  const story = fc.record({
    peers: fc.integer({ min: 2, max: 7 }),
    gaps: fc.array(fc.integer({ min: 1, max: 20 * DAY }), { minLength: 2, maxLength: 40 }),
    jump: fc.constantFrom(-YEAR, YEAR),
    jumpAt: fc.nat(40),
    backAt: fc.nat(60),
    keepDays: fc.integer({ min: 3, max: 200 }),
  })

  it.each([['at one peer'], ['at the client']])(
    '%s makes nothing older by more than two days',
    (where) => {
      fc.assert(
        fc.property(story, ({ peers, gaps, jump, jumpAt, backAt, keepDays }) => {
          const receipts = new Map<number, Receipt[]>()
          let clocks: AgeClocks = {}
          let now = NOON
          const rows = gaps.map((gap, index) => {
            now += gap
            const lie = index >= jumpAt && (backAt <= jumpAt || index < backAt) ? jump : 0
            const given = names(peers).map((peer, at) => {
              const receivedAt = now + at * 1000 + (at === 0 && where === 'at one peer' ? lie : 0)
              clocks = advance(clocks, peer, receivedAt)
              return { peer, receivedAt }
            })
            receipts.set(index + 1, given)
            return row(index + 1, where === 'at the client' ? now + lie : now)
          })
          const reckoned = clampedNow(clocks)
          const decisions = decide(
            dated(rows.toReversed(), receipts, peers),
            { within: { years: 0, months: 0, days: keepDays, hours: 0 } },
            reckoned === undefined ? {} : { now: reckoned },
          )
          const ages = agesBefore(gaps)
          for (const { row: each, isKept } of decisions) {
            const age = ages[each.sequence - 1] ?? 0
            // An hour for daylight saving.
            if (age < (keepDays - 2) * DAY - 3_600_000) expect(isKept).toBe(true)
          }
        }),
      )
    },
  )
})

function names(count: number): PeerId[] {
  return Array.from({ length: count }, (_, index) => `peer ${index}` as PeerId)
}

/** @returns receipts of snapshot 8, each by another peer */
function receiptsOf(times: readonly number[]): Map<number, Receipt[]> {
  return new Map([
    [8, times.map((receivedAt, index) => ({ peer: `peer ${index}` as PeerId, receivedAt }))],
  ])
}

/** @returns how long before the last moment each one was */
function agesBefore(gaps: readonly number[]): number[] {
  return gaps.map((_, index) => gaps.slice(index + 1).reduce((sum, gap) => sum + gap, 0))
}
