import { describe, expect, it } from 'vitest'
import { decodeFileExtras, HOLES_MAX } from '../../protocol/file-extras.ts'
import { detailsOf } from '../../src/backup/file-details.ts'
import { decodeDetails, encodeDetails } from '../../src/store/entry-details.ts'
import type { FileStatus } from '../../src/ports/files.ts'

describe('what was seen of a file', () => {
  it('waits in the queue as it will stand in the tree', () => {
    const xattrs = [
      { name: text('user.b'), value: text('2') },
      { name: text('user.a'), value: text('1') },
    ]
    const seen = detailsOf({ ...status, linkCount: 2 }, xattrs, [{ offset: 5, size: 6 }])
    expect(seen.trouble).toBeUndefined()
    const { extra, bornAt } = decodeDetails(encodeDetails(seen.details))
    expect(bornAt).toBe(-7)
    expect(decodeFileExtras(extra)).toEqual({
      xattrs: xattrs.toReversed(),
      linkedOn: 2n ** 64n - 1n,
      holes: [{ offset: 5, size: 6 }],
    })
  })

  it('is nothing for most files where no birth is told', () => {
    const { details } = detailsOf({ ...status, bornAt: undefined }, [])
    expect(encodeDetails(details)).toBeUndefined()
    expect(decodeDetails(undefined)).toEqual({ extra: [] })
  })

  it('keeps what a device stands for', () => {
    const deviceNumber = { major: 2 ** 32 - 1, minor: 0 }
    const { details } = detailsOf({ ...status, kind: 'blockDevice', deviceNumber }, [])
    expect(decodeDetails(encodeDetails(details)).device).toEqual(deviceNumber)
  })

  it('says of too many holes only that there are some', () => {
    const holes = Array.from({ length: HOLES_MAX + 1 }, (_, index) => ({
      offset: 9 * index,
      size: 5,
    }))
    expect(decodeFileExtras(detailsOf(status, [], holes).details.extra).holes).toEqual([])
    const most = holes.slice(1)
    expect(decodeFileExtras(detailsOf(status, [], most).details.extra).holes).toEqual(most)
  })

  it('leaves out a birth that no snapshot can hold, and links of folders', () => {
    const { details } = detailsOf({ ...status, kind: 'folder', linkCount: 9, bornAt: 2 ** 60 }, [])
    expect(details).toEqual({ extra: [] })
  })
})

const status: FileStatus = {
  kind: 'file',
  mode: 0o644,
  uid: 1,
  gid: 1,
  size: 20,
  mtime: { seconds: 1, nanoseconds: 1 },
  ctime: { seconds: 1, nanoseconds: 1 },
  // As a signed number would have it.
  device: -1n,
  inode: 4n,
  linkCount: 1,
  bornAt: -7,
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value)
}
