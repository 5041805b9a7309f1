/**
 * Vault objects: from a reference to the verified bytes behind it.
 *
 * Packs that are still on our own disk are read there; the rest comes from the grid. What lies near
 * is fetched along, since objects that are read together were written together: a window of the pack
 * is asked for once and kept for a while.
 */

import type { PackId } from '../../protocol/manifest.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import type { Reference } from '../../protocol/reference.ts'
import { FormatError, RecoveryError } from '../base/errors.ts'
import { open } from '../codec/seal.ts'
import type { Grid, PackLocation } from '../grid/grid.ts'
import type { Packs, PackRow } from '../store/packs.ts'
import type { Spool } from '../store/spool.ts'
import type { ObjectSource } from './objects.ts'

/** Bytes fetched around an object: metadata is small and scattered, content is read in a row. */
const WINDOW_SIZE = { metadata: 64 * 1024, content: 1024 * 1024 } as const

/** Windows kept, at most: together about 64 MiB. */
const WINDOWS_MAX = { metadata: 256, content: 48 } as const

/** Packs whose holders are asked for in one go. */
const LOCATE_COUNT = 256

/** The ledger has no pack of this number: the tree and the ledger do not belong together. */
export class UnknownPackError extends FormatError {
  override readonly name = 'UnknownPackError'
}

/** No peer that answers holds any share of the pack. */
export class PackNotFoundError extends RecoveryError {
  override readonly name = 'PackNotFoundError'
}

export interface VaultObjectsParts {
  readonly packs: Packs
  readonly spool: Spool
  readonly grid: Grid
}

type WindowKind = keyof typeof WINDOW_SIZE

export class VaultObjects implements ObjectSource {
  readonly #parts: VaultObjectsParts
  readonly #signal: AbortSignal
  readonly #locations = new Map<PackId, PackLocation | undefined>()
  readonly #windows = {
    metadata: new Map<string, Promise<Uint8Array>>(),
    content: new Map<string, Promise<Uint8Array>>(),
  }
  /** Bytes asked of the grid. */
  bytesFetched = 0

  constructor(parts: VaultObjectsParts, signal: AbortSignal) {
    this.#parts = parts
    this.#signal = signal
  }

  /**
   * @throws {UnknownPackError}
   * @throws {NotEnoughSharesError}
   * @throws {FormatError} the bytes are not that object
   */
  async read(reference: Reference, kind: ObjectKind): Promise<Uint8Array> {
    const pack = this.#parts.packs.get(reference.pack)
    if (pack === undefined) throw new UnknownPackError(`The ledger has no pack ${reference.pack}`)
    const offset = pack.base + reference.offset
    const local = await this.#local(pack, offset, reference, kind)
    if (local !== undefined) return local
    const windows = kind === 'content' || kind === 'delta' ? 'content' : 'metadata'
    return bodyOf(await this.#remote(pack, offset, reference.length, windows), reference, kind)
  }

  /** @returns nothing too where our own copy is damaged: then the grid is asked */
  async #local(
    pack: PackRow,
    offset: number,
    reference: Reference,
    kind: ObjectKind,
  ): Promise<Uint8Array | undefined> {
    const { spool } = this.#parts
    const sealed = await spool.read(pack.number, offset, reference.length)
    if (sealed === undefined) return undefined
    try {
      return bodyOf(sealed, reference, kind)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      await spool.uncache(pack.number)
      return undefined
    }
  }

  async #remote(
    pack: PackRow,
    offset: number,
    length: number,
    kind: WindowKind,
  ): Promise<Uint8Array> {
    const location = await this.#locate(pack)
    const bytes = new Uint8Array(length)
    const size = WINDOW_SIZE[kind]
    const first = Math.floor(offset / size)
    const last = Math.floor((offset + length - 1) / size)
    try {
      const indexes = Array.from({ length: last - first + 1 }, (_, index) => first + index)
      const windows = await Promise.all(
        indexes.map((index) => this.#window(location, pack.number, index, kind)),
      )
      for (const [step, window] of windows.entries()) {
        const start = (first + step) * size
        const from = Math.max(offset, start)
        const until = Math.min(offset + length, start + window.length)
        if (until > from) bytes.set(window.subarray(from - start, until - start), from - offset)
      }
      return bytes
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!(error instanceof RecoveryError)) throw error
      // What lies near may be lost while this very object is not.
      return this.#parts.grid.read(location, offset, length, this.#signal)
    }
  }

  async #window(
    location: PackLocation,
    pack: number,
    index: number,
    kind: WindowKind,
  ): Promise<Uint8Array> {
    const windows = this.#windows[kind]
    const id = `${pack}:${index}`
    const kept = windows.get(id)
    if (kept !== undefined) {
      windows.delete(id)
      windows.set(id, kept)
      return kept
    }
    const start = index * WINDOW_SIZE[kind]
    const length = Math.min(WINDOW_SIZE[kind], location.manifest.size - start)
    if (length <= 0) throw new FormatError(`A reference points beyond the end of pack ${pack}`)
    this.bytesFetched += length
    const window = this.#parts.grid.read(location, start, length, this.#signal)
    windows.set(id, window)
    window.catch(() => windows.delete(id))
    for (const oldest of windows.keys()) {
      if (windows.size <= WINDOWS_MAX[kind]) break
      windows.delete(oldest)
    }
    return window
  }

  async #locate(pack: PackRow): Promise<PackLocation> {
    if (pack.id === undefined) throw new UnknownPackError(`Pack ${pack.number} was never encoded`)
    if (!this.#locations.has(pack.id)) await this.#locateFrom(pack.number)
    const location = this.#locations.get(pack.id)
    if (location !== undefined) return location
    // A peer may have come back meanwhile; ask anew at the next try.
    this.#locations.delete(pack.id)
    throw new PackNotFoundError(`No peer that answers holds a share of pack ${pack.id}`)
  }

  async #locateFrom(number: number): Promise<void> {
    const wanted = this.#parts.packs
      .from(number, LOCATE_COUNT)
      .flatMap(({ id }) => (id === undefined || this.#locations.has(id) ? [] : [id]))
    const found = await this.#parts.grid.have(wanted, this.#signal)
    for (const id of wanted) this.#locations.set(id, found.get(id))
  }
}

function bodyOf(sealed: Uint8Array, { key }: Reference, kind: ObjectKind): Uint8Array {
  const found = open(sealed, key)
  if (found.kind !== kind) {
    throw new FormatError(`An object of kind ${found.kind} stands where ${kind} belongs`)
  }
  return found.body
}
