/**
 * Vault objects: from a reference to the verified bytes behind it.
 *
 * Packs that are still on our own disk are read there; the rest comes from the grid. What lies near
 * is fetched along, since objects that are read together were written together.
 */

import { placeOf, type Extent } from '../../protocol/extents.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import type { Reference } from '../../protocol/reference.ts'
import { assert } from '../base/assert.ts'
import { FormatError, RecoveryError } from '../base/errors.ts'
import { Mutex } from '../base/mutex.ts'
import { unfilled } from '../codec/buffers.ts'
import { open } from '../codec/seal.ts'
import type { Grid, PackLocation } from '../grid/grid.ts'
import { PackWindows } from '../grid/pack-windows.ts'
import type { PackRow, Packs } from '../store/packs.ts'
import type { Spool } from '../store/spool.ts'
import { LocalWindows } from './local-windows.ts'
import type { ObjectSource, SealedSource } from './objects.ts'
import { Rows } from './rows.ts'

/** What is fetched around an object: metadata is small and scattered, content is read in a row. */
const METADATA_WINDOWS = { size: 64 * 1024, countMax: 256 } as const
const CONTENT_WINDOWS = { size: 1024 * 1024, countMax: 32 } as const

/** Larger objects are fetched like those of a row wherever they lie, bytes. */
const SCATTERED_SIZE_MAX = 256 * 1024

/** Packs whose holders are asked for in one go. */
const LOCATE_COUNT = 256

/** The ledger has no pack of this number: the tree and the ledger do not belong together. */
export class UnknownPackError extends FormatError {
  override readonly name = 'UnknownPackError'
}

/** A reference leads to bytes that nothing needed when packs were merged, and that were not copied. */
export class NotInPackError extends FormatError {
  override readonly name = 'NotInPackError'
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

export class VaultObjects implements ObjectSource, SealedSource {
  readonly #parts: VaultObjectsParts
  readonly #signal: AbortSignal
  /** Packs whose row does not change any more; thousands of objects lie in one. */
  readonly #complete = new Map<number, PackRow>()
  readonly #locations = new Map<PackId, PackLocation | undefined>()
  readonly #turns = new Mutex()
  readonly #rows = new Rows()
  readonly #windowsHere: LocalWindows
  readonly #metadata: PackWindows
  readonly #content: PackWindows

  readonly #isSpoolKept: boolean

  /** @param options.isSpoolKept - packs may be in the spool though all their shares have a place */
  constructor(
    parts: VaultObjectsParts,
    signal: AbortSignal,
    { isSpoolKept = false }: { readonly isSpoolKept?: boolean } = {},
  ) {
    this.#parts = parts
    this.#signal = signal
    this.#isSpoolKept = isSpoolKept
    this.#windowsHere = new LocalWindows(parts.spool)
    this.#metadata = new PackWindows(parts.grid, METADATA_WINDOWS)
    this.#content = new PackWindows(parts.grid, CONTENT_WINDOWS)
  }

  /** Bytes asked of the grid. */
  get bytesFetched(): number {
    return this.#metadata.bytesFetched + this.#content.bytesFetched
  }

  /**
   * @throws {UnknownPackError}
   * @throws {NotInPackError}
   * @throws {NotEnoughSharesError}
   * @throws {FormatError} the bytes are not that object
   */
  async read(reference: Reference, kind: ObjectKind): Promise<Uint8Array> {
    const pack = this.#pack(reference.pack)
    const isContent = kind === 'content' || kind === 'delta'
    const local =
      isContent && this.#isGone(pack) ? undefined : await this.#local(pack, reference, kind)
    if (local !== undefined) return local
    const sealed = unfilled(reference.length)
    await this.#remote(pack, reference, sealed, this.#windows(reference, kind))
    return bodyOf(sealed, reference, kind)
  }

  /**
   * @throws {UnknownPackError}
   * @throws {NotInPackError}
   * @throws {NotEnoughSharesError}
   */
  async readSealed(reference: Reference, target: Uint8Array): Promise<void> {
    assert(target.length === reference.length, 'the target has room for just the object')
    const pack = this.#pack(reference.pack)
    const here = this.#isGone(pack) ? undefined : await this.#here(pack, reference)
    if (here === undefined) await this.#remoteContent(pack, reference, target)
    else target.set(here)
  }

  /**
   * A stretch of the pack that a number lies in, whatever lies there, as peers hold it.
   *
   * @param range - from the start of the pack, which is not the number's first byte once packs were merged
   * @returns bytes that were verified against the pack's manifest
   * @throws {UnknownPackError}
   * @throws {NotEnoughSharesError}
   */
  async readStretch(number: number, { offset, length }: Extent): Promise<Uint8Array> {
    const pack = this.#pack(number)
    const location = this.#known(pack) ?? (await this.#locate(pack))
    const target = unfilled(length)
    await this.#content.readOnly(location, offset, target, this.#signal)
    return target
  }

