/** The grid file: which grid this home belongs to, and its roster. Kept beside the database, not in it. */

import { z } from 'zod'
import { bytesField, decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import {
  STATEMENTS_MAX,
  gridIdFromBytes,
  gridIdToBytes,
  type GridId,
} from '../../protocol/roster.ts'
import { STATEMENT_SIZE_MAX } from '../../protocol/roster-statement.ts'
import { FormatError } from '../base/errors.ts'
import type { Disk } from '../ports/disk.ts'
import { StateDamagedError, readWhole, writeWhole } from './whole-file.ts'

const PATH = 'grid/roster'
const FILE_SIZE_MAX = 8 * 1024 * 1024

export interface GridFile {
  readonly grid: GridId
  readonly statements: readonly Uint8Array[]
}

const schema = z.strictObject({
  version: z.literal(1),
  grid: bytesField(32, 32),
  statements: z.array(bytesField(1, STATEMENT_SIZE_MAX)).max(STATEMENTS_MAX),
})

export async function writeGridFile(disk: Disk, { grid, statements }: GridFile): Promise<void> {
  const bytes = encodeCbor({ version: 1, grid: gridIdToBytes(grid), statements })
  await writeWhole(disk, PATH, bytes)
}

/** @returns undefined where no grid was joined, or the file is damaged: joining again mends both */
export async function readGridFile(disk: Disk): Promise<GridFile | undefined> {
  try {
    const bytes = await readWhole(disk, PATH)
    if (bytes === undefined) return undefined
    const file = decodeCbor(bytes, schema, { format: 'grid file', sizeMax: FILE_SIZE_MAX })
    return { grid: gridIdFromBytes(file.grid), statements: file.statements }
  } catch (error) {
    if (error instanceof StateDamagedError || error instanceof FormatError) return undefined
    throw error
  }
}
