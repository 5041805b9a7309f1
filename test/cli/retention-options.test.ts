import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { fractionOption, parseFraction } from '../../src/cli/options.ts'
import {
  addKeepOptions,
  keepRules,
  parseKeepCount,
  parseTags,
  toPolicy,
} from '../../src/cli/retention-options.ts'
import type { RetentionPolicy } from '../../src/repair/retention.ts'

describe('retention flags', () => {
  it('become a policy, each its rule', () => {
    const counts = 'last hourly daily weekly monthly yearly'.split(' ')
    const durations = 'within within-hourly within-daily within-weekly within-monthly within-yearly'
    const args = [
      ...counts.flatMap((name, index) => [`--keep-${name}`, String(index + 1)]),
      ...durations.split(' ').flatMap((name, index) => [`--keep-${name}`, `${index + 1}d`]),
      '--keep-tag',
      'a,b',
      '--keep-tag',
      'c',
    ]
    const days = (count: number) => ({ years: 0, months: 0, days: count, hours: 0 })
    expect(policyOf(args)).toEqual({
      last: 1,
      hourly: 2,
      daily: 3,
      weekly: 4,
      monthly: 5,
      yearly: 6,
      within: days(1),
      withinHourly: days(2),
      withinDaily: days(3),
      withinWeekly: days(4),
      withinMonthly: days(5),
      withinYearly: days(6),
      tags: [['a', 'b'], ['c']],
    })
  })

  it('that are not given are no rules', () => {
    expect(policyOf([])).toEqual({})
    expect(policyOf(['--keep-last', '0'])).toEqual({ last: 0 })
  })

  it.each([
    [['--keep-last', '-1'], { last: -1 }],
    [['--keep-daily', 'unlimited'], { daily: -1 }],
    [['--keep-within', '1y5m7d2h'], { within: { years: 1, months: 5, days: 7, hours: 2 } }],
  ])('%j are read', (args, policy) => expect(policyOf(args)).toEqual(policy))

  it.each([
    [['--keep-last', 'many'], 'a whole number'],
    [['--keep-last', '-2'], 'a whole number'],
    [['--keep-within', '3w'], '1y5m7d2h'],
    [['--keep-tag', 'a,,b'], 'home,photos'],
  ])('%j are refused with an example', (args, example) => {
    expect(() => policyOf(args)).toThrow(example)
  })
})

describe('what people write', () => {
  it.each([
    ['0', 0],
    ['12', 12],
    ['unlimited', -1],
    ['1.5', undefined],
    ['', undefined],
    ['9999999999', undefined],
  ])('as a count: %j', (text, count) => expect(parseKeepCount(text)).toBe(count))

  it.each([
    ['a', ['a']],
    ['a, b', ['a', 'b']],
    ['', undefined],
    [',', undefined],
  ])('as tags: %j', (text, tags) => expect(parseTags(text)).toEqual(tags))

  it.each([
    ['5%', 0.05],
    ['0.5 %', 0.005],
    ['0.05', 0.05],
    ['0', 0],
    ['100%', undefined],
    ['1', undefined],
    ['-5%', undefined],
    ['5 percent', undefined],
  ])('as a part of the whole: %j', (text, fraction) => {
    expect(parseFraction(text)).toBe(fraction)
    if (fraction === undefined) expect(() => fractionOption(text)).toThrow('5%')
  })
})

function policyOf(args: readonly string[]): RetentionPolicy {
  const command = addKeepOptions(new Command('forget')).exitOverride()
  command.configureOutput({ writeErr: () => undefined })
  return toPolicy(keepRules(command.parse(args, { from: 'user' }).opts()))
}
