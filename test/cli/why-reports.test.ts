import { describe, expect, it } from 'vitest'
import type { PackId } from '../../protocol/manifest.ts'
import { newRecord, type PeerRecord } from '../../src/base/peer-record.ts'
import { EXIT } from '../../src/cli/exit-code.ts'
import { formatAge, formatDay, friendName } from '../../src/cli/reports/friends.ts'
import { statusAlarms, statusLines, statusRecords } from '../../src/cli/reports/status.ts'
import { exitCodeAfterWhy, whyLines, whyRecords } from '../../src/cli/reports/why.ts'
import type { ClientStatus, WhyFriend, WhyReport } from '../../src/node/client.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { countLacks, explain } from '../../src/repair/explain.ts'
import { judgePack, type Holding, type Verdict } from '../../src/repair/pack-health.ts'

const DAY = 86_400_000
const NOW = Date.UTC(2026, 5, 15, 12)
const ids = ['ann', 'ben', 'cleo', 'dan'].map((name) => `12D3KooW-${name}-nnnnnn` as PeerId)
const [ann, ben, cleo, dan] = ids as [PeerId, PeerId, PeerId, PeerId]

describe('cairn why', () => {
  it('says in one line that all is whole', () => {
    const verdicts = new Map([['whole', 204] as const])
    const report: WhyReport = { ...empty, isAll: true, packsTotal: 204, verdicts }
    expect(whyLines(report)).toEqual([
      'All 204 packs are whole, as far as this computer knows; "cairn check" asks the peers.',
    ])
    expect(whyLines({ ...empty, isAll: true })).toEqual(['Nothing was backed up yet.'])
  })

  it('says who is missing, since when, until when, and what would help', () => {
    const report = reportOf(['ann', 'ben', undefined, undefined], {
      [cleo]: { standing: 'quiet', isHere: false, record: silentFor(3) },
      [dan]: {
        record: { ...newRecord(dan, NOW), refusal: 'full', refusedAt: NOW - 2 * 3_600_000 },
      },
    })
    expect(whyLines(report)).toEqual([
      '1 pack: 1 unsafe',
      '',
      'pack 12: data, 16.0 KiB, any 2 of 4 shares: unsafe, on 2 separate places, 3 make it safe',
      '  share 0: Ann',
      '  share 1: Ben',
      '  share 2: nobody',
      '  share 3: nobody',
      `  lacks: Cleo silent for 3 days; waited for until ${formatDay(NOW + 18 * DAY)} at least`,
      '  lacks: Dan has no room left (asked 2 hours ago)',
      '',
      'What would help:',
      '  Cleo (silent for 3 days) back',
      '  room at Dan',
      '  1 more friend with disk to lend: cairn invite',
    ])
  })

  it('tells the same to programs', () => {
    const report = reportOf(['ann', 'ben', undefined, undefined], {
      [cleo]: { standing: 'quiet', isHere: false, record: silentFor(3) },
    })
    const [pack, ...others] = whyRecords(report)
    expect(pack).toMatchObject({
      message_type: 'pack',
      numbers: [12],
      verdict: 'unsafe',
      happiness: 2,
      happiness_safe: 3,
      shares_missing: [2, 3],
    })
    expect(others).toContainEqual(
      expect.objectContaining({
        message_type: 'lack',
        lack: 'silent',
        peer: cleo,
        since: new Date(NOW - 3 * DAY).toISOString(),
        packs: 1,
        packs_unsafe: 1,
      }),
    )
    expect(others.at(-1)).toMatchObject({ message_type: 'summary', verdicts: { unsafe: 1 } })
  })

  it('tells of many packs the reasons, with how many have them', () => {
    const one = reportOf(['ann', 'ben', undefined, undefined], { [cleo]: { standing: 'leaving' } })
    const [explanation] = one.explanations
    const explanations = Array.from({ length: 21 }, () => explanation!)
    const verdicts = new Map<Verdict, number>([['unsafe', 21]])
    const lacks = countLacks(explanations)
    const lines = whyLines({ ...one, isAll: true, explanations, lacks, packsTotal: 21, verdicts })
    expect(lines).toEqual([
      '21 packs: 21 unsafe',
      '',
      '1 share to be placed, and there is room: 21 packs, 21 of them not safe',
      'Cleo about to leave the grid: its shares move: 21 packs, 21 of them not safe',
      '3 peers for 4 shares: 21 packs, 21 of them not safe',
      '',
      'What would help:',
      '  cairn repair: it places what 21 packs lack',
      '  1 more friend with disk to lend: cairn invite',
    ])
  })

  it.each([
    [['whole', 'settling', 'thin'], EXIT.ok],
    [['whole', 'unsafe'], EXIT.notSafe],
    [['settling', 'out-of-reach'], EXIT.notSafe],
    [['unsafe', 'lost'], EXIT.unrecoverable],
  ] as const)('%# ends with the status of the worst pack', (names, code) => {
    const verdicts = new Map<Verdict, number>(names.map((verdict) => [verdict, 1]))
    expect(exitCodeAfterWhy({ ...empty, verdicts })).toBe(code)
  })

  it('asks for friends in other houses where houses are too few', () => {
    const house = { domain: 'one house' }
    const report = reportOf(['ann', 'ben', 'cleo', 'dan'], {
      [ann]: house,
      [ben]: house,
      [cleo]: house,
    })
    const lines = whyLines(report)
    expect(lines).toContain(
      "  lacks: the grid's peers are in 2 separate houses, and a pack is safe in 3",
    )
    expect(lines.at(-1)).toBe('  1 more friend in other houses: cairn invite')
  })

  it('shows names that a terminal cannot misread', () => {
    expect(friendName({ peer: ann, name: 'Ann\u001b[2J' })).toBe('Ann\\x1b[2J')
    expect(friendName({ peer: ann })).toBe('…nnnnnn')
  })
})

