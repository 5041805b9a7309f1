/**
 * What the last finished scan was of: the queue holds what it found.
 *
 * It goes with the queue: once that is emptied, there is nothing to upload.
 */

import { z } from 'zod'

const count = z.int().nonnegative()

export const scanRecord = z.strictObject({
  run: count,
  /** Milliseconds since 1970. */
  startedAt: z.int(),
  /** What it covers, absolute. */
  sources: z.array(z.custom<Uint8Array>((value) => value instanceof Uint8Array)),
  /** Not all that the sources cover was looked at; the rest counts as unchanged. */
  isPartial: z.boolean(),
  /** Of files that only grew the ends are to be read. */
  isQuick: z.boolean().default(false),
  /** Paths that could not be seen. */
  failed: count,
  totals: z.strictObject({
    files: count,
    folders: count,
    symlinks: count,
    specials: count,
    bytes: count,
    unmodified: count,
    unsupported: count,
    leftOut: count,
  }),
})

export type ScanRecord = z.output<typeof scanRecord>
