/**
 * The pack copier: live stretches of packs, as ciphertext, go back to back into new packs.
 *
 * Nothing is opened, and no reference changes: a pack's number stands for its bytes in the new pack
 * once a head says so. Every copy is read back before that.
 */

import { createHash } from 'node:crypto'
import { equal } from '../../protocol/bytes.ts'
import { extentsSize, placeOf, type Extent } from '../../protocol/extents.ts'
import { assert } from '../base/assert.ts'
import { DiskError } from '../base/errors.ts'
import type { Move } from '../store/moves.ts'
import type { PackKind, PackRow } from '../store/packs.ts'
import type { Spool } from '../store/spool.ts'
import { Packer, type SealedPack } from './packer.ts'

/** Between two stretches that are fetched in one go, bytes: two leaves of data. */
const GAP_MAX = 32 * 1024

/** Fetched in one go, bytes, at most, unless one stretch is longer. */
const FETCH_SIZE_MAX = 4 * 1024 * 1024

/** A copy does not read back as what was copied: this machine's disk or memory changed it. */
export class BadCopyError extends DiskError {
  override readonly name = 'BadCopyError'
}

/** Gives bytes of the pack that a number lies in, by their place in the pack, verified. */
export interface StretchSource {
  readStretch(number: number, range: Extent): Promise<Uint8Array>
}

/** A number of a pack, with what is to be copied of its bytes. */
export interface CopiedNumber {
  readonly row: PackRow
  readonly extents: readonly Extent[]
}

export interface PackCopierParts {
  readonly spool: Pick<Spool, 'begin' | 'read'>
  readonly padKey: Uint8Array
  readonly nextPackNumber: () => number
  /** @param moves - of numbers whose bytes are in the pack: to be recorded together with it */
  readonly onPack: (pack: SealedPack, moves: readonly Move[]) => Promise<void>
}

interface Copy extends Move {
  readonly digest: Uint8Array
}

export class PackCopier {
  readonly #parts: PackCopierParts
  readonly #packers = new Map<PackKind, Packer>()
  readonly #copies: Copy[] = []

  constructor(parts: PackCopierParts) {
    this.#parts = parts
  }

  /** What was copied so far. */
  get moves(): readonly Move[] {
    return this.#copies
  }

  /**
   * Copy out of one pack; when its bytes cannot be had, nothing of it was copied.
   *
   * @param numbers - of the pack
   * @throws {CairnError} of the source
   */
  async copy(
    kind: PackKind,
    numbers: readonly CopiedNumber[],
    source: StretchSource,
  ): Promise<void> {
    const bytes = await fetchAll(numbers, source)
    const packer = this.#packers.get(kind) ?? this.#begin(kind)
    for (const { row, extents } of numbers) {
      const parts = bytes.get(row.number) ?? []
      const [first] = await packer.add(parts)
      assert(first !== undefined, 'a number that is copied has live bytes')
      const { pack: target, offset: base } = first
      this.#copies.push({ number: row.number, target, base, extents, digest: digestOf(parts) })
    }
  }

  /** Resolves when all copies lie in packs that are durable here. */
  async flush(): Promise<void> {
    for (const packer of this.#packers.values()) await packer.flush()
  }

  /**
   * Read every copy back.
   *
   * @param source - where packs are read that are not on this disk any more
   * @throws {BadCopyError}
   */
  async verify(source: StretchSource): Promise<void> {
    for (const { number, target, base, extents, digest } of this.#copies) {
      const length = extentsSize(extents)
      const here = await this.#parts.spool.read(target, base, length)
      const bytes = here ?? (await source.readStretch(target, { offset: base, length }))
      if (equal(digestOf([bytes]), digest)) continue
      throw new BadCopyError(
        `The copy of pack ${number} in pack ${target} is not what was copied: check this machine's disk and memory`,
      )
    }
  }

  /** Give up open packs. */
  async abandon(): Promise<void> {
    for (const packer of this.#packers.values()) await packer.abandon()
  }

  #begin(kind: PackKind): Packer {
    const { spool, padKey, nextPackNumber, onPack } = this.#parts
    const packer = new Packer({
      kind,
      padKey,
      spool,
      nextNumber: nextPackNumber,
      onPack: (pack) => {
        const moves = this.#copies.filter(({ target }) => target === pack.number)
        return onPack(pack, moves)
      },
    })
    this.#packers.set(kind, packer)
    return packer
  }
}

interface Piece {
  readonly number: number
  /** Where it lies in the pack. */
  readonly place: number
  readonly length: number
}

/** Bytes of a number's extents, by number; what lies near is fetched in one go. */
async function fetchAll(
  numbers: readonly CopiedNumber[],
  source: StretchSource,
): Promise<Map<number, Uint8Array[]>> {
  const pieces = numbers.flatMap(({ row, extents }) =>
    extents.map((extent): Piece => {
      const place = placeOf(row, extent)
      assert(place !== undefined, 'only what is there is copied')
      return { number: row.number, place, length: extent.length }
    }),
  )
  const found = new Map<number, Uint8Array[]>()
  // A number's extents lie in their order in the pack, so its pieces are found in that order too.
  for (const run of runsOf(pieces.toSorted((a, b) => a.place - b.place))) {
    const [first] = run
    assert(first !== undefined, 'a run has a piece')
    const end = Math.max(...run.map(({ place, length }) => place + length))
    const range = { offset: first.place, length: end - first.place }
    const bytes = await source.readStretch(first.number, range)
    for (const { number, place, length } of run) {
      const at = place - first.place
      const own = found.get(number) ?? []
      own.push(bytes.subarray(at, at + length))
      found.set(number, own)
    }
  }
  return found
}

/** @param sorted - by their places */
function runsOf(sorted: readonly Piece[]): Piece[][] {
  const runs: Piece[][] = []
  let [start, end] = [0, 0]
  for (const piece of sorted) {
    const pieceEnd = piece.place + piece.length
    const open = runs.at(-1)
    if (open === undefined || piece.place > end + GAP_MAX || pieceEnd - start > FETCH_SIZE_MAX) {
      runs.push([piece])
      ;[start, end] = [piece.place, pieceEnd]
    } else {
      open.push(piece)
      end = Math.max(end, pieceEnd)
    }
  }
  return runs
}

function digestOf(parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}
