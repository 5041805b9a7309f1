import { describe, expect, it } from 'vitest'
import { versionId, type Attributes, type Span, type Version } from '../../protocol/tree.ts'
import { FilesError } from '../../src/base/errors.ts'
import { NotSafeError } from '../../src/backup/not-safe.ts'
import { EXIT } from '../../src/cli/exit-code.ts'
import { formatTime } from '../../src/cli/format.ts'
import { forgetAdvice, forgetLines, forgetRecords } from '../../src/cli/reports/forget.ts'
import { gcAdvice, gcLines, gcRecord } from '../../src/cli/reports/gc.ts'
import {
  extractedLines,
  extractedRecords,
  historyLines,
  historyRecords,
} from '../../src/cli/reports/history.ts'
import { exitCodeAfter, trafficLines } from '../../src/cli/reports/maintained.ts'
import { degradedLines, rebuildLines, rebuildRecords } from '../../src/cli/reports/rebuild.ts'
import type {
  ForgetSummary,
  GcSummary,
  HistoryReport,
  Maintained,
  RebuildSummary,
  RebuiltFile,
} from '../../src/node/maintenance-types.ts'
import type { ChainFacts } from '../../src/repair/chain-facts.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { decide } from '../../src/repair/retention.ts'
import { unwitnessed, witnessed } from '../repair/dated-snapshots.ts'

const NOON = Date.parse('2026-06-15T12:00:00Z')
const DAY = 86_400_000
const path = new Uint8Array(Buffer.from('/home/anna/big\n.db'))

const nothing: Maintained = {
  sequence: undefined,
  published: false,
  bytesFetched: 0,
  bytesAdded: 0,
  bytesSent: 0,
  warnings: [],
}
const published: Maintained = {
  ...nothing,
  sequence: 43,
  published: true,
  bytesFetched: 2048,
  bytesAdded: 1024,
  bytesSent: 4096,
}

describe('a report of maintenance', () => {
  const notSafe = new NotSafeError('this head is', { happiness: 2, needed: 3, missing: [] })

  it.each([
    [nothing, false, EXIT.ok],
    [published, false, EXIT.ok],
    [published, true, EXIT.incomplete],
    [{ ...published, published: false, notSafe }, true, EXIT.notSafe],
    [{ ...published, published: false }, false, EXIT.notSafe],
  ])('%# ends with its status', (summary, isIncomplete, code) => {
    expect(exitCodeAfter(summary, isIncomplete)).toBe(code)
  })

  it('tells of bytes only where some went', () => {
    expect(trafficLines(nothing)).toEqual([])
    expect(trafficLines(published)).toEqual([
      'fetched   2.0 KiB from peers',
      'stored    1.0 KiB new, 4.0 KiB sent to peers',
    ])
  })
})

