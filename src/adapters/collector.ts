/**
 * Collector: buffers outside of V8's heap count as part of it.
 *
 * By default V8 collects its whole heap after every 32 to 64 MB of such buffers, however little there
 * is to gain; what a backup or restore moves passes through them several times over. Counted with the
 * heap they are let grow in proportion to it: a restore of 256 MiB took 51 collections and 1.2 s of
 * processor time for them.
 */

import { setFlagsFromString } from 'node:v8'

/** A wish: a V8 that does not know the flag says so on stderr and goes on. */
export function collectInProportion(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit')
}
