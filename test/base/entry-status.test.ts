import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { equal } from '../../protocol/bytes.ts'
import {
  isSameStatus,
  pack,
  PACKED_STATUS_SIZE,
  peek,
  toEntryStatus,
  unpack,
} from '../../src/base/entry-status.ts'
import type { FileStatus } from '../../src/ports/files.ts'
import { fileStatus } from '../support/memory-database.ts'

describe('a packed status', () => {
  it('unpacks to what it was, and is equal bytes only where all is equal', () => {
    fc.assert(
      fc.property(statuses, statuses, (a, b) => {
        expect(pack(a)).toHaveLength(PACKED_STATUS_SIZE)
        expect(unpack(pack(a))).toEqual(a)
        expect(peek(pack(a))).toEqual({ kind: a.kind, size: a.size })
        expect(equal(pack(a), pack(b))).toBe(isSameStatus(a, b))
      }),
    )
  })

  it('holds times that no snapshot can, so that they can be told', () => {
    for (const seconds of [2 ** 52, -(2 ** 52), 2 ** 62, -(2 ** 62)]) {
      const status = fileStatus({ mtime: { seconds, nanoseconds: 999_999_999 } })
      expect(unpack(pack(status))).toEqual(status)
    }
  })
})

describe('the change test', () => {
  it.each([
    ['kind', { kind: 'symlink' }],
    ['size', { size: 11 }],
    ['inode', { inode: 6n }],
    ['seconds of the change', { ctime: { seconds: 1_700_000_001, nanoseconds: 2 } }],
    ['nanoseconds of the change', { ctime: { seconds: 1_700_000_000, nanoseconds: 3 } }],
    ['modification', { mtime: { seconds: 1_600_000_000, nanoseconds: 1 } }],
    ['mode', { mode: 0o600 }],
    ['owner', { uid: 1 }],
    ['group', { gid: 1 }],
  ] as const)('sees another %s', (_, change) => {
    expect(isSameStatus(fileStatus(), fileStatus())).toBe(true)
    expect(isSameStatus(fileStatus(), fileStatus(change))).toBe(false)
  })

  it('knows no size of folders, and nothing of sockets', () => {
    const status: FileStatus = { ...fileStatus(), size: 4_096, device: 1n, linkCount: 2 }
    expect(toEntryStatus({ ...status, kind: 'folder' })).toMatchObject({ kind: 'folder', size: 0 })
    for (const kind of ['fifo', 'characterDevice', 'blockDevice'] as const) {
      expect(toEntryStatus({ ...status, kind })).toMatchObject({ kind })
    }
    expect(toEntryStatus({ ...status, kind: 'socket' })).toBeUndefined()
  })
})

const times = fc.record({
  seconds: fc.oneof(
    fc.integer({ min: -5, max: 5 }),
    fc.integer({ min: -(2 ** 31), max: 2 ** 34 }),
    fc.maxSafeInteger().map((seconds) => Math.floor(seconds / 2)),
  ),
  nanoseconds: fc.integer({ min: 0, max: 999_999_999 }),
})

const statuses = fc
  .record({
    kind: fc.constantFrom('file' as const, 'folder' as const, 'symlink' as const),
    mode: fc.integer({ min: 0, max: 0o7777 }),
    uid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    gid: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    size: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })),
    mtime: times,
    ctime: times,
    inode: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  })
  .map((status) => (status.kind === 'folder' ? { ...status, size: 0 } : status))
