/**
 * The scanner, in WebAssembly: table and window of the new file lie in the kernel's memory, and whole
 * windows are looked through in one call. `plain/scan-blocks.ts` is the twin.
 */

import type { Signature } from '../rdiff-signature.ts'
import { PROBES_MAX, tableShape } from '../table-shape.ts'
import { openBlocks, type BlocksKernel } from './blocks.ts'
import { LITERAL_MAX, type BlockScanner, type OpenScanner, type ScanSink } from './kernels.ts'

/** Bytes that are copied in and looked through at a time: within the second-level cache. */
const STEP_SIZE = 128 * 1024

/** Matches that one call may tell of. */
const MATCHES_MAX = 4096
const MATCH_SIZE = 8

/** A kernel that has grown beyond this is not kept for the next scanner. */
const SPARE_SIZE_MAX = 16 * 1024 * 1024

/** Kernels take time to make, and many files are small: one waits for its next use. */
let spare: BlocksKernel | undefined

export const scanInWasm: OpenScanner = (signature) => new WasmScanner(signature)

class WasmScanner implements BlockScanner {
  readonly #blockSize: number
  readonly #kernel: BlocksKernel
  /** Where the window of the new file lies in the kernel's memory. */
  readonly #windowStart: number
  readonly #windowEnd: number
  readonly #matchesAt: number

  /** Addresses: a literal from `#start` to `#position`, then up to `#end` what is not looked at. */
  #start: number
  #position: number
  #end: number
  /** The block behind the last copy's where the literal is empty, or −1. */
  #next = -1

  constructor(signature: Signature) {
    const { blockSize, strongSize, count, weak, strong } = signature
    const kernel = spare ?? openBlocks()
    spare = undefined
    const { filterPower, slotPower } = tableShape(count)

    const weaksAt = align(kernel.run.base())
    const slotsAt = weaksAt + 4 * count
    const filterAt = slotsAt + 4 * 2 ** slotPower
    const matchesAt = align(filterAt + 2 ** (filterPower - 3))
    const strongsAt = matchesAt + MATCHES_MAX * MATCH_SIZE
    const windowAt = align(strongsAt + strong.length)
    // What is kept is less than a literal and a block; twice that, so that it seldom has to move.
    const windowEnd = windowAt + 2 * (LITERAL_MAX + blockSize) + STEP_SIZE
    kernel.reserve(windowEnd)
    kernel.bytes.set(new Uint8Array(weak.buffer, weak.byteOffset, weak.byteLength), weaksAt)
    kernel.bytes.set(strong, strongsAt)
    kernel.run.setUp(
      weaksAt,
      strongsAt,
      slotsAt,
      filterAt,
      matchesAt,
      count,
      blockSize,
      strongSize,
      32 - slotPower,
      32 - filterPower,
      PROBES_MAX,
      MATCHES_MAX,
    )

    this.#kernel = kernel
    this.#blockSize = blockSize
    this.#matchesAt = matchesAt
    this.#windowStart = windowAt
    this.#windowEnd = windowEnd
    this.#start = windowAt
    this.#position = windowAt
    this.#end = windowAt
  }

  get literalSize(): number {
    return this.#position - this.#start
  }

  push(bytes: Uint8Array, sink: ScanSink): void {
    for (let at = 0; at < bytes.length; at += STEP_SIZE) {
      this.#append(bytes.subarray(at, at + STEP_SIZE))
      this.#scan(sink)
    }
  }

  close(sink: ScanSink): void {
    this.#kernel.run.scanTail(this.#position, this.#end, this.#next)
    const hasMatch = this.#kernel.run.matchCount() > 0
    if (hasMatch) {
      const [position, block] = this.#match(0)
      const length = this.#end - position
      this.#flush(position, sink)
      sink.copy(block * this.#blockSize, length)
    } else this.#flush(this.#end, sink)
    this.#start = this.#end
    this.#position = this.#end
    if (this.#kernel.bytes.length <= SPARE_SIZE_MAX) spare = this.#kernel
  }

  /** @param bytes - at most STEP_SIZE */
  #append(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#windowEnd) {
      this.#kernel.bytes.copyWithin(this.#windowStart, this.#start, this.#end)
      const moved = this.#start - this.#windowStart
      this.#start -= moved
      this.#position -= moved
      this.#end -= moved
    }
    this.#kernel.bytes.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** Goes on while there is a block at the position, and a byte behind it to roll on to. */
  #scan(sink: ScanSink): void {
    const last = this.#end - this.#blockSize
    const { run } = this.#kernel
    while (this.#position < last) {
      const stopped = run.scan(this.#position, last, this.#next)
      const count = run.matchCount()
      for (let at = 0; at < count; at++) {
        const [position, block] = this.#match(at)
        this.#flush(position, sink)
        sink.copy(block * this.#blockSize, this.#blockSize)
        this.#start = position + this.#blockSize
        this.#next = block + 1
      }
      this.#position = stopped
      if (this.#start < stopped) this.#next = -1
    }
    while (this.#position - this.#start >= LITERAL_MAX) this.#flush(this.#start + LITERAL_MAX, sink)
  }

  #match(index: number): [position: number, block: number] {
    const at = this.#matchesAt + MATCH_SIZE * index
    const pair = new DataView(this.#kernel.bytes.buffer, at, MATCH_SIZE)
    return [pair.getUint32(0, true), pair.getUint32(4, true)]
  }

  /** Gives out the literal up to an address, in parts that a command can hold. */
  #flush(end: number, sink: ScanSink): void {
    while (this.#start < end) {
      const to = Math.min(end, this.#start + LITERAL_MAX)
      sink.literal(this.#kernel.bytes.subarray(this.#start, to))
      this.#start = to
    }
  }
}

function align(address: number): number {
  return Math.ceil(address / 64) * 64
}