describe('forget', () => {
  const decisions = decide(
    [
      witnessed(42, NOON, { tags: ['x\u001b'] }),
      witnessed(41, NOON - 1),
      unwitnessed(40, NOON - DAY),
    ],
    { daily: 1, tags: [['x\u001b']] },
  )
  const summary: ForgetSummary = {
    ...published,
    decisions,
    versionsDropped: 5,
    deltasComposed: 1,
  }

  it('shows every snapshot with its reasons, newest last, and what to do next', () => {
    expect(forgetLines(summary, false)).toEqual([
      '          id  received              why',
      `remove    40  ${formatTime(NOON - DAY)}?  has not all tags x\\x1b; daily: 1 newer days are kept`,
      `remove    41  ${formatTime(NOON - 1)}   has not all tags x\\x1b; daily: snapshot 42 stands for its day`,
      `keep      42  ${formatTime(NOON)}   has tags x\\x1b; daily snapshot`,
      '? as the laptop’s clock or fewer than three peers said',
      '1 snapshot kept, 2 snapshots removed',
      'dropped   5 versions of files; 1 delta composed for those that rested on them',
      'fetched   2.0 KiB from peers',
      'stored    1.0 KiB new, 4.0 KiB sent to peers',
    ])
    expect(forgetAdvice(summary, false)).toContain('cairn gc')
  })

  it('says of a dry run that nothing was changed', () => {
    const lines = forgetLines({ ...summary, ...nothing }, true)
    expect(lines.at(-1)).toBe('1 snapshot would be kept, 2 snapshots would be removed')
    expect(forgetAdvice(summary, true)).toContain('Nothing was changed')
  })

  it('says of a head that too few peers have that nothing was removed yet', () => {
    const notSafe = new NotSafeError('the head lies', { happiness: 2, needed: 3, missing: [] })
    const waiting = { ...summary, published: false, notSafe }
    expect(forgetLines(waiting, false).at(-1)).toBe(
      '1 snapshot would be kept, 2 snapshots would be removed',
    )
    expect(forgetAdvice(waiting, false)).toBe('Nothing was removed yet.')
  })

  it('has nothing to advise where nothing goes', () => {
    const all = { ...summary, decisions: decisions.slice(0, 1) }
    expect(forgetLines(all, false).at(-1)).toBe('nothing to remove: 1 snapshot kept')
    expect(forgetAdvice(all, false)).toBeUndefined()
    expect(forgetLines({ ...summary, decisions: [] }, false)).toEqual(['There are no snapshots.'])
  })

  it('is a record for each snapshot, and a summary', () => {
    const records = forgetRecords(summary, true)
    expect(records.slice(0, 3)).toMatchObject([
      { message_type: 'decision', id: '42', is_kept: true, is_witnessed: true },
      { message_type: 'decision', id: '41', is_kept: false },
      {
        message_type: 'decision',
        id: '40',
        is_witnessed: false,
        reasons: [expect.anything(), expect.anything()],
      },
    ])
    expect(records.at(-1)).toEqual({
      message_type: 'summary',
      is_dry_run: true,
      snapshots_kept: 1,
      snapshots_removed: 2,
      versions_dropped: 5,
      deltas_composed: 1,
      head_sequence: 43,
      is_published: true,
      bytes_fetched: 2048,
      data_added: 1024,
      bytes_sent: 4096,
    })
  })
})

describe('rebuild', () => {
  const files: RebuiltFile[] = [
    rebuilt('compose', { isDone: true }),
    rebuilt('reverse', { isDone: false }),
    rebuilt('leave', { isDone: true, degraded: [version(3)] }),
  ]
  const summary: RebuildSummary = { ...published, files, failures: [], isDryRun: false }

  it('shows each file’s plan, what was moved in all, and what is left', () => {
    expect(rebuildLines(summary)).toEqual([
      'plan              up        down       freed  chain      file: why',
      'compose      1.0 KiB     2.0 KiB     3.0 KiB  40 → 1     /home/anna/big\\n.db: 40 deltas',
      'reverse      1.0 KiB     2.0 KiB     3.0 KiB  40 → 1     /home/anna/big\\n.db: 40 deltas (not done yet)',
      'leave        1.0 KiB     2.0 KiB     3.0 KiB  40 → 1     /home/anna/big\\n.db: 40 deltas',
      'total        1.0 KiB     2.0 KiB     3.0 KiB             1 file rebuilt, 1 file left for later',
      'fetched   2.0 KiB from peers',
      'stored    1.0 KiB new, 4.0 KiB sent to peers',
    ])
    expect(rebuildLines({ ...summary, files: [] })).toEqual(['No chain is too long.'])
  })

  it('shows the sum of all plans of a dry run', () => {
    const planned = files.map((file) => ({ ...file, isDone: false }))
    const lines = rebuildLines({ ...summary, ...nothing, files: planned, isDryRun: true })
    expect(lines.at(-1)).toBe(
      'total        3.0 KiB     6.0 KiB     9.0 KiB             2 files would be rebuilt; nothing was changed',
    )
  })

  it('names degraded files and their versions', () => {
    expect(degradedLines(summary)).toEqual([
      '/home/anna/big\\n.db: no path leads to v3 now: objects are lost. The other versions are whole.',
    ])
  })

  it('is a record for each file, and a summary', () => {
    const failed = { path, error: new FilesError('EIO', 'x: EIO'), during: 'read' as const }
    const records = rebuildRecords({ ...summary, failures: [failed] })
    expect(records[0]).toMatchObject({
      message_type: 'rebuild_plan',
      path: '/home/anna/big\n.db',
      plan: 'compose',
      reason: '40 deltas',
      is_done: true,
      bytes_up: 1024,
      bytes_down: 2048,
      bytes_freed: 3072,
      before: { length: 40 },
      after: { length: 1 },
      degraded_versions: [],
    })
    expect(records.at(-1)).toMatchObject({
      message_type: 'summary',
      is_dry_run: false,
      files_total: 3,
      files_rebuilt: 1,
      files_degraded: 1,
      error_count: 1,
      planned_bytes_up: 3072,
      bytes_freed: 3072,
    })
  })
})

