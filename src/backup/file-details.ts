/** What was seen of a file beside its status, in the form in which it is kept. */

import { TIME_SECONDS_MAX } from '../../protocol/attribute-columns.ts'
import {
  encodeFileExtras,
  fitXattrs,
  HOLES_MAX,
  XATTRS_SIZE_MAX,
  type Hole,
  type Xattr,
} from '../../protocol/file-extras.ts'
import { FilesError } from '../base/errors.ts'
import type { FileStatus } from '../ports/files.ts'
import type { EntryDetails } from '../store/entry-details.ts'

/** One more than are told: then there are too many. */
export const HOLES_ASKED = HOLES_MAX + 1

export interface SeenDetails {
  readonly details: EntryDetails
  /** Extended attributes were beyond the bound and are left out. */
  readonly trouble: FilesError | undefined
}

/** @param holes - up to `HOLES_ASKED` */
export function detailsOf(
  status: FileStatus,
  xattrs: readonly Xattr[],
  holes: readonly Hole[] = [],
): SeenDetails {
  const { kept, left } = fitXattrs(xattrs)
  const isLinked = status.linkCount > 1 && status.kind !== 'folder'
  const extra = encodeFileExtras({
    xattrs: kept,
    linkedOn: isLinked ? BigInt.asUintN(64, status.device) : undefined,
    holes: holes.length === 0 ? undefined : holes.length > HOLES_MAX ? [] : holes,
  })
  const { deviceNumber: device } = status
  // A broken file system can claim anything, and it is no more than a remark.
  const isSound = Math.abs(status.bornAt ?? 0) < TIME_SECONDS_MAX
  const bornAt = isSound ? status.bornAt : undefined
  return { details: { bornAt, device, extra }, trouble: troubleOf(left) }
}

function troubleOf(left: readonly Uint8Array[]): FilesError | undefined {
  if (left.length === 0) return undefined
  const names = left.map((name) => JSON.stringify(new TextDecoder().decode(name))).join(', ')
  return new FilesError(
    'E2BIG',
    `its extended attributes are more than ${XATTRS_SIZE_MAX} bytes together: all is kept but ${names}`,
  )
}
