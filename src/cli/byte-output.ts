/** Bytes on standard output, at the pace of whoever reads them. */

import { orAbort } from '../base/abort.ts'
import type { TextSink } from './output.ts'

/**
 * @returns once the bytes were taken; nothing holds on to them any more
 * @throws the signal's reason, unchanged, once it aborts: a reader that stands still keeps nobody
 */
export async function writeBytes(
  sink: TextSink,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  // A closed pipe ends the program as it does for text: src/cli/own-process.ts.
  sink.write(bytes, (error) => (error ? reject(error) : resolve()))
  await orAbort(promise, signal)
}
