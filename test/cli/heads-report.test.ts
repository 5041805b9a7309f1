import { describe, expect, it } from 'vitest'
import { headsAdvice, headsLines, headsRecords } from '../../src/cli/reports/heads.ts'
import type { HeadsSummary } from '../../src/node/client.ts'
import { person } from '../protocol/people.ts'

const [ann, bea, cem] = [person(1).peer, person(2).peer, person(3).peer]
const calm: HeadsSummary = {
  sequence: 9,
  peersAsked: 3,
  peersAnswered: 2,
  peers: [
    {
      peer: ann,
      name: 'ann\u001b[2J',
      verdict: 'current',
      sequence: 9,
      receivedAt: 0,
      signedFor: 9,
    },
    { peer: bea, verdict: 'behind', sequence: 7, receivedAt: 0, lag: 2 },
    { peer: cem, verdict: 'silent' },
  ],
  evidence: [],
}
const alarming: HeadsSummary = {
  ...calm,
  peers: [{ peer: bea, verdict: 'rolled-back', sequence: 4, lag: 5, signedFor: 9 }],
  evidence: [
    {
      name: 'rollback-9-ab',
      kind: 'rollback',
      sequence: 9,
      shown: 4,
      peer: bea,
      foundAt: 0,
      heads: [],
      receipts: [],
    },
    { name: 'fork-8-cd', kind: 'fork', sequence: 8, foundAt: 0, heads: [], receipts: [] },
  ],
}

describe('a report of heads', () => {
  it('shows how every friend stands, with no character that commands a terminal', () => {
    const [first, ...rows] = headsLines(calm)
    expect(first).toBe('head 9; 2 of 3 friends answered')
    expect(rows[0]).toMatch(/^current {6}12D3Koo\w+ {2}ann\\x1b\[2J {2}head 9 {2}since /)
    expect(rows[1]).toMatch(/^behind .* head 7 .* 2 behind$/)
    expect(rows[2]).toMatch(/^no answer {4}12D3Koo\w+$/)
    expect(headsAdvice(calm)).toBe(
      'The next backup gives the newest head to those who lack it: 1 friend.',
    )
  })

  it('names who shows less than they signed for, and every contradiction that was found', () => {
    const lines = headsLines(alarming)
    expect(lines[1]).toMatch(/^rolled back .* head 4 .* 5 behind {2}signed for 9$/)
    expect(lines[2]).toMatch(/^rollback-9-ab {2}found .* signed for head 9 and showed head 4$/)
    expect(lines[3]).toMatch(/^fork-8-cd .* two heads 8$/)
    expect(headsAdvice(alarming)).toMatch(/Ask them/)
    expect(headsAdvice({ ...alarming, peers: [] })).toMatch(/--export/)
    expect(headsAdvice({ ...calm, peers: [] })).toBeUndefined()
  })

  it('is a record for the whole, for each friend and for each contradiction', () => {
    expect(headsRecords(calm)).toEqual([
      { message_type: 'heads', sequence: 9, peers_asked: 3, peers_answered: 2 },
      {
        message_type: 'head',
        peer: ann,
        name: 'ann\u001b[2J',
        verdict: 'current',
        sequence: 9,
        received_at: '1970-01-01T00:00:00.000Z',
        signed_for: 9,
      },
      {
        message_type: 'head',
        peer: bea,
        verdict: 'behind',
        sequence: 7,
        lag: 2,
        received_at: '1970-01-01T00:00:00.000Z',
      },
      { message_type: 'head', peer: cem, verdict: 'silent' },
    ])
    expect(headsRecords(alarming).slice(2)).toMatchObject([
      { message_type: 'evidence', kind: 'rollback', sequence: 9, shown: 4, peer: bea },
      { message_type: 'evidence', kind: 'fork', name: 'fork-8-cd' },
    ])
  })
})
