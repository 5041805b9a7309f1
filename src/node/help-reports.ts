/**
 * Help reports: what a peer last did for each vault it looks after, kept beside the cap.
 *
 *     help/<vault>.report
 *
 * For whoever runs the peer: `cairn peer helps` shows it, whether the peer runs or not.
 */

import { z } from 'zod'
import { decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { FormatError } from '../base/errors.ts'
import type { Disk } from '../ports/disk.ts'
import { VERDICTS } from '../repair/pack-health.ts'
import { HELP_FOLDER } from '../store/helped-vaults.ts'
import { readWhole, StateDamagedError, writeWhole } from '../store/whole-file.ts'

const REPORT_SIZE_MAX = 16 * 1024

const count = z.int().nonnegative()

const outcomeSchema = z.strictObject({
  /**
   * - `helped`: the round was done
   * - `no-head`: nobody who answers has a head of this vault
   * - `replaced`: another device took the place of the one that made the cap
   */
  type: z.enum(['helped', 'no-head', 'replaced']),
  /** Of the newest head; 0 without one. */
  sequence: count,
  /** Peers that renewed the lease, and those that did not answer or would not. */
  renewed: count,
  missed: count,
  packs: count,
  /** How many packs there are of each verdict. */
  verdicts: z.partialRecord(z.enum(VERDICTS), count),
  /** Shares made again and placed. */
  placed: count,
  bytesRead: count,
  bytesSent: count,
  /** Shares that peers had said they stored and do not have. */
  dropped: count,
  /** Peers that were asked for a leaf, and shares that turned out to be bad. */
  audited: count,
  badShares: count,
})

const reportSchema = z.strictObject({
  /** When the round ended, milliseconds since 1970. */
  at: z.int(),
  outcome: outcomeSchema.exactOptional(),
  /** Why there was nothing. */
  trouble: z.string().exactOptional(),
})

export type HelpOutcome = Readonly<z.infer<typeof outcomeSchema>>
export type HelpReport = Readonly<z.infer<typeof reportSchema>>

export async function writeHelpReport(
  disk: Disk,
  vault: VaultId,
  report: HelpReport,
): Promise<void> {
  await writeWhole(disk, pathOf(vault), encodeCbor(report))
}

/** @returns `undefined` before the first round, and for a damaged file: the next round writes another */
export async function readHelpReport(disk: Disk, vault: VaultId): Promise<HelpReport | undefined> {
  try {
    const bytes = await readWhole(disk, pathOf(vault))
    if (bytes === undefined) return undefined
    return decodeCbor(bytes, reportSchema, { format: 'help report', sizeMax: REPORT_SIZE_MAX })
  } catch (error) {
    if (error instanceof StateDamagedError || error instanceof FormatError) return undefined
    throw error
  }
}

function pathOf(vault: VaultId): string {
  return `${HELP_FOLDER}/${vault}.report`
}
