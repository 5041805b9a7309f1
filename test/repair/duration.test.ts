import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { before, formatDuration, parseDuration } from '../../src/repair/duration.ts'

describe('durations', () => {
  it.each([
    ['9h', '9h'],
    ['4d2h', '4d2h'],
    ['5d7m', '7m5d'],
    ['4h3d9m', '9m3d4h'],
    ['1y5m7d2h', '1y5m7d2h'],
    ['0y7d', '7d'],
  ])('%s is read, and written %s', (text, written) => {
    const duration = parseDuration(text)
    expect(duration && formatDuration(duration)).toBe(written)
  })

  it.each([
    '',
    '2w',
    '1y4m3w1d',
    's',
    '7',
    'd',
    '-7m5d',
    '1d1d',
    '0d',
    ' 1d',
    '1.5d',
    '9999999d',
    '߀d',
  ])('%j is none', (text) => expect(parseDuration(text)).toBeUndefined())

  it('come back as they were written', () => {
    const count = fc.nat(999_999)
    const duration = fc.record({ years: count, months: count, days: count, hours: count })
    fc.assert(
      fc.property(duration, (each) => {
        fc.pre(Object.values(each).some((value) => value > 0))
        expect(parseDuration(formatDuration(each))).toEqual(each)
      }),
    )
  })

  it.each([
    ['2025-01-01T00:00:00', '1m', '2024-12-01T00:00:00'],
    ['2025-01-01T00:00:00', '2m', '2024-11-01T00:00:00'],
    ['2025-01-01T00:00:00', '1y', '2024-01-01T00:00:00'],
    ['2025-01-01T00:00:00', '1d1h', '2024-12-30T23:00:00'],
    ['2025-03-31T12:00:00', '1m', '2025-03-03T12:00:00'],
    ['0005-03-31T12:00:00', '3y', '0002-03-31T12:00:00'],
  ])('%s less %s is %s', (time, text, earlier) => {
    const duration = parseDuration(text)
    expect(duration && before(Date.parse(time), duration)).toBe(Date.parse(earlier))
  })

  it('reach before every calendar', () => {
    expect(before(0, { years: 999_999, months: 0, days: 0, hours: 0 })).toBe(-Infinity)
  })
})
