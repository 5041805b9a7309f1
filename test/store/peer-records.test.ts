import { describe, expect, it } from 'vitest'
import type { PeerId } from '../../src/ports/network.ts'
import { PeerRecords } from '../../src/store/peer-records.ts'
import { memoryDatabase } from '../support/memory-database.ts'

const HOUR = 3_600_000
const START = Date.UTC(2026, 0, 1)
const [ann, ben, cleo] = ['ann', 'ben', 'cleo'] as PeerId[] as [PeerId, PeerId, PeerId]

describe('peer records', () => {
  it('tell who answered and who was silent for how long', () => {
    const records = new PeerRecords(memoryDatabase())
    records.note(START, { answered: [ann, ben], silent: [] })
    records.note(START + HOUR, { answered: [ann], silent: [ben] })
    expect(records.get(ann)).toMatchObject({ seenAt: START + HOUR, silentMs: 0, looks: 2 })
    expect(records.get(ben)).toMatchObject({ seenAt: START, silentMs: HOUR, looks: 2 })
    expect(records.get(cleo)).toBeUndefined()
    expect(records.all().map(({ peer }) => peer)).toEqual([ann, ben])
  })

  it('take a look in which nobody answered for our own silence', () => {
    const records = new PeerRecords(memoryDatabase())
    records.note(START, { answered: [ann, ben], silent: [] })
    for (let hour = 1; hour <= 24 * 40; hour += 1) {
      records.note(START + hour * HOUR, { answered: [], silent: [ann, ben] })
    }
    records.note(START + 24 * 40 * HOUR + 1, { answered: [ann], silent: [ben] })
    expect(records.get(ben)).toMatchObject({ silentMs: 1, seenAt: START })
  })

  it('leave out who said that it would be away', () => {
    const records = new PeerRecords(memoryDatabase())
    records.note(START, { answered: [ann, ben, cleo], silent: [] })
    const look = { answered: [ann], silent: [ben, cleo] }
    records.note(START + HOUR, look, (peer) => peer === ben)
    expect([ben, cleo].map((peer) => records.get(peer)?.silentMs)).toEqual([0, HOUR])
  })

  it('keep audits, refusals and the words of others, and come back as they were', () => {
    const database = memoryDatabase()
    const records = new PeerRecords(database)
    records.note(START, { answered: [ann, ben], silent: [] })
    records.note(START + 40 * HOUR, { answered: [ann], silent: [ben] })
    records.noteWords(ben, START + 40 * HOUR, 2 * HOUR)
    records.noteAudit(ann, START + 1, 'failed')
    records.noteAudit(ann, START + 2, 'failed')
    records.noteAudit(ben, START + 3, 'good')
    records.notePut(ann, START + 4, 'quota')
    const again = new PeerRecords(database)
    expect(again.all()).toEqual(records.all())
    expect(again.get(ben)).toMatchObject({ silentMs: 40 * HOUR, unheardMs: 2 * HOUR })
    expect(again.get(ben)).toMatchObject({ auditsPassed: 1, auditsFailed: 0 })
    expect(again.get(ann)).toMatchObject({ failedAt: START + 2, failedBeforeAt: START + 1 })
    expect(again.get(ann)).toMatchObject({ nothingMs: 1, nothingAt: START + 2 })
    expect(again.get(ann)).toMatchObject({ refusal: 'quota', refusedAt: START + 4 })
    again.notePut(ann, START + 5, undefined)
    expect(again.get(ann)).not.toHaveProperty('refusal')
  })
})