describe('gc', () => {
  const some = { packs: 2, bytes: 4096 }
  const none = { packs: 0, bytes: 0 }
  const summary: GcSummary = {
    ...published,
    released: some,
    inRelease: some,
    merged: { packs: 9, into: 1, bytesSaved: 100 },
    gone: some,
    live: some,
    cancelled: some,
    untold: ['peer' as PeerId],
  }

  it('tells what happened to packs, and when the space is back', () => {
    expect(gcLines(summary, false).slice(0, 7)).toEqual([
      'live      2 packs, 4.0 KiB of backups, before erasure coding',
      'merged    9 packs into 1: 100 B saved',
      'cancelled 2 packs, 4.0 KiB: peers keep them',
      'released  2 packs, 4.0 KiB that nothing needs any more',
      'waiting   2 packs, 4.0 KiB in release in all',
      'gone      2 packs, 4.0 KiB: the space is back',
      'untold    1 peer did not answer; the next gc or backup tells them',
    ])
    expect(gcAdvice(summary, false)).toContain('gc --cancel')
  })

  it('says of packs that wait for a safe head that they wait', () => {
    const waiting = { ...summary, published: false }
    expect(gcLines(waiting, false)).toContain(
      'pending   2 packs, 4.0 KiB that nothing needs: released once the head that says so is safe',
    )
    expect(gcLines(waiting, true).join('\n')).not.toContain('pending')
  })

  it('is short where there was nothing to do', () => {
    const idle: GcSummary = {
      ...nothing,
      released: none,
      inRelease: none,
      merged: { packs: 0, into: 0, bytesSaved: 0 },
      gone: none,
      live: some,
      cancelled: none,
      untold: [],
    }
    expect(gcLines(idle, false)).toHaveLength(3)
    expect(gcAdvice(idle, false)).toBeUndefined()
    expect(gcAdvice(idle, true)).toContain('dry run')
  })

  it('is one record', () => {
    expect(gcRecord(summary, false)).toMatchObject({
      message_type: 'summary',
      is_dry_run: false,
      released: some,
      in_release: some,
      merged: { packs: 9, into: 1, bytes_saved: 100 },
      gone: some,
      live: some,
      cancelled: some,
      peers_untold: ['peer'],
      head_sequence: 43,
    })
  })
})

