import { describe, expect, it } from 'vitest'

import { packId, type PackId } from '../../protocol/manifest.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { DiskError } from '../../src/base/errors.ts'
import { EXIT } from '../../src/cli/exit-code.ts'
import { Output } from '../../src/cli/output.ts'
import { auditExit, auditLines, auditRecords } from '../../src/cli/reports/audit.ts'
import { checkExit, checkLines, checkRecords, tellAffected } from '../../src/cli/reports/check.ts'
import { repairExit, repairLines, repairRecords } from '../../src/cli/reports/repair.ts'
import type { CheckedPeer, CheckSummary, RepairSummary } from '../../src/node/client.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { judgePack, type FriendFacts, type PackHealth } from '../../src/repair/pack-health.ts'
import type { RepairedPack } from '../../src/repair/repair-worker.ts'
import { Collector } from './collector.ts'

const peers: CheckedPeer[] = ['anna', 'bert\u001b[31m', 'carl', 'dora'].map((name, index) => ({
  peer: `12D3KooW${index}` as PeerId,
  name,
  isHere: true,
  standing: 'here',
  isCounted: true,
  shares: 2,
}))
const packA = packId(utf8('a'))
const held = { pack: packA, shareNumber: 1, peer: peers[1]!.peer }

describe('a report of a check', () => {
  it('of a vault that is all right is three lines', () => {
    const summary = check({ packs: [health('a'), health('b')] })
    expect(checkLines(summary)).toEqual([
      'peers      4 of 4 answer',
      'packs      2, 1.8 KiB: 2 whole',
      'shares     6 of 6 count',
    ])
    expect(checkExit(summary)).toBe(EXIT.ok)
    expect(checkRecords(summary).at(-1)).toMatchObject({
      message_type: 'summary',
      packs_total: 2,
      packs_whole: 2,
      shares_total: 6,
      shares_missing: 0,
      happiness_min: 3,
    })
  })

  it('tells who is away, what counts all the same, and what would help', () => {
    const away = { ...peers[1]!, isHere: false, standing: 'quiet' as const }
    const summary = check({
      peers: [peers[0]!, away, peers[2]!, peers[3]!],
      packs: [health('a', { away: [1] }), health('b', { gone: [0] }), health('c', { gone: [0] })],
    })
    const lines = checkLines(summary)
    expect(lines[1]).toBe(
      '           bert\\x1b[31m: does not answer, silent for more than a day; 2 shares of ours',
    )
    expect(lines).toContain('packs      3, 2.6 KiB: 1 whole, 2 settling')
    expect(lines).toContain('shares     7 of 9 count, 1 of them at peers that do not answer')
    expect(lines).toContain('settling     2 packs with 2 of 3 shares, 1 bring each back: 1, 1')
    expect(lines).toContain('             helps: cairn repair: it places 2 shares')
  })

  it('names wrong bytes by peer and share, once each name', () => {
    const why = `${held.peer}: ${packA}: no such leaves here`
    const verified = { sharesGood: 5, bad: [{ held, why }], unread: [held], bytesRead: 2048 }
    const summary = check({ packs: [health('a')], verified, dropped: [held] })
    const lines = checkLines(summary)
    expect(lines).toContain(
      `wrong      share 1 of pack …${packA.slice(-8)} at bert\\x1b[31m: no such leaves here`,
    )
    expect(lines).toContain('verified   5 shares right, 1 wrong, 1 not read: 2.0 KiB from peers')
    expect(lines.some((line) => line.includes('does not have 1 share any more'))).toBe(true)
    expect(checkExit(summary)).toBe(EXIT.incomplete)
    const types = checkRecords(summary).map(({ message_type: type }) => type)
    expect(types).toEqual(expect.arrayContaining(['dropped_share', 'bad_share', 'unread_share']))
  })

  it('S07: of lost packs lists the files on stderr, and ends with 14', () => {
    const path = new Uint8Array(Buffer.from('/home/anna/a\nb'))
    const summary = check({
      packs: [health('a', { gone: [0, 1, 2] })],
      affected: [
        { path, isOldOnly: false },
        { path, isOldOnly: true },
      ],
    })
    const [stdout, stderr] = [new Collector(), new Collector()]
    tellAffected(new Output({ stdout, stderr }, { isJson: false }), summary)
    expect(stdout.text).toBe('')
    expect(stderr.text).toContain('/home/anna/a\\nb: it rests on a pack that is lost')
    expect(stderr.text).toContain(
      '/home/anna/a\\nb: older versions of it rest on a pack that is lost',
    )
    expect(stderr.text).toContain('1 file of the newest snapshot may not come back whole')
    expect(checkExit(summary)).toBe(EXIT.unrecoverable)
    expect(checkRecords(summary)).toContainEqual(
      expect.objectContaining({ message_type: 'affected_file', path: '/home/anna/a\nb' }),
    )
  })

  it('ends with 13 where something is not safe or out of reach', () => {
    expect(checkExit(check({ packs: [health('a', { gone: [0, 1] })] }))).toBe(EXIT.notSafe)
    expect(checkExit(check({ packs: [health('a', { away: [0, 1, 2] })] }))).toBe(EXIT.notSafe)
  })
})

