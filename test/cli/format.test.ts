import { describe, expect, it } from 'vitest'
import {
  formatBytes,
  formatChance,
  formatDuration,
  formatInstant,
  formatMode,
  parseSize,
} from '../../src/cli/format.ts'

describe('sizes', () => {
  it.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [1536, '1.5 KiB'],
    [200 * 1024 * 1024, '200.0 MiB'],
    [5 * 2 ** 40, '5.0 TiB'],
  ])('%d bytes are shown as %s', (size, text) => expect(formatBytes(size)).toBe(text))

  it.each([
    ['500', 500],
    ['20GB', 20_000_000_000],
    ['1.5GiB', 1_610_612_736],
    ['100 mb', 100_000_000],
    ['7B', 7],
    ['2TiB', 2 * 2 ** 40],
  ])('%s is read', (text, size) => expect(parseSize(text)).toBe(size))

  it.each(['', 'x', '-5', '5XB', '1e9', '99999999999999999999', '1.2.3GB', 'GB'])(
    '%j is no size',
    (text) => expect(parseSize(text)).toBeUndefined(),
  )
})

describe('times', () => {
  it('are shown to the nanosecond, before 1970 too', () => {
    expect(formatInstant({ seconds: 1_600_000_000, nanoseconds: 7 })).toBe(
      '2020-09-13T12:26:40.000000007Z',
    )
    expect(formatInstant({ seconds: -1, nanoseconds: 999_999_999 })).toBe(
      '1969-12-31T23:59:59.999999999Z',
    )
  })

  it('beyond the calendar are shown as seconds', () => {
    expect(formatInstant({ seconds: 2 ** 50, nanoseconds: 1 })).toBe('1125899906842624.000000001')
  })

  it.each([
    [400, '0.4 s'],
    [12_300, '12 s'],
    [185_000, '3 min 05 s'],
    [7_800_000, '2 h 10 min'],
  ])('%d ms take %s', (ms, text) => expect(formatDuration(ms)).toBe(text))
})

describe('chances', () => {
  it.each([
    [0, '100 %'],
    [1e-18, 'more than 99.9999999999 %'],
    [8.6e-6, '99.99914 %'],
    [0.0012, '99.88 %'],
    [0.25, '75.0 %'],
    [1, '0.0 %'],
  ])('with a loss of %d are shown as %s', (loss, text) => expect(formatChance(loss)).toBe(text))
})

describe('modes', () => {
  it.each([
    ['file', 0o644, '-rw-r--r--'],
    ['folder', 0o1777, 'drwxrwxrwt'],
    ['folder', 0o1776, 'drwxrwxrwT'],
    ['file', 0o4755, '-rwsr-xr-x'],
    ['file', 0o2640, '-rw-r-S---'],
    ['symlink', 0o777, 'lrwxrwxrwx'],
  ] as const)('%s %o is %s', (kind, mode, text) => expect(formatMode(kind, mode)).toBe(text))
})