describe('history', () => {
  const report: HistoryReport = {
    history: {
      versions: [
        version(3, { type: 'delta', base: 4 }),
        version(4),
        version(5, { type: 'delta', base: 4 }),
      ],
      spans: [
        span(3, 4, { kind: 'file', version: versionId(3, 0) }),
        span(4, 5, { kind: 'symlink', target: path }),
        span(5, undefined, { kind: 'file', version: versionId(5, 0) }),
      ],
    },
    storedSizes: new Map([
      [versionId(3, 0), 10],
      [versionId(4, 0), 1024],
    ]),
    chain: chain(1),
  }

  it('shows each version, how it is stored and what the chain costs', () => {
    expect(historyLines(report)).toEqual([
      'version         size     stored as                     label          snapshots          modified',
      'v3             100 B       10 B reverse delta on v4    stable         snapshot 3         2026-06-15T12:00:00.000000000Z',
      'v4             100 B    1.0 KiB original               stable         in no snapshot',
      'v5             100 B            forward delta on v4    stable         snapshot 5 on      2026-06-15T12:00:00.000000000Z',
      'symlink   snapshot 4',
      'chain     1 delta from the original to the newest version',
      'restore   1.0 KiB to fetch for 100 B',
      'stored    2.0 KiB for all versions',
      'chance    99.99914 % that the newest can be restored, 99.99918 % for its original alone',
      '          with 5 % of shares lost (assumed)',
    ])
  })

  it('is a record for each version, for other times, and for the chain', () => {
    const records = historyRecords(path, report)
    expect(records.map(({ message_type }) => message_type)).toEqual([
      'version',
      'version',
      'version',
      'span',
      'chain',
    ])
    expect(records[0]).toMatchObject({
      version: 3072,
      stored_as: 'delta',
      direction: 'reverse',
      base_version: 4096,
      stored_size: 10,
      spans: [{ from_snapshot: 3, until_snapshot: 4 }],
    })
    expect(records.at(-1)).toMatchObject({
      length: 1,
      loss_probability: 8.6e-6,
      share_loss: 0.05,
      is_share_loss_measured: false,
    })
  })

  it('of what is no file now has no chain', () => {
    const gone = { ...report, chain: undefined }
    expect(historyLines(gone)).toHaveLength(5)
    expect(historyRecords(path, gone)).toHaveLength(4)
  })

  it('that was extracted is listed file by file', () => {
    const extracted = {
      files: [
        { name: '0001-v3.original', version: 3072, type: 'original' as const, size: 100 },
        { name: '0002-v4.delta', version: 4096, type: 'delta' as const, base: 3072, size: 9 },
      ],
      table: '0000-table.txt',
    }
    expect(extractedLines(extracted)).toEqual([
      '     100 B 0001-v3.original',
      '       9 B 0002-v4.delta',
      '0000-table.txt',
    ])
    expect(extractedRecords('/x', extracted)).toEqual([
      {
        message_type: 'extracted_file',
        name: '0001-v3.original',
        version: 3072,
        stored_as: 'original',
        base_version: undefined,
        size: 100,
      },
      {
        message_type: 'extracted_file',
        name: '0002-v4.delta',
        version: 4096,
        stored_as: 'delta',
        base_version: 3072,
        size: 9,
      },
      { message_type: 'extracted', folder: '/x', table: '0000-table.txt', files: 2 },
    ])
  })
})

function rebuilt(
  type: RebuiltFile['plan']['type'],
  { isDone, degraded = [] }: { isDone: boolean; degraded?: Version[] },
): RebuiltFile {
  const plan = {
    type,
    reason: '40 deltas',
    bytesUp: 1024,
    bytesDown: 2048,
    bytesFreed: 3072,
    before: chain(40),
    after: chain(1),
  }
  return { path, plan, isDone, degraded }
}

function chain(length: number): ChainFacts {
  return {
    length,
    size: 100,
    fetchSize: 1024,
    storedSize: 2048,
    loss: 8.6e-6,
    lossOfOriginal: 8.2e-6,
    shareLoss: 0.05,
    isMeasured: false,
  }
}

/** @param content - the base as a snapshot's sequence */
function version(
  sequence: number,
  content: { type: 'original' } | { type: 'delta'; base: number } = { type: 'original' },
): Version {
  const parts = { depth: 0, references: [] }
  return {
    id: versionId(sequence, 0),
    size: 100,
    digest: undefined,
    label: 'stable',
    content:
      content.type === 'original'
        ? { type: 'original', parts }
        : { type: 'delta', base: versionId(content.base, 0), parts },
    extra: [],
  }
}

function span(from: number, until: number | undefined, what: Span['what']): Span {
  const time = { seconds: NOON / 1000, nanoseconds: 0 }
  const attributes: Attributes = {
    mode: 0o644,
    uid: 0,
    gid: 0,
    mtime: time,
    ctime: time,
    inode: 1n,
    size: 100,
    extra: [],
  }
  return { from, until, attributes, what }
}
