/**
 * rdiff: signature, delta and patch in librsync's formats, whole, for callers and readers.
 *
 * A signature stands for an old file; with it and a new file comes a delta; the old file and the
 * delta give the new file. Each works on streams; the helpers here do all at once.
 *
 * Format: docs/formats/delta.md
 */

import { concat } from '../../protocol/bytes.ts'
import { DeltaMaker } from './rdiff-delta.ts'
import { SignatureMaker, type Signature } from './rdiff-signature.ts'

export { DeltaMaker } from './rdiff-delta.ts'
export {
  applyDelta,
  BadDeltaError,
  DeltaReader,
  patchRanges,
  type DeltaOp,
  type PatchBase,
  type Range,
} from './rdiff-patch.ts'
export {
  BadSignatureError,
  BLOCK_SIZE_MAX,
  parseSignature,
  SignatureMaker,
  STRONG_SIZE,
  type Signature,
} from './rdiff-signature.ts'

/** The signature of a file in memory. */
export function makeSignature(
  file: Uint8Array,
  options: { blockSize: number; strongSize?: number },
): Uint8Array {
  const maker = new SignatureMaker(options)
  return concat(...maker.push(file), ...maker.close())
}

/** The delta that makes a file in memory of the one the signature stands for. */
export function makeDelta(signature: Signature, file: Uint8Array): Uint8Array {
  const maker = new DeltaMaker(signature)
  return concat(...maker.push(file), ...maker.close())
}
