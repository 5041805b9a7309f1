/**
 * Ledger reader: from a head's pointer to all segments of the ledger, with the ledger key alone.
 *
 * Who has the words or a read cap reads the ledger to find what the tree refers to; a helper with a
 * repair cap reads it to know which packs there are, and nothing else opens for it.
 */

import {
  decodeLedgerSegment,
  type LedgerPointer,
  type LedgerSegment,
} from '../../protocol/ledger.ts'
import { CairnError, FormatError } from '../base/errors.ts'
import { open } from '../codec/seal.ts'
import type { Grid } from '../grid/grid.ts'
import type { Log } from '../ports/log.ts'
import { PackNotFoundError } from './vault-objects.ts'

/** A ledger segment names at most this many older ones, so no ledger has more. */
const SEGMENTS_MAX = 64

export interface ReadSegment {
  readonly pointer: LedgerPointer
  /** `undefined` where an older segment cannot be read. */
  readonly segment: LedgerSegment | undefined
}

export class LedgerReader {
  readonly #grid: Grid
  readonly #log: Log

  constructor({ grid, log }: { readonly grid: Grid; readonly log: Log }) {
    this.#grid = grid
    this.#log = log
  }

  /**
   * @param newest - where the newest segment lies, as the head tells
   * @returns the newest and all that it names, newest first
   * @throws {RecoveryError} the newest cannot be found
   * @throws {FormatError}
   */
  async read(
    newest: LedgerPointer,
    signal: AbortSignal,
  ): Promise<readonly [LedgerSegment, ReadSegment[]]> {
    const first = await this.#segment(newest, signal)
    if (first.previous.length > SEGMENTS_MAX) throw new FormatError('ledger: too many segments')
    const segments: ReadSegment[] = [{ pointer: newest, segment: first }]
    for (const pointer of first.previous) {
      segments.push({ pointer, segment: await this.tryRead(pointer, signal) })
    }
    return [first, segments]
  }

  /** @returns one segment; `undefined`, with a word to the log, where it cannot be read now */
  async tryRead(pointer: LedgerPointer, signal: AbortSignal): Promise<LedgerSegment | undefined> {
    try {
      return await this.#segment(pointer, signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof CairnError)) throw error
      const { pack } = pointer
      this.#log.warn('ledger unreadable', { pack, error: error.name, why: error.message })
      return undefined
    }
  }

  async #segment(pointer: LedgerPointer, signal: AbortSignal): Promise<LedgerSegment> {
    const location = (await this.#grid.have([pointer.pack], signal)).get(pointer.pack)
    if (location === undefined) {
      throw new PackNotFoundError(`No peer that answers holds the ledger, pack ${pointer.pack}`)
    }
    const sealed = await this.#grid.read(location, pointer.offset, pointer.length, signal)
    const { kind, body } = open(sealed, { type: 'raw', secret: pointer.key })
    if (kind !== 'ledger') throw new FormatError(`An object of kind ${kind} stands for the ledger`)
    return decodeLedgerSegment(body)
  }
}
