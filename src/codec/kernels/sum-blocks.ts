/**
 * The sums of blocks, in WebAssembly: two blocks at a time. `plain/sum-blocks.ts` is the twin.
 */

import { openBlocks, type BlocksKernel } from './blocks.ts'
import type { SumBlocks } from './kernels.ts'

const WEAK_SIZE = 4

/** Bytes that are copied in at a time, if they are two blocks at least: within the second-level cache. */
const BATCH_SIZE = 128 * 1024

let kernel: BlocksKernel | undefined

export const sumBlocksInWasm: SumBlocks = (bytes, { blockSize, strongSize }) => {
  kernel ??= openBlocks()
  const sumsSize = WEAK_SIZE + strongSize
  const batchCount = 2 * Math.max(1, Math.floor(BATCH_SIZE / (2 * blockSize)))
  const sums = new Uint8Array(Math.ceil(bytes.length / blockSize) * sumsSize)
  const from = kernel.run.base()
  for (let offset = 0, at = 0; offset < bytes.length; offset += batchCount * blockSize) {
    const batch = bytes.subarray(offset, offset + batchCount * blockSize)
    const to = from + batch.length
    const size = Math.ceil(batch.length / blockSize) * sumsSize
    kernel.reserve(to + size)
    kernel.bytes.set(batch, from)
    kernel.run.sumBlocks(from, batch.length, blockSize, strongSize, to)
    sums.set(kernel.bytes.subarray(to, to + size), at)
    at += size
  }
  return sums
}
