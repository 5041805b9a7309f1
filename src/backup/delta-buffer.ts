/**
 * The delta buffer: a delta waits here until it is known to be worth keeping.
 *
 * Small ones stay in memory; a large one goes to a file of our own disk, so memory stays flat.
 */

import { concat } from '../../protocol/bytes.ts'
import { OBJECT_SIZE_MAX } from '../../protocol/object.ts'
import type { Disk, DiskFile } from '../ports/disk.ts'

const PATH = 'spool/delta.new'

export class DeltaBuffer {
  readonly #disk: Disk
  #memory: Uint8Array[] = []
  #memorySize = 0
  #file: DiskFile | undefined
  #fileSize = 0

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** Bytes of the delta so far. */
  get size(): number {
    return this.#fileSize + this.#memorySize
  }

  /** Begin with nothing, and leave nothing behind. */
  async reset(): Promise<void> {
    this.#memory = []
    this.#memorySize = 0
    this.#fileSize = 0
    const file = this.#file
    this.#file = undefined
    if (file === undefined) return
    await file.close()
    await this.#disk.remove(PATH)
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#memory.push(bytes)
    this.#memorySize += bytes.length
    if (this.#memorySize < OBJECT_SIZE_MAX) return
    if (this.#file === undefined) {
      await this.#disk.remove(PATH)
      this.#file = await this.#disk.create(PATH)
    }
    await this.#file.append(concat(...this.#memory))
    this.#fileSize += this.#memorySize
    this.#memory = []
    this.#memorySize = 0
  }

  /** @returns the delta in order, in parts that fit one object each */
  async *parts(): AsyncGenerator<Uint8Array> {
    for (let offset = 0; offset < this.#fileSize; offset += OBJECT_SIZE_MAX) {
      const length = Math.min(OBJECT_SIZE_MAX, this.#fileSize - offset)
      if (this.#file !== undefined) yield await this.#file.read(offset, length)
    }
    if (this.#memorySize > 0) yield concat(...this.#memory)
  }
}