  /** A small delta is mostly wanted for itself: its neighbours belong to other files. */
  #windows({ length }: Reference, kind: ObjectKind): PackWindows {
    const isInRow = kind === 'content' || (kind === 'delta' && length > METADATA_WINDOWS.size)
    return isInRow ? this.#content : this.#metadata
  }

  #isGone(pack: PackRow): boolean {
    return !this.#isSpoolKept && isGone(pack)
  }

  #pack(number: number): PackRow {
    const known = this.#complete.get(number)
    if (known !== undefined) return known
    const pack = this.#parts.packs.get(number)
    if (pack === undefined) throw new UnknownPackError(`The ledger has no pack ${number}`)
    if (pack.state === 'complete') this.#complete.set(number, pack)
    return pack
  }

  /** @returns nothing too where our own copy is damaged: then the grid is asked */
  async #local(
    pack: PackRow,
    reference: Reference,
    kind: ObjectKind,
  ): Promise<Uint8Array | undefined> {
    const sealed = await this.#here(pack, reference)
    if (sealed === undefined) return undefined
    try {
      return bodyOf(sealed, reference, kind)
    } catch (error) {
      if (!(error instanceof FormatError)) throw error
      this.#windowsHere.forget(pack.number)
      await this.#parts.spool.uncache(pack.number)
      return undefined
    }
  }

  #here(pack: PackRow, { offset, length }: Reference): Promise<Uint8Array | undefined> {
    return this.#windowsHere.read(pack, offset, length)
  }

  async #remote(
    pack: PackRow,
    reference: Reference,
    target: Uint8Array,
    windows: PackWindows,
  ): Promise<void> {
    const offset = offsetIn(pack, reference)
    const location = this.#known(pack) ?? (await this.#locate(pack))
    try {
      await windows.read(location, offset, target, this.#signal)
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!(error instanceof RecoveryError)) throw error
      // What lies near may be lost while this very object is not.
      target.set(await this.#parts.grid.read(location, offset, target.length, this.#signal))
    }
  }

  /**
   * A stretch of a pack is fetched once, when objects in a row are read. Of what many files share, which
   * lies out of any row or was passed long ago, no more is fetched than the object.
   */
  async #remoteContent(pack: PackRow, reference: Reference, target: Uint8Array): Promise<void> {
    const { length } = reference
    const offset = offsetIn(pack, reference)
    const location = this.#known(pack) ?? (await this.#locate(pack))
    const isInRow = this.#rows.next(reference.pack, reference) || length > SCATTERED_SIZE_MAX
    const state = this.#content.stateOf(location, { offset, length })
    if (state === 'here' || (state === 'new' && isInRow)) {
      await this.#remote(pack, reference, target, this.#content)
      return
    }
    await this.#content.readOnly(location, offset, target, this.#signal)
  }

  #known({ id }: PackRow): PackLocation | undefined {
    return id === undefined ? undefined : this.#locations.get(id)
  }

  async #locate(pack: PackRow): Promise<PackLocation> {
    const { id } = pack
    if (id === undefined) throw new UnknownPackError(`Pack ${pack.number} was never encoded`)
    // Many objects of a pack are asked for at once; the peers are asked for it once.
    const location = await this.#turns.run(async () => {
      if (!this.#locations.has(id)) await this.#locateFrom(pack.number)
      return this.#locations.get(id)
    })
    if (location !== undefined) return location
    // A peer may have come back meanwhile; ask anew at the next try.
    this.#locations.delete(id)
    throw new PackNotFoundError(`No peer that answers holds a share of pack ${id}`)
  }

  async #locateFrom(number: number): Promise<void> {
    const near = this.#parts.packs
      .from(number, LOCATE_COUNT)
      .flatMap(({ id }) => (id === undefined || this.#locations.has(id) ? [] : [id]))
    const wanted = [...new Set(near)]
    const found = await this.#parts.grid.have(wanted, this.#signal)
    for (const id of wanted) this.#locations.set(id, found.get(id))
  }
}

function offsetIn(pack: PackRow, reference: Reference): number {
  const place = placeOf(pack, reference)
  if (place !== undefined) return place
  const { offset, length } = reference
  throw new NotInPackError(
    `Pack ${pack.number} was merged without bytes ${offset} to ${offset + length}`,
  )
}

/** A pack of content leaves the spool before it is complete; of metadata a copy may be kept. */
function isGone({ kind, state }: PackRow): boolean {
  return (kind === 'data' || kind === 'delta') && state === 'complete'
}

function bodyOf(sealed: Uint8Array, { key }: Reference, kind: ObjectKind): Uint8Array {
  const found = open(sealed, key)
  if (found.kind !== kind) {
    throw new FormatError(`An object of kind ${found.kind} stands where ${kind} belongs`)
  }
  return found.body
}
