import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SnapshotRow } from '../../protocol/snapshots.ts'
import { NoSuchSnapshotError, chooseSnapshot, toMoment } from '../../src/node/when.ts'

/** Half a second past noon UTC on Friday 20 November 2026. */
const NOW = Date.UTC(2026, 10, 20, 12, 0, 0, 500)
const HOUR = 3_600_000

describe('when', () => {
  const zone = process.env['TZ']
  beforeAll(() => {
    process.env['TZ'] = 'Europe/Berlin'
  })
  afterAll(() => {
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
  })

  it.each([
    // A date alone is the end of that day, local: CET is UTC+1.
    ['2026-11-19', '2026-11-19T22:59:59.999Z'],
    ['2026-11-19T14', '2026-11-19T13:59:59.999Z'],
    ['2026-11-19T14:30', '2026-11-19T13:30:59.999Z'],
    ['2026-11-19T14:30:15', '2026-11-19T13:30:15.999Z'],
    ['2026-11-19T00', '2026-11-18T23:59:59.999Z'],
    ['2024-02-29', '2024-02-29T22:59:59.999Z'],
    // The days on which clocks change have 23 and 25 hours.
    ['2026-03-28', '2026-03-28T22:59:59.999Z'],
    ['2026-03-29', '2026-03-29T21:59:59.999Z'],
    ['2026-10-24', '2026-10-24T21:59:59.999Z'],
    ['2026-10-25', '2026-10-25T22:59:59.999Z'],
    // RFC 3339, with whole seconds to their end.
    ['2026-11-19T14:30:15Z', '2026-11-19T14:30:15.999Z'],
    ['2026-11-19T14:30:15+02:00', '2026-11-19T12:30:15.999Z'],
    ['2026-11-19T14:30:15-09:30', '2026-11-20T00:00:15.999Z'],
    ['2026-11-19T14:30:15.25Z', '2026-11-19T14:30:15.250Z'],
    ['2026-11-19T14:30:15.000Z', '2026-11-19T14:30:15.000Z'],
    // repozo's, UTC.
    ['2026-11-19-14-30-15', '2026-11-19T14:30:15.999Z'],
    // Ages.
    ['30m', '2026-11-20T11:30:00.500Z'],
    ['5h', '2026-11-20T07:00:00.500Z'],
    ['3d', '2026-11-17T12:00:00.500Z'],
    ['2w', '2026-11-06T12:00:00.500Z'],
    ['0d', '2026-11-20T12:00:00.500Z'],
  ])('understands %s', (when, moment) => {
    expect(new Date(toMoment(when, NOW)).toISOString()).toBe(moment)
  })

  it.each([
    '2026-02-30',
    '2025-02-29',
    '2026-13-01',
    '2026-00-10',
    '2026-11-00',
    '2026-11-19T24',
    '2026-11-19T14:60',
    '2026-11-19T14:30:60',
    '2026-02-30T10:00:00Z',
    '2026-11-19T25:00:00Z',
    '2026-11-19T10:00:00+99:00',
    '2026-02-30-10-00-00',
    '2026-11-19-24-00-00',
    '2026-11-19 14:30',
    '2026-1-1',
    '3',
    '3y',
    '-3d',
    '3.5d',
    'yesterday',
    'Latest',
    ' latest',
    '',
    '１２d',
  ])('does not guess what %j means', (when) => {
    expect(() => toMoment(when, NOW)).toThrow(NoSuchSnapshotError)
  })
})

describe('choosing a snapshot', () => {
  const rows = [
    row(9, Date.UTC(2026, 10, 20, 10, 0, 0, 0)),
    row(7, Date.UTC(2026, 10, 19, 10, 0, 0, 999)),
    row(6, Date.UTC(2026, 10, 18, 10, 0, 0, 0)),
  ]

  it.each([
    ['latest', 9],
    ['now', 9],
    ['9', 9],
    ['6', 6],
    ['007', 7],
    ['0m', 9],
    ['1d', 7],
    ['2026-11-19T10:00:01Z', 7],
    // It ended within that second, and the second is meant to its end.
    ['2026-11-19T10:00:00Z', 7],
    ['2026-11-19T10:00:00.998Z', 6],
    ['2026-11-19T09:59:59Z', 6],
    ['2026-11-19-10-00-00', 7],
    ['9999-12-31', 9],
  ])('takes for %s the newest that had ended by then: %i', (when, sequence) => {
    expect(chooseSnapshot(rows, when, NOW).sequence).toBe(sequence)
  })

  it('says what there is where there is no such number', () => {
    expect(() => chooseSnapshot(rows, '8', NOW)).toThrow('the nearest that are kept are 7 and 9')
    expect(() => chooseSnapshot(rows, '10', NOW)).toThrow('there are 6 to 9')
    expect(() => chooseSnapshot(rows, '999999999999999', NOW)).toThrow(NoSuchSnapshotError)
  })

  it('says which is the first where none had ended', () => {
    expect(() => chooseSnapshot(rows, '2026-11-17', NOW)).toThrow(
      'the first, 6, ended at 2026-11-18',
    )
    expect(() => chooseSnapshot(rows, '999999w', NOW)).toThrow(NoSuchSnapshotError)
  })

  it('says so where nothing was ever backed up', () => {
    expect(() => chooseSnapshot([], 'latest', NOW)).toThrow('cairn backup')
  })

  it('goes by the list where a clock went back between two backups', () => {
    const odd = [row(3, NOW - 5 * HOUR), row(2, NOW - HOUR), row(1, NOW - 9 * HOUR)]
    expect(chooseSnapshot(odd, '2h', NOW).sequence).toBe(3)
  })
})

function row(sequence: number, endedAt: number): SnapshotRow {
  return {
    sequence,
    startedAt: endedAt - HOUR,
    endedAt,
    host: 'laptop',
    sources: [],
    files: 0,
    folders: 0,
    bytes: 0,
    added: 0,
    isComplete: true,
    isFinished: true,
    isPinned: false,
    tags: [],
    skipped: 0,
  }
}
