/**
 * The spool: sealed packs that wait on our own disk until all their shares have a place, and the
 * metadata packs kept as a cache, so that a backup reads nothing from the grid.
 *
 * A pack's file appears whole or not at all. Shares are made again from it, as often as needed.
 */

import { createHash } from 'node:crypto'
import { equal } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { Disk, DiskFile } from '../ports/disk.ts'
import { makeDurableFolder } from './durable-folder.ts'
import type { PackRow } from './packs.ts'

const SPOOL_FOLDER = 'spool'
const CACHE_FOLDER = 'cache'
const PACK_NAME = /^\d{1,15}$/

/** Behind each pack: shares are made from these bytes, so damage must not pass for content. */
const HASH_SIZE = 32

/** Most that sealed packs may occupy before the uploader pauses, bytes (design §5). */
export const SPOOL_SIZE_MAX = 10 * 1024 ** 3

export class Spool {
  readonly #disk: Disk

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** Make the folders and sweep what a crash left half-made. */
  async open(): Promise<void> {
    for (const folder of [SPOOL_FOLDER, CACHE_FOLDER]) {
      await makeDurableFolder(this.#disk, folder)
      for (const name of await this.#disk.list(folder)) {
        if (name.endsWith('.new')) await this.#disk.remove(`${folder}/${name}`)
      }
    }
  }

  /** Begin a pack; it is there once it is finished. */
  async begin(number: number): Promise<PackDraft> {
    const path = `${SPOOL_FOLDER}/${number}`
    await this.#disk.remove(`${path}.new`)
    return new PackDraft(this.#disk, path, await this.#disk.create(`${path}.new`))
  }

  async read(number: number, offset: number, length: number): Promise<Uint8Array | undefined> {
    for (const folder of [SPOOL_FOLDER, CACHE_FOLDER]) {
      const file = await this.#disk.open(`${folder}/${number}`)
      if (file === undefined) continue
      try {
        const bytes = await file.read(offset, length)
        if (bytes.length === length) return bytes
      } finally {
        await file.close()
      }
    }
    return undefined
  }

  /**
   * @returns up to `length` bytes; fewer only at the end of what is here of the pack, its checksum
   *   included; `undefined` where the pack is not here
   */
  async readUpTo(number: number, offset: number, length: number): Promise<Uint8Array | undefined> {
    for (const folder of [SPOOL_FOLDER, CACHE_FOLDER]) {
      const file = await this.#disk.open(`${folder}/${number}`)
      if (file === undefined) continue
      try {
        return await file.read(offset, length)
      } finally {
        await file.close()
      }
    }
    return undefined
  }

  /** @returns the pack's bytes, `undefined` if it is not there or not what was written */
  async readWhole(number: number, size: number): Promise<Uint8Array | undefined> {
    const pack = await this.read(number, 0, size)
    const hash = await this.read(number, size, HASH_SIZE)
    if (pack === undefined || hash === undefined) return undefined
    return equal(hash, sha256(pack)) ? pack : undefined
  }

  /** Put right what a crash left between the database and the folder. */
  async sweep(find: (number: number) => PackRow | undefined): Promise<void> {
    for (const name of await this.#disk.list(SPOOL_FOLDER)) {
      if (!PACK_NAME.test(name)) continue
      const pack = find(Number(name))
      if (pack === undefined) await this.remove(Number(name))
      else if (pack.state === 'complete') await this.retire(pack.number, pack.kind === 'metadata')
    }
  }

  async remove(number: number): Promise<void> {
    await this.#disk.remove(`${SPOOL_FOLDER}/${number}`)
  }

  /** Every share has its place: keep a metadata pack as cache, let others go. */
  async retire(number: number, isKept: boolean): Promise<void> {
    if (!isKept) return this.remove(number)
    // A power cut may take back what the database said of it, and not what was done.
    const file = await this.#disk.open(`${SPOOL_FOLDER}/${number}`)
    if (file === undefined) return
    await file.close()
    await this.#disk.rename(`${SPOOL_FOLDER}/${number}`, `${CACHE_FOLDER}/${number}`)
  }

  /** A kept copy turned out to be damaged: the grid has better ones. */
  async uncache(number: number): Promise<void> {
    await this.#disk.remove(`${CACHE_FOLDER}/${number}`)
  }
}

/** A pack being written; memory holds little of it. */
export class PackDraft {
  readonly #disk: Disk
  readonly #path: string
  readonly #file: DiskFile
  readonly #hash = createHash('sha256')

  constructor(disk: Disk, path: string, file: DiskFile) {
    this.#disk = disk
    this.#path = path
    this.#file = file
  }

  async append(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes)
    await this.#file.append(bytes)
  }

  /** Resolves when the pack has its name and would survive a power cut. */
  async finish(): Promise<void> {
    try {
      await this.#file.append(new Uint8Array(this.#hash.digest()))
      await this.#file.sync()
    } finally {
      await this.#file.close()
    }
    await this.#disk.rename(`${this.#path}.new`, this.#path)
    await this.#disk.syncFolder(SPOOL_FOLDER)
  }

  async discard(): Promise<void> {
    await this.#file.close()
    await this.#disk.remove(`${this.#path}.new`)
  }
}
