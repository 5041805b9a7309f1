/**
 * Windows on the packs of our own disk: to open a file for every small object costs more than to read
 * a whole stretch of it once.
 *
 * A pack in the spool never changes once it has its name; what was read of it holds for good.
 */

import type { PackRow } from '../store/packs.ts'
import type { Spool } from '../store/spool.ts'

const WINDOW_SIZE = 256 * 1024

/** Windows kept, at most: together 4 MiB. */
const COUNT_MAX = 16

export class LocalWindows {
  readonly #spool: Pick<Spool, 'read' | 'readUpTo'>
  readonly #kept = new Map<string, Promise<Uint8Array | undefined>>()

  constructor(spool: Pick<Spool, 'read' | 'readUpTo'>) {
    this.#spool = spool
  }

  /**
   * What is here of a pack is what was written under its number, whatever the number stands for since
   * packs were merged.
   *
   * @param offset - of the number's own bytes
   * @returns a view the caller must not change; nothing where the pack is not here
   */
  async read(pack: PackRow, offset: number, length: number): Promise<Uint8Array | undefined> {
    const index = Math.floor(offset / WINDOW_SIZE)
    const start = index * WINDOW_SIZE
    const end = offset + length - start
    if (end > WINDOW_SIZE) return this.#spool.read(pack.number, offset, length)
    const window = await this.#window(pack.number, index)
    if (window !== undefined && end <= window.length) return window.subarray(offset - start, end)
    // Once complete, a pack that is not here never will be.
    if (pack.state === 'complete') return undefined
    this.forget(pack.number)
    return this.#spool.read(pack.number, offset, length)
  }

  /** What was read of a pack is damaged. */
  forget(number: number): void {
    for (const name of this.#kept.keys()) {
      if (name.startsWith(`${number} `)) this.#kept.delete(name)
    }
  }

  #window(number: number, index: number): Promise<Uint8Array | undefined> {
    const name = `${number} ${index}`
    const known = this.#kept.get(name)
    const window = known ?? this.#spool.readUpTo(number, index * WINDOW_SIZE, WINDOW_SIZE)
    this.#kept.delete(name)
    this.#kept.set(name, window)
    if (known !== undefined) return window
    const forget = () => {
      if (this.#kept.get(name) === window) this.#kept.delete(name)
    }
    window.catch(forget)
    const [oldest] = this.#kept.size > COUNT_MAX ? this.#kept.keys() : []
    if (oldest !== undefined) this.#kept.delete(oldest)
    return window
  }
}