const WEEK = 7 * DAY

describe('cairn status', () => {
  it('shows how packs and friends stand', () => {
    const lines = statusLines('/home', status)
    expect(lines).toContain('packs     1,204 whole, 3 settling: cairn why')
    expect(lines).toContain('checked   5 days ago')
    expect(lines.at(-2)).toContain('up    12D3KooW-ann-nnnnnn  Ann  on 93 %')
    expect(lines.at(-1)).toMatch(/^down {2}12D3KooW-ben-nnnnnn {2}silent {2}seen 3 days ago/)
    expect(lines.at(-1)).toContain('silent for 3 days; waited for until')
    expect(statusAlarms(status, WEEK)).toEqual([])
    const [vault, ...peers] = statusRecords('/home', status, WEEK)
    expect(vault).toMatchObject({ packs_whole: 1204, packs_settling: 3, is_check_overdue: false })
    expect(peers).toMatchObject([{ standing: 'here', online_share: 0.93 }, { lack: 'silent' }])
  })

  it('warns where the last complete snapshot is too old', () => {
    const { now } = status
    const complete = { sequence: 7, endedAt: now - 6 * DAY }
    const alarms = (lastSnapshot: ClientStatus['lastSnapshot'] & object, max = WEEK) =>
      statusAlarms({ ...status, lastSnapshot }, max)
    expect(alarms({ complete, incomplete: 0, isPartial: false })).toEqual([])
    expect(alarms({ complete, incomplete: 0, isPartial: false }, 5 * DAY)).toEqual([
      'The last complete snapshot is 6 days old. Run `cairn backup`.',
    ])
    expect(alarms({ complete, incomplete: 2, isPartial: false }, 5 * DAY)[0]).toBe(
      'The last complete snapshot is 6 days old. 2 snapshots since then left something out: `cairn backup` says what.',
    )
    expect(alarms({ complete: null, incomplete: 1, isPartial: false })[0]).toMatch(
      /^No snapshot is complete\. 1 snapshot /,
    )
    expect(alarms({ complete: null, incomplete: 0, isPartial: true })).toEqual([
      'No snapshot is complete. The last backup did not come to its end: `cairn backup` goes on.',
    ])
    expect(alarms({ complete, incomplete: 1, isPartial: true }, DAY)).toEqual([
      'The last complete snapshot is 6 days old. 1 snapshot since then left something out: `cairn backup` says what. ' +
        'The last backup did not come to its end: `cairn backup` goes on.',
    ])
    const [vault] = statusRecords(
      '/home',
      { ...status, lastSnapshot: { complete, incomplete: 0, isPartial: false } },
      DAY,
    )
    expect(vault).toMatchObject({ is_snapshot_overdue: true, snapshots_incomplete: 0 })
    expect(vault?.['lastSnapshot']).toBeUndefined()
  })

  it('warns where nobody checked for a month, and where packs are not safe', () => {
    const placed = { whole: 1, settling: 0, unsafe: 2 }
    const { lastCheck: _, ...never } = status
    const alarms = statusAlarms({ ...never, placed, isCheckOverdue: true }, WEEK)
    expect(alarms).toEqual([
      'Lost shares are not noticed: last checked never. Run `cairn repair`.',
      '2 packs not safe; `cairn why` says what would help.',
    ])
  })
})

