/**
 * Roster store: the roster's statements on our own disk, one file, replaced whole.
 *
 * The statements are signed, so the file needs no seal of its own; one that cannot be read is as good
 * as none, since any peer tells the roster again.
 */

import { z } from 'zod'

import { bytesField, decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { STATEMENTS_MAX } from '../../protocol/roster.ts'
import { STATEMENT_SIZE_MAX } from '../../protocol/roster-statement.ts'
import type { Disk } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import { withFile } from './share-files.ts'

const PATH = 'roster'
const PART_PATH = 'roster.part'
const BAD_PATH = 'roster.bad'
const FILE_SIZE_MAX = STATEMENTS_MAX * (STATEMENT_SIZE_MAX + 8) + 64

const schema = z.strictObject({
  statements: z.array(bytesField(1, STATEMENT_SIZE_MAX)).max(STATEMENTS_MAX),
})

/** @returns the statements saved last; none if there is no file, or a damaged one, which is set aside */
export async function loadRoster(disk: Disk, log: Log): Promise<readonly Uint8Array[]> {
  const bytes = await withFile(disk, PATH, (file) => file.read(0, FILE_SIZE_MAX + 1))
  if (bytes === undefined) return []
  try {
    return decodeCbor(bytes, schema, { format: 'kept roster', sizeMax: FILE_SIZE_MAX }).statements
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    log.error('roster set aside', { error: error.name, why: error.message })
    await disk.rename(PATH, BAD_PATH)
    return []
  }
}

/** Keep these statements, durably, in place of the former. */
export async function saveRoster(disk: Disk, statements: readonly Uint8Array[]): Promise<void> {
  await disk.remove(PART_PATH)
  const file = await disk.create(PART_PATH)
  try {
    await file.append(encodeCbor({ statements }))
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(PART_PATH, PATH)
  await disk.syncFolder('')
}
