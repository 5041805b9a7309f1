/** The sums of blocks, plain: the twin of `kernels/sum-blocks.ts`. */

import { ByteWriter } from '../../../protocol/bytes.ts'
import type { SumBlocks } from '../kernels/kernels.ts'
import { strongSum } from './strong-sum.ts'
import { weakSum } from './weak-sum.ts'

export const sumBlocksPlainly: SumBlocks = (bytes, { blockSize, strongSize }) => {
  const writer = new ByteWriter()
  for (let at = 0; at < bytes.length; at += blockSize) {
    const block = bytes.subarray(at, at + blockSize)
    writer.u32(weakSum(block, 0, block.length) >>> 0)
    writer.put(strongSum(block).subarray(0, strongSize))
  }
  return writer.finish()
}
