/** Where chunks end, in WebAssembly: `plain/find-cut.ts` is the twin. */

import { gearWasm } from './gear.wasm.ts'
import type { CutFinder, OpenCutFinder } from './kernels.ts'
import { compileKernel, Kernel, type KernelExports } from './load.ts'

interface GearExports extends KernelExports {
  base(): number
  gear(): number
  hashNow(): number
  findCut(from: number, first: number, end: number, before: number, threshold: number): number
}

/** Bytes that are copied in and looked through at a time. */
const STEP_SIZE = 64 * 1024

/** One for all: between calls it keeps nothing but the table of whoever used it last. */
let kernel: Kernel<GearExports> | undefined
let tableIn: Uint32Array | undefined

export const findCutsInWasm: OpenCutFinder = (gear, threshold) => new WasmCutFinder(gear, threshold)

class WasmCutFinder implements CutFinder {
  readonly #gear: Uint32Array
  readonly #threshold: number
  #hash = 0

  constructor(gear: Uint32Array, threshold: number) {
    this.#gear = gear
    this.#threshold = threshold
  }

  restart(): void {
    this.#hash = 0
  }

  find(bytes: Uint8Array, from: number, first: number, end: number): number | undefined {
    const { run, bytes: memory } = this.#kernel()
    const base = run.base()
    for (let at = from; at < end; at += STEP_SIZE) {
      const step = bytes.subarray(at, Math.min(at + STEP_SIZE, end))
      memory.set(step, base)
      const look = base + Math.min(Math.max(first - at, 0), step.length)
      const cut = run.findCut(base, look, base + step.length, this.#hash, this.#threshold)
      if (cut !== 0) return at + cut - base
      this.#hash = run.hashNow()
    }
    return undefined
  }

  #kernel(): Kernel<GearExports> {
    if (kernel === undefined) {
      kernel = new Kernel<GearExports>(compileKernel(gearWasm))
      kernel.reserve(kernel.run.base() + STEP_SIZE)
    }
    if (tableIn !== this.#gear) {
      new Uint32Array(kernel.bytes.buffer, kernel.run.gear(), this.#gear.length).set(this.#gear)
      tableIn = this.#gear
    }
    return kernel
  }
}
