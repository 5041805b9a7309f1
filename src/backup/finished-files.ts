/**
 * Finished files: read, and not recorded until all their objects lie in packs that are durable on our own disk.
 *
 * They are recorded in the same transaction as the last of those packs, so a crash loses at most what was read since
 * the last full pack.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { Reference } from '../../protocol/reference.ts'
import type { EntryStatus } from '../base/entry-status.ts'
import { inTransaction } from '../store/database.ts'
import type { EntryDetails } from '../store/entry-details.ts'
import type { Queue, QueueResult, QueueRow } from '../store/queue.ts'
import type { Signatures, Tail } from '../store/signatures.ts'
import type { Slot } from './object-writer.ts'
import type { Uploader } from './uploader.ts'

/** Finished files between two looks at which of them can be recorded. */
const STEP = 1_000

/** Finished files that wait for the open pack: tiny ones would pile up before it is full. */
const WAITING_MAX = 20_000

export interface Finished {
  readonly row: QueueRow
  readonly status: EntryStatus
  readonly isRacy: boolean
  readonly isQuick: boolean
  readonly details: EntryDetails
  readonly slots: readonly Slot[]
  readonly signature: Uint8Array | undefined
  readonly tail?: Tail | undefined
  readonly result: () => QueueResult
}

export interface FinishedParts {
  readonly database: DatabaseSync
  readonly queue: Pick<Queue, 'finish'>
  readonly signatures: Pick<Signatures, 'put'>
  readonly uploader: Pick<Uploader, 'has'>
}

export class FinishedFiles {
  readonly #parts: FinishedParts
  #waiting: Finished[] = []
  #next = STEP
  /** Packs that were found durable: they stay so. */
  readonly #durable = new Set<number>()

  constructor(parts: FinishedParts) {
    this.#parts = parts
  }

  /** Files that wait still. */
  get count(): number {
    return this.#waiting.length
  }

  add(finished: Finished): void {
    this.#waiting.push(finished)
  }

  /**
   * Looking costs as much as there is, so it is done once for so many files.
   *
   * @returns `full` where so many wait that the open packs should be ended
   */
  look(): 'full' | 'fine' {
    if (this.#waiting.length < this.#next) return 'fine'
    this.recordReady()
    this.#next = this.#waiting.length + STEP
    return this.#waiting.length >= WAITING_MAX ? 'full' : 'fine'
  }

  recordReady(): void {
    inTransaction(this.#parts.database, () => this.record())
    this.#next = this.#waiting.length + STEP
  }

  /** Within a transaction. */
  record(): void {
    const { queue, signatures } = this.#parts
    const waiting: Finished[] = []
    for (const finished of this.#waiting) {
      if (!finished.slots.every((slot) => this.#isDurable(slot.reference))) {
        waiting.push(finished)
        continue
      }
      const result = finished.result()
      queue.finish(finished.row.key, finished, result)
      if (finished.signature !== undefined && result.content !== undefined) {
        signatures.put(result.content, finished.signature, finished.tail)
      }
    }
    this.#waiting = waiting
  }

  #isDurable(reference: Reference | undefined): boolean {
    if (reference === undefined) return false
    const { pack } = reference
    if (this.#durable.has(pack)) return true
    const isDurable = this.#parts.uploader.has(pack)
    if (isDurable) this.#durable.add(pack)
    return isDurable
  }
}
