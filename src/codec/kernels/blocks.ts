/** The kernel of blocks: what `assembly/blocks.ts` exports. */

import { blocksWasm } from './blocks.wasm.ts'
import { compileKernel, Kernel, type CompiledKernel, type KernelExports } from './load.ts'

interface BlocksExports extends KernelExports {
  base(): number
  sumBlocks(from: number, length: number, size: number, kept: number, to: number): void
  setUp(
    weaks: number,
    strongs: number,
    slots: number,
    filter: number,
    matches: number,
    count: number,
    blockSize: number,
    strongSize: number,
    slotShift: number,
    filterShift: number,
    probesMax: number,
    matchesMax: number,
  ): void
  scan(position: number, last: number, expected: number): number
  scanTail(position: number, end: number, expected: number): void
  matchCount(): number
}

export type BlocksKernel = Kernel<BlocksExports>

let compiled: CompiledKernel | undefined

/** @returns a kernel with a memory of its own */
export function openBlocks(): BlocksKernel {
  compiled ??= compileKernel(blocksWasm)
  return new Kernel<BlocksExports>(compiled)
}
