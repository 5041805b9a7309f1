/**
 * Entry details: what the tree keeps of a path beside its status (src/base/entry-status.ts).
 *
 * None of it takes part in the change test: what changes it changes the change time too. So it is looked
 * at only where a path changed, waits in the queue, and the backupdb does not know it.
 */

import { putExtra, takeExtra } from '../../protocol/attribute-columns.ts'
import { ByteReader, ByteWriter } from '../../protocol/bytes.ts'
import type { DeviceNumber, Extra } from '../../protocol/tree.ts'

export interface EntryDetails {
  /** Seconds since 1970. */
  readonly bornAt?: number | undefined
  readonly device?: DeviceNumber | undefined
  readonly extra: readonly Extra[]
}

const HAS_BIRTH = 1
const HAS_DEVICE = 2

/** @returns nothing for nothing */
export function encodeDetails({ bornAt, device, extra }: EntryDetails): Uint8Array | undefined {
  if (bornAt === undefined && device === undefined && extra.length === 0) return undefined
  const flags = (bornAt === undefined ? 0 : HAS_BIRTH) | (device === undefined ? 0 : HAS_DEVICE)
  const writer = new ByteWriter().u8(flags)
  if (bornAt !== undefined) writer.zigzag(bornAt)
  if (device !== undefined) writer.varint(device.major).varint(device.minor)
  putExtra(writer, extra)
  return writer.finish()
}

/** @throws {FormatError} */
export function decodeDetails(bytes: Uint8Array | undefined): EntryDetails {
  if (bytes === undefined) return { extra: [] }
  const reader = new ByteReader(bytes)
  const flags = reader.u8()
  const bornAt = (flags & HAS_BIRTH) === 0 ? undefined : reader.zigzag()
  const device =
    (flags & HAS_DEVICE) === 0 ? undefined : { major: reader.varint(), minor: reader.varint() }
  const extra = takeExtra(reader)
  reader.end()
  return { bornAt, device, extra }
}
