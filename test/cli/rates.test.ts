import { describe, expect, it } from 'vitest'
import { parseRates, rateAt, RATE_MIN, ratesOption } from '../../src/cli/rates.ts'

const at = (time: string): Date => new Date(`2026-03-04T${time}:00`)

function rate(text: string, time: string): number | undefined {
  return rateAt(parseRates(text)!, at(time))
}

describe('a rate', () => {
  it('holds all day, or within its hours', () => {
    expect(rate('500kB', '03:00')).toBe(500_000)
    expect(rate('1MiB/s', '03:00')).toBe(1_048_576)
    const office = '08:00-18:00 500kB, 18:00-23:30 2MB'
    expect(
      ['07:59', '08:00', '17:59', '18:00', '23:29', '23:30'].map((one) => rate(office, one)),
    ).toEqual([undefined, 500_000, 500_000, 2_000_000, 2_000_000, undefined])
  })

  it('may go over midnight, and the slowest of several holds', () => {
    expect(rate('22:00-06:00 1MB', '23:00')).toBe(1_000_000)
    expect(rate('22:00-06:00 1MB', '05:59')).toBe(1_000_000)
    expect(rate('22:00-06:00 1MB', '06:00')).toBeUndefined()
    expect(rate('1MB, 08:00-18:00 100kB', '12:00')).toBe(100_000)
    expect(rate('1MB, 08:00-18:00 100kB', '19:00')).toBe(1_000_000)
    expect(rate('unlimited', '12:00')).toBeUndefined()
    expect(rate('0', '12:00')).toBeUndefined()
  })

  it.each([
    '',
    'fast',
    '500',
    '08:00-18:00',
    '25:00-26:00 1MB',
    '08:61-09:00 1MB',
    '1MB,,2MB',
    '63kB',
    '-1MB',
  ])('is not %j', (text) => {
    expect(parseRates(text)).toBeUndefined()
    expect(() => ratesOption(text)).toThrow('Expected bytes a second')
  })

  it('is what peers wait for at least', () => {
    expect(parseRates(`${RATE_MIN}B`)).toBeDefined()
    expect(parseRates(`${RATE_MIN - 1}B`)).toBeUndefined()
  })
})