describe('a report of audits', () => {
  it('says each verdict in words, and ends with 3 where bytes were wrong', () => {
    const base = { passed: 0, unanswered: 0, bad: [], bytesRead: 0, standing: 'here' } as const
    const audits = [
      { ...base, peer: peers[0]!.peer, name: 'anna', verdict: 'good', passed: 44, bytesRead: 1e6 },
      { ...base, peer: held.peer, verdict: 'failed', bad: [{ held, why: 'wrong root' }] },
      { ...base, peer: peers[2]!.peer, name: 'carl', verdict: 'away', unanswered: 44 },
      { ...base, peer: peers[3]!.peer, name: 'dora', verdict: 'nothing' },
    ] as const
    const summary = { audits, warnings: [] }
    expect(auditLines(summary)).toEqual([
      'anna         every block was right: 44 blocks of 976.6 KiB passed',
      '…2D3KooW1    wrong bytes, or none, for what it should hold: 0 blocks of 0 B passed',
      `             share 1 of pack …${packA.slice(-8)}: wrong root`,
      'carl         no answer, or trouble of its own; for a week that is not held against it',
      'dora         holds nothing for this vault',
    ])
    expect(auditExit(summary)).toBe(EXIT.incomplete)
    const endOf = (...indices: number[]) =>
      auditExit({ audits: indices.map((index) => audits[index]!), warnings: [] })
    expect([endOf(0, 2, 3), endOf(3), endOf()]).toEqual([EXIT.ok, EXIT.ok, EXIT.ok])
    // Nobody answered: nothing was audited.
    expect(endOf(2, 3)).toBe(EXIT.incomplete)
    expect(auditRecords(summary).at(-1)).toMatchObject({
      peers_good: 1,
      peers_failed: 1,
      peers_away: 1,
    })
  })
})

describe('a report of a repair', () => {
  const before = health('a', { gone: [0] })
  const cost = { means: 'peers', bytesDown: 3000, bytesUp: 1000 } as const
  const mended = {
    means: 'peers',
    placed: new Map([[0, peers[3]!.peer]]),
    bytesRead: 3000,
    bytesSent: 1000,
    failures: [],
  } as const
  const done: RepairedPack = {
    before,
    after: health('a'),
    cost,
    mended,
    left: undefined,
    error: undefined,
  }

  it('says what was made, from what, and what it took', () => {
    const summary = repair({
      repaired: [done],
      packs: [health('a')],
      bytesRead: 3000,
      bytesSent: 1000,
    })
    expect(repairLines(summary).slice(-2)).toEqual([
      'repaired   1 share of 1 pack: 1000 B sent, 2.9 KiB read',
      '           1 pack from what peers hold',
    ])
    expect(repairExit(summary)).toBe(EXIT.ok)
    expect(repairRecords(summary)).toContainEqual(
      expect.objectContaining({ message_type: 'repaired_pack', means: 'peers', verdict: 'whole' }),
    )
  })

  it('says what is left and what failed, and ends with 3', () => {
    const left: RepairedPack = { ...done, after: before, mended: undefined, left: 'budget' }
    const failed = { ...left, left: 'failed', error: new DiskError('no \u001b[31mred') } as const
    const summary = repair({ repaired: [left, failed], packs: [before, before] })
    const lines = repairLines(summary)
    expect(lines).toContain('left       1 pack for another run: the budget is used up')
    expect(lines).toContain(`failed     pack …${packA.slice(-8)}: no \\x1b[31mred`)
    expect(repairExit(summary)).toBe(EXIT.incomplete)
  })

  it('only planned, says what would be moved', () => {
    const planned: RepairedPack = { ...done, after: before, mended: undefined, left: 'planned' }
    const summary = repair({ repaired: [planned], packs: [before], isDryRun: true })
    expect(repairLines(summary).slice(-2)).toEqual([
      'would move 1000 B to peers and 2.9 KiB from them, for 1 pack; nothing was changed',
      '           1 pack from what peers hold',
    ])
    expect(repairExit(summary)).toBe(EXIT.ok)
  })
})

/** 1-of-3, safe with 2: share i at peer i. */
function health(
  name: string,
  { away = [], gone = [] }: { away?: readonly number[]; gone?: readonly number[] } = {},
): PackHealth {
  const id: PackId = packId(utf8(name))
  const shape = { needed: 1, total: 3, size: 900 }
  const friends = new Map<PeerId, FriendFacts>(
    peers.map(({ peer }, index) => [
      peer,
      {
        standing: gone.includes(index) ? 'gone' : away.includes(index) ? 'quiet' : 'here',
        isSeenLately: true,
        domain: peer,
        isHere: !away.includes(index) && !gone.includes(index),
      },
    ]),
  )
  const holders = new Map(
    [0, 1, 2].map((share) => {
      const { peer } = peers[share]!
      return [share, [{ peer, isSeen: friends.get(peer)!.isHere }]]
    }),
  )
  const pack = { id, kind: 'data', numbers: [1], shape } as const
  return judgePack(pack, { holders, barred: new Set() }, friends)
}

function check(more: Partial<CheckSummary>): CheckSummary {
  const nothing = { dropped: [], verified: undefined, affected: [], warnings: [] }
  return { peers, packs: [], ...nothing, ...more }
}

function repair(more: Partial<RepairSummary>): RepairSummary {
  const nothing = { bytesRead: 0, bytesSent: 0, untold: [], failures: [], warnings: [] }
  return { peers, repaired: [], packs: [], isDryRun: false, ...nothing, ...more }
}
