/**
 * Combine, in WebAssembly: sums of inputs times constant factors over GF(2⁸).
 *
 * Inputs pass through the kernel's memory tile by tile: what is copied in and out stays in the second
 * level cache, and the memory stays small however large the pieces are. `plain/combine.ts` is its twin.
 */

import { assert } from '../../base/assert.ts'
import { unfilled } from '../buffers.ts'
import { multiply } from '../galois.ts'
import type { Combine } from './kernels.ts'
import { combineRelaxedWasm } from './combine-relaxed.wasm.ts'
import { combineWasm } from './combine.wasm.ts'
import { compileKernel, Kernel, type KernelExports } from './load.ts'

type CombineGroup = (
  tables: number,
  inputs: number,
  count: number,
  outputs: number,
  stride: number,
  size: number,
) => void

interface CombineExports extends KernelExports {
  readonly combine1: CombineGroup
  readonly combine2: CombineGroup
  readonly combine3: CombineGroup
  readonly combine4: CombineGroup
}

/** Bytes of the products with one factor: of 0 … 15 and of 16 · (0 … 15). */
const TABLE_SIZE = 32

/** Bytes that one step of the kernel takes of each input. */
const STEP_SIZE = 32

/** Tiles of all inputs and outputs together: they and their copies fit a second-level cache of 1 MiB. */
const TILES_SIZE = 640 * 1024
const TILE_SIZE_MAX = 64 * 1024
const TILE_SIZE_MIN = 1024

/** Between tiles, so that equal offsets do not compete for one set of the first-level cache. */
const TILE_GAP = 96

/** The products with each factor in turn. */
const PRODUCTS = Uint8Array.from({ length: 256 * TABLE_SIZE }, (_, at) => {
  const half = at % 16
  return multiply(Math.floor(at / TABLE_SIZE), at % TABLE_SIZE < 16 ? half : 16 * half)
})

/** @returns combine by the best of the given modules that this runtime knows */
export function combineBy(...modules: readonly string[]): Combine {
  let kernel: Kernel<CombineExports> | undefined
  return (rows, inputs, size) => {
    kernel ??= new Kernel<CombineExports>(compileKernel(...modules))
    return combine(kernel, rows, inputs, size)
  }
}

/** With relaxed SIMD where the runtime has it. */
export const combineInWasm: Combine = combineBy(combineRelaxedWasm, combineWasm)

function combine(
  kernel: Kernel<CombineExports>,
  rows: readonly Uint8Array[],
  inputs: readonly Uint8Array[],
  size: number,
): Uint8Array[] {
  assert(
    inputs.every((input) => input.length === size),
    'the inputs have equal sizes',
  )
  const outputs = rows.map(() => unfilled(size))
  if (rows.length === 0 || size === 0) return outputs

  const tile = tileSize(inputs.length + rows.length, size)
  const stride = tile + TILE_GAP
  const inputsAt = rows.length * inputs.length * TABLE_SIZE
  const outputsAt = inputsAt + inputs.length * stride
  kernel.reserve(outputsAt + rows.length * stride)
  const memory = kernel.bytes
  const groups = putTables(memory, rows, inputs.length)

  for (let offset = 0; offset < size; offset += tile) {
    const end = Math.min(offset + tile, size)
    for (const [at, input] of inputs.entries())
      memory.set(input.subarray(offset, end), inputsAt + at * stride)
    const steps = roundUp(end - offset)
    for (const { name, row, tables } of groups)
      kernel.run[name](tables, inputsAt, inputs.length, outputsAt + row * stride, stride, steps)
    for (const [at, output] of outputs.entries()) {
      const from = outputsAt + at * stride
      output.set(memory.subarray(from, from + end - offset), offset)
    }
  }
  return outputs
}

interface Group {
  readonly name: 'combine1' | 'combine2' | 'combine3' | 'combine4'
  readonly row: number
  readonly tables: number
}

/** Rows in groups of up to four, and what each group needs: tables in the order in which it reads them. */
function putTables(memory: Uint8Array, rows: readonly Uint8Array[], count: number): Group[] {
  const groups: Group[] = []
  let at = 0
  for (let row = 0; row < rows.length;) {
    const width = groupWidth(rows.length - row)
    groups.push({ name: `combine${width}`, row, tables: at })
    for (let input = 0; input < count; input++)
      for (let lane = row; lane < row + width; lane++, at += TABLE_SIZE) {
        const factor = rows[lane]![input]!
        memory.set(PRODUCTS.subarray(factor * TABLE_SIZE, (factor + 1) * TABLE_SIZE), at)
      }
    row += width
  }
  return groups
}

/** Even groups: 5 rows are 3 + 2, 6 are 3 + 3. */
function groupWidth(rowCount: number): 1 | 2 | 3 | 4 {
  if (rowCount === 5 || rowCount === 6) return 3
  return rowCount >= 4 ? 4 : rowCount === 3 ? 3 : rowCount === 2 ? 2 : 1
}

function tileSize(count: number, size: number): number {
  const share = Math.floor(TILES_SIZE / count)
  return roundUp(Math.min(Math.max(TILE_SIZE_MIN, Math.min(share, TILE_SIZE_MAX)), size))
}

function roundUp(size: number): number {
  return Math.ceil(size / STEP_SIZE) * STEP_SIZE
}
