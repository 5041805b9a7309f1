import { describe, expect, it } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { openHead, signHead, signReceipt } from '../../protocol/head.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import { issueCertificate } from '../../protocol/keys.ts'
import { openReceipt } from '../../protocol/receipt.ts'
import { assertNoRollback, judgeHeads, RollbackError } from '../../src/restore/head-report.ts'
import type { HeadAnswer } from '../../src/restore/newest-head.ts'
import type { Mark } from '../../src/store/marks.ts'
import { person, vaultPapers } from '../protocol/people.ts'

const papers = vaultPapers(1)
const { vault } = papers
const people = [10, 11, 12, 13].map((number) => person(number))
const NOW = 1_000_000

describe('a report of heads', () => {
  it('says of each peer how it stands to the newest', () => {
    const [old, newest] = [makeHead(4), makeHead(7)]
    const report = judgeHeads({
      ...facts([answer(0, newest), answer(1, old), answer(2)]),
      silent: [people[3]!.peer],
    })
    expect(report.peers).toEqual([
      { peer: people[0]!.peer, verdict: 'current', sequence: 7, receivedAt: 70 },
      { peer: people[1]!.peer, verdict: 'behind', sequence: 4, receivedAt: 40, lag: 3 },
      { peer: people[2]!.peer, verdict: 'none' },
      { peer: people[3]!.peer, verdict: 'silent' },
    ])
    expect(report).toMatchObject({ sequence: 7, cases: [] })
  })

  it('H01: finds who shows less than it signed for, with its receipt and what it shows', () => {
    const [old, newest] = [makeHead(4), makeHead(7)]
    const marks = markOf(0, newest)
    const report = judgeHeads({ ...facts([answer(0, old)]), marks, known: newest })
    expect(report.peers).toMatchObject([
      { verdict: 'rolled-back', sequence: 4, signedFor: 7, lag: 3 },
    ])
    const [found] = report.cases
    expect(found).toMatchObject({ kind: 'rollback', sequence: 7, shown: 4, peer: people[0]!.peer })
    expect(found?.heads).toEqual([newest, old])
    expect(found?.receipts.map((bytes) => openReceipt(bytes).sequence)).toEqual([7, 4])
    expect(() => assertNoRollback(report)).toThrow(RollbackError)
    expect(() => assertNoRollback(report)).toThrow(/Head 7 .* head 4/)
  })

  it('H01: finds who shows nothing any more', () => {
    const marks = markOf(0, makeHead(7))
    const report = judgeHeads({ ...facts([answer(0)]), marks, known: makeHead(7) })
    expect(report.peers).toMatchObject([{ verdict: 'rolled-back', signedFor: 7, lag: 7 }])
    expect(() => assertNoRollback(report)).toThrow(/none/)
  })

  it('H07: lets one who shows the newest outvote all who went back', () => {
    const [old, newest] = [makeHead(4), makeHead(7)]
    const marks = new Map([...markOf(0, newest), ...markOf(1, newest)])
    const answers = [answer(0, old), answer(1, old), answer(2, newest)]
    const report = judgeHeads({ ...facts(answers), marks, known: newest })
    expect(report.peers.map(({ verdict }) => verdict)).toEqual([
      'rolled-back',
      'rolled-back',
      'current',
    ])
    expect(() => assertNoRollback(report)).not.toThrow()
  })

  it('takes nobody for rolled back who only never had it, or shows it beside a newer device’s', () => {
    const [old, newest] = [makeHead(4), makeHead(7)]
    const away = judgeHeads({ ...facts([answer(0, old)]), marks: markOf(0, old), known: newest })
    expect(away.peers).toMatchObject([{ verdict: 'behind', lag: 3 }])
    expect(() => assertNoRollback(away)).not.toThrow()
    const successor = makeHead(5, { epoch: 2 })
    const both = judgeHeads({ ...facts([answer(0, newest, successor)]), marks: markOf(0, newest) })
    expect(both.peers).toMatchObject([{ verdict: 'current', sequence: 5 }])
    expect(both.cases).toEqual([])
  })

  it('finds two heads for one place, at whatever peers, and this machine’s own', () => {
    const [one, other] = [makeHead(5, { note: 'one' }), makeHead(5, { note: 'other' })]
    const apart = judgeHeads(facts([answer(0, one), answer(1, one), answer(2, other)]))
    expect(apart.cases).toMatchObject([{ kind: 'fork', sequence: 5, heads: [one, other] }])
    expect(apart.cases[0]?.receipts).toHaveLength(3)
    expect(apart.peers.map(({ verdict }) => verdict)).toEqual(['current', 'current', 'fork'])
    const own = judgeHeads({ ...facts([answer(0, one)]), known: other })
    expect(own.cases).toMatchObject([{ kind: 'fork', sequence: 5 }])
  })

  it('H05: takes what is damaged or another vault’s for absent', () => {
    const damaged = makeHead(9)
    damaged[20]! ^= 1
    const report = judgeHeads({
      ...facts([]),
      answers: [{ peer: people[0]!.peer, heads: [{ head: damaged }, { head: utf8('none') }] }],
    })
    expect(report.peers).toEqual([{ peer: people[0]!.peer, verdict: 'none' }])
  })
})

function facts(answers: readonly HeadAnswer[]) {
  return { vault, answers, silent: [], marks: new Map<never, never>(), now: NOW }
}

function answer(index: number, ...heads: readonly Uint8Array[]): HeadAnswer {
  const { peer } = people[index]!
  return { peer, heads: heads.map((head) => ({ head, receipt: receiptOf(index, head) })) }
}

function markOf(index: number, head: Uint8Array): Map<Mark['receipt']['peer'], Mark> {
  const bytes = receiptOf(index, head)
  return new Map([[people[index]!.peer, { bytes, receipt: openReceipt(bytes) }]])
}

function receiptOf(index: number, head: Uint8Array): Uint8Array {
  const { peer, key } = people[index]!
  const { sequence, id } = openHead(head)
  return signReceipt({ vault, sequence, headId: id, receivedAt: sequence * 10, peer }, key)
}

function makeHead(sequence: number, { note = '', epoch = 1 } = {}): Uint8Array {
  const { device, keys } = papers
  const id = deviceIdFromBytes(device.key.publicKey)
  const certificate = issueCertificate(keys.vaultKey, { device: id, epoch, issuedAt: 1 })
  return signHead(
    {
      vault,
      certificate,
      device: id,
      sequence,
      previous: sequence === 1 ? null : sha256(utf8('before')),
      root: utf8(`root ${note}`),
      ledger: utf8('ledger'),
      writtenAt: 1,
    },
    device.key,
  )
}