describe('ages', () => {
  it('are told in the largest unit of which there are two', () => {
    const ages = [0, 119_000, 300_000, 7_100_000, 7_200_000, DAY, 2 * DAY, 60 * DAY].map(formatAge)
    expect(ages).toEqual([
      'a moment',
      'a moment',
      '5 minutes',
      '118 minutes',
      '2 hours',
      '24 hours',
      '2 days',
      '60 days',
    ])
  })
})

const empty: WhyReport = {
  isAll: false,
  friends: new Map(),
  explanations: [],
  lacks: [],
  friendsLacking: 0,
  packsTotal: 0,
  verdicts: new Map<Verdict, number>(),
  now: NOW,
}

const status: ClientStatus = {
  vault: 'a vault',
  device: 'a device',
  grid: 'a grid',
  sequence: 7,
  queue: { files: 0, bytes: 0 },
  spool: { packs: 0, bytes: 0 },
  settling: 0,
  placed: { whole: 1204, settling: 3, unsafe: 0 },
  helpers: [],
  evidence: [],
  lastCheck: {
    checkedAt: NOW - 5 * DAY,
    packs: { whole: 1207, settling: 0, thin: 0, unsafe: 0, 'out-of-reach': 0, lost: 0 },
    missing: 0,
  },
  warnings: [],
  isCheckOverdue: false,
  now: NOW,
  peers: [
    { peer: ann, name: 'Ann', reachable: true, standing: 'here', seenAt: NOW, online: 0.93 },
    {
      peer: ben,
      reachable: false,
      standing: 'quiet',
      seenAt: NOW - 3 * DAY,
      lack: { type: 'peer', peer: ben, why: 'silent', since: NOW - 3 * DAY, until: NOW + DAY },
    },
  ],
}

/** A pack of 2 of 4 whose shares lie with these, and what is the matter with some of them. */
function reportOf(
  holders: readonly (string | undefined)[],
  stories: Readonly<Record<PeerId, Partial<WhyFriend>>>,
): WhyReport {
  const friends = new Map(
    ids.map((peer) => {
      const name = (peer.split('-')[1] ?? '').replace(/^./, (letter) => letter.toUpperCase())
      const plain = { standing: 'here', isSeenLately: true, isHere: true, name } as const
      return [peer, { ...plain, domain: peer, ...stories[peer] }] as const
    }),
  )
  const shape = { needed: 2, total: 4, size: 16_384 }
  const pack = { id: 'a pack' as PackId, kind: 'data', numbers: [12], shape } as const
  const held = new Map<number, readonly Holding[]>()
  for (const [share, name] of holders.entries()) {
    const peer = ids.find((id) => id.includes(`-${name}-`))
    if (peer !== undefined) held.set(share, [{ peer, isSeen: true }])
  }
  const health = judgePack(pack, { holders: held, barred: new Set() }, friends)
  const explanation = explain(health, friends, NOW)
  return {
    ...empty,
    friends,
    explanations: [explanation],
    lacks: countLacks([explanation]),
    friendsLacking: explanation.friendsLacking,
    packsTotal: 1,
    verdicts: new Map([[health.verdict, 1]]),
  }
}

function silentFor(days: number): PeerRecord {
  const seenAt = NOW - days * DAY
  const ms = days * DAY
  return { ...newRecord(ann, seenAt), seenAt, silentMs: ms, unheardMs: ms }
}
