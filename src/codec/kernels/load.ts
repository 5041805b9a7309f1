/**
 * Loads kernels: WebAssembly modules that the package carries as text.
 *
 * All is synchronous and touches nothing outside, so that kernels work in any thread, in the simulator
 * and in the installed package alike.
 */

/** What we use of the runtime's WebAssembly, which the types of Node leave to the browser's. */
declare const WebAssembly: {
  readonly validate: (binary: Uint8Array) => boolean
  readonly Module: new (binary: Uint8Array) => CompiledKernel
  readonly Instance: new (module: CompiledKernel) => { readonly exports: unknown }
}

/** A compiled module: code only, from which kernels are made. */
export type CompiledKernel = object

/** Memory grows in pages of this many bytes. */
const PAGE_SIZE = 65_536

/** What every kernel gives beside its functions. */
export interface KernelExports {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pageCount: number): number }
}

/** @returns the first of the modules that this runtime knows all instructions of */
export function compileKernel(...candidates: readonly string[]): CompiledKernel {
  const binaries = candidates.map((text) => Uint8Array.fromBase64(text))
  const known = binaries.find((binary) => WebAssembly.validate(binary))
  // Without any, compiling the last one says which instruction is unknown.
  return new WebAssembly.Module(known ?? binaries.at(-1)!)
}

/** A kernel with a memory of its own. */
export class Kernel<Exports extends KernelExports> {
  readonly run: Exports
  /** All of the memory; another array once it has grown. */
  bytes: Uint8Array<ArrayBuffer>

  constructor(module: CompiledKernel) {
    // The module's source says what it exports.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    this.run = new WebAssembly.Instance(module).exports as Exports
    this.bytes = new Uint8Array(this.run.memory.buffer)
  }

  /** Have at least `size` bytes of memory. What is in it stays. */
  reserve(size: number): void {
    if (this.bytes.length >= size) return
    this.run.memory.grow(Math.ceil((size - this.bytes.length) / PAGE_SIZE))
    this.bytes = new Uint8Array(this.run.memory.buffer)
  }
}
