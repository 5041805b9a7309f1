/**
 * References as columns: packs, offsets, ordinals and lengths as differences from what was to be
 * expected, and one secret per run instead of one per object.
 *
 * Objects of one folder lie one after another in their pack, so most differences are zero.
 *
 * Format: docs/formats/page.md, "References"
 */

import { COLUMN } from './columns.ts'
import type { ColumnsReader, ColumnsWriter } from './columns.ts'
import { FormatError } from './errors.ts'
import { SEALED_SIZE_MAX, SEALED_SIZE_MIN } from './object.ts'
import { OFFSET_MAX, ORDINAL_MAX, PACK_NUMBER_MAX, SECRET_SIZE } from './reference.ts'
import type { Reference } from './reference.ts'

/** Content and the tree's own objects lie in packs of their own, so each is expected by itself. */
export type Channel = 'content' | 'tree'

const KEY_RAW = 0
const KEY_NEW_RUN = 1
const KEY_RUN = 2 // plus the run's number

/** Where the next object of a channel or of a run is expected. */
interface Place {
  pack: number
  end: number
  length: number
}

interface Run extends Place {
  readonly number: number
  readonly secret: Uint8Array
  ordinal: number
}

function places(): Record<Channel, Place> {
  return { content: { pack: 0, end: 0, length: 0 }, tree: { pack: 0, end: 0, length: 0 } }
}

export class ReferenceWriter {
  readonly #columns: ColumnsWriter
  readonly #places = places()
  readonly #runs = new Map<string, Run>()

  constructor(columns: ColumnsWriter) {
    this.#columns = columns
  }

  /** @param length - the length to be expected; without it, that of the channel's last object */
  put(reference: Reference, channel: Channel, length?: number): void {
    const columns = this.#columns
    const last = this.#places[channel]
    checkReference(reference)
    columns.row()
    const run = this.#putKey(reference, last)
    const place: Place = run ?? last
    columns.signed(COLUMN.packs, reference.pack - place.pack)
    columns.signed(
      COLUMN.offsets,
      reference.offset - (reference.pack === place.pack ? place.end : 0),
    )
    columns.signed(COLUMN.lengths, reference.length - (length ?? last.length))
    advance(reference, last, run)
  }

  #putKey({ key }: Reference, last: Place): Run | undefined {
    const columns = this.#columns
    if (key.type === 'raw') {
      columns.unsigned(COLUMN.keys, KEY_RAW)
      columns.raw.put(key.secret)
      return undefined
    }
    const id = String.fromCharCode(...key.secret)
    let run = this.#runs.get(id)
    columns.unsigned(COLUMN.keys, run === undefined ? KEY_NEW_RUN : KEY_RUN + run.number)
    if (run === undefined) {
      columns.raw.put(key.secret)
      run = { ...last, number: this.#runs.size, secret: key.secret, ordinal: -1 }
      this.#runs.set(id, run)
    }
    columns.signed(COLUMN.ordinals, key.ordinal - run.ordinal - 1)
    return run
  }
}

/** The inverse of {@link ReferenceWriter}; references of one run share one array as their secret. */
export class ReferenceReader {
  readonly #columns: ColumnsReader
  readonly #places = places()
  readonly #runs: Run[] = []

  constructor(columns: ColumnsReader) {
    this.#columns = columns
  }

  /** @throws {FormatError} */
  take(channel: Channel, length?: number): Reference {
    const columns = this.#columns
    const last = this.#places[channel]
    columns.row()
    const kind = columns.unsigned(COLUMN.keys)
    const run = this.#takeRun(kind, last)
    const key =
      run === undefined
        ? { type: 'raw' as const, secret: this.#takeSecret() }
        : { type: 'run' as const, secret: run.secret, ordinal: this.#takeOrdinal(run) }
    const place: Place = run ?? last
    const pack = columns.near(COLUMN.packs, place.pack, { min: 0, max: PACK_NUMBER_MAX })
    const expected = pack === place.pack ? place.end : 0
    const reference: Reference = {
      pack,
      offset: columns.near(COLUMN.offsets, expected, { min: 0, max: OFFSET_MAX }),
      length: columns.near(COLUMN.lengths, length ?? last.length, {
        min: SEALED_SIZE_MIN,
        max: SEALED_SIZE_MAX,
      }),
      key,
    }
    advance(reference, last, run)
    return reference
  }

  #takeRun(kind: number, last: Place): Run | undefined {
    if (kind === KEY_RAW) return undefined
    if (kind === KEY_NEW_RUN) {
      const run = { ...last, number: this.#runs.length, secret: this.#takeSecret(), ordinal: -1 }
      this.#runs.push(run)
      return run
    }
    const run = this.#runs[kind - KEY_RUN]
    if (run === undefined) throw new FormatError(`references: no run ${kind - KEY_RUN} so far`)
    return run
  }

  #takeOrdinal(run: Run): number {
    return this.#columns.near(COLUMN.ordinals, run.ordinal + 1, { min: 0, max: ORDINAL_MAX })
  }

  #takeSecret(): Uint8Array {
    return this.#columns.raw.take(SECRET_SIZE).slice()
  }
}

/** What the reader holds true of every number it takes. */
function checkReference({ pack, offset, length, key }: Reference): void {
  const isSound =
    isWithin(pack, 0, PACK_NUMBER_MAX) &&
    isWithin(offset, 0, OFFSET_MAX) &&
    isWithin(length, SEALED_SIZE_MIN, SEALED_SIZE_MAX) &&
    key.secret.length === SECRET_SIZE &&
    (key.type === 'raw' || isWithin(key.ordinal, 0, ORDINAL_MAX))
  if (!isSound) throw new FormatError(`references: none can be ${pack}:${offset} + ${length}`)
}

function isWithin(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && min <= value && value <= max
}

function advance(reference: Reference, last: Place, run: Run | undefined): void {
  for (const place of run === undefined ? [last] : [last, run]) {
    place.pack = reference.pack
    place.end = reference.offset + reference.length
    place.length = reference.length
  }
  if (run !== undefined && reference.key.type === 'run') run.ordinal = reference.key.ordinal
}
