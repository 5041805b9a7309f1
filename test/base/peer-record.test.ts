import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  afterAudit,
  afterBlindLook,
  afterLook,
  afterPut,
  afterWords,
  LOOK_GAP_MS_MAX,
  newRecord,
  onlineShare,
  WATCHED_MS_MAX,
  type PeerRecord,
} from '../../src/base/peer-record.ts'
import type { PeerId } from '../../src/ports/network.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 1)

describe('a peer record', () => {
  it('counts silence from look to look, and none once the peer is heard', () => {
    let record = heardAt(START)
    for (const hour of [1, 2, 5]) record = silentAt(record, START + hour * HOUR)
    expect(record).toMatchObject({ silentMs: 5 * HOUR, unheardMs: 5 * HOUR, seenAt: START })
    record = afterLook(record, { now: START + 6 * HOUR, isHeard: true })
    expect(record).toMatchObject({ silentMs: 0, unheardMs: 0, seenAt: START + 6 * HOUR })
  })

  it('counts two days at most between two looks, however long this machine was closed', () => {
    const record = silentAt(heardAt(START), START + 60 * DAY)
    expect(record.silentMs).toBe(LOOK_GAP_MS_MAX)
  })

  it('counts nothing where the clock was set back, and goes on from there', () => {
    let record = silentAt(heardAt(START), START - 300 * DAY)
    expect(record.silentMs).toBe(0)
    record = silentAt(record, START - 299 * DAY)
    expect(record.silentMs).toBe(DAY)
  })

  it('does not count the time in which nobody answered', () => {
    let record = silentAt(heardAt(START), START + HOUR)
    record = afterBlindLook(record, START + 20 * HOUR)
    record = silentAt(record, START + 21 * HOUR)
    expect(record).toMatchObject({ silentMs: 2 * HOUR, looks: 3 })
  })

  it('does not count an absence that was announced', () => {
    const away = { now: START + DAY, isHeard: false, isExcused: true }
    const record = afterLook(heardAt(START), away)
    expect(record.silentMs).toBe(0)
    expect(silentAt(record, START + 25 * HOUR).silentMs).toBe(HOUR)
  })

  it('is no more unheard than others say, and as silent as we found it', () => {
    const record = silentAt(heardAt(START), START + 30 * HOUR)
    expect(afterWords(record, HOUR)).toMatchObject({ silentMs: 30 * HOUR, unheardMs: HOUR })
    expect(afterWords(record, 90 * DAY)).toEqual(record)
  })

  it('never counts more than the time that passed, nor less than nothing', () => {
    const looks = fc.array(
      fc.record({ gap: fc.integer({ min: 0, max: 5 * DAY }), isHeard: fc.boolean() }),
    )
    fc.assert(
      fc.property(looks, (all) => {
        let [record, now] = [newRecord(PEER, START), START]
        for (const { gap, isHeard } of all) {
          now += gap
          record = afterLook(record, { now, isHeard })
          expect(record.silentMs).toBeLessThanOrEqual(now - (record.seenAt ?? START))
          expect(record.unheardMs).toBeLessThanOrEqual(record.silentMs)
          expect(onlineShare(record) ?? 1).toBeGreaterThanOrEqual(0)
          expect(onlineShare(record) ?? 1).toBeLessThanOrEqual(1)
        }
      }),
    )
  })

  it('knows the share of the time in which the peer answered', () => {
    let record = heardAt(START)
    expect(onlineShare(record)).toBeUndefined()
    for (let hour = 1; hour <= 240; hour += 1) {
      const now = START + hour * HOUR
      record = afterLook(record, { now, isHeard: hour % 24 < 6 })
    }
    expect(onlineShare(record)).toBeCloseTo(0.25, 1)
  })

  it('leaves a silence out of that share until it is over', () => {
    const always = heardAt(START + DAY, heardAt(START))
    const silent = silentAt(always, START + 3 * DAY)
    expect(onlineShare(silent)).toBe(1)
    expect(onlineShare(heardAt(START + 4 * DAY, silent))).toBe(0.5)
  })

  it('forgets the older half of what it watched', () => {
    let record = heardAt(START)
    const looks = (2 * WATCHED_MS_MAX) / DAY
    for (let day = 1; day <= looks; day += 1) record = heardAt(START + day * DAY, record)
    expect(record.watchedMs).toBeLessThanOrEqual(WATCHED_MS_MAX)
    for (let day = 1; day <= 90; day += 1) {
      record = silentAt(record, START + (looks + day) * DAY)
    }
    record = heardAt(START + (looks + 91) * DAY, record)
    expect(onlineShare(record)).toBeLessThan(0.7)
  })

  it('remembers audits, and when the last two of them failed', () => {
    let record = newRecord(PEER, START)
    for (const isGood of [true, false, true, false]) {
      record = afterAudit(record, START + record.auditsPassed * DAY, isGood ? 'good' : 'failed')
    }
    expect(record).toMatchObject({ auditsPassed: 2, auditsFailed: 2 })
    expect(record).toMatchObject({ failedAt: START + 2 * DAY, failedBeforeAt: START + DAY })
  })

  it('counts for how long no audit brought anything good, two days at most from one to the next', () => {
    let record = afterAudit(newRecord(PEER, START), START, 'refused')
    expect(record).toMatchObject({ nothingMs: 0, auditsFailed: 0 })
    record = afterAudit(record, START + DAY, 'refused')
    record = afterAudit(record, START + 60 * DAY, 'failed')
    expect(record).toMatchObject({ nothingMs: 3 * DAY, auditsFailed: 1 })
    record = afterAudit(record, START - DAY, 'refused')
    expect(record.nothingMs).toBe(3 * DAY)
    record = afterAudit(record, START, 'good')
    expect(record).toMatchObject({ nothingMs: 0, auditsPassed: 1 })
    expect(record).not.toHaveProperty('nothingAt')
  })

  it('remembers why a peer took no share, until it takes one', () => {
    const full = afterPut(newRecord(PEER, START), START + 1, 'full')
    expect(full).toMatchObject({ refusal: 'full', refusedAt: START + 1 })
    expect(afterPut(full, START + 2, undefined)).toEqual(newRecord(PEER, START))
  })
})

const PEER = 'peer' as PeerId

function heardAt(now: number, record: PeerRecord = newRecord(PEER, now)): PeerRecord {
  return afterLook(record, { now, isHeard: true })
}

function silentAt(record: PeerRecord, now: number): PeerRecord {
  return afterLook(record, { now, isHeard: false })
}
