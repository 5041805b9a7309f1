/**
 * Marks: the newest receipt that each peer gave for a head of this vault.
 *
 * A receipt is signed, so a peer that later shows less than it signed for has lost heads or hides them.
 * Without the database marks are gone, and come again with the next answers.
 */

import { z } from 'zod'
import { bytesField } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { openReceipt, type Receipt } from '../../protocol/head.ts'
import { RECEIPT_SIZE_MAX } from '../../protocol/receipt.ts'
import type { PeerId } from '../ports/network.ts'
import type { Settings } from './settings.ts'

/** Peers of one grid, and those that were; beyond it the oldest marks go. */
export const MARKS_MAX = 1024

const SETTING = 'marks'

const schema = z.array(bytesField(1, RECEIPT_SIZE_MAX)).max(MARKS_MAX)

export interface Mark {
  /** As the peer signed it. */
  readonly bytes: Uint8Array
  readonly receipt: Receipt
}

export class Marks {
  readonly #settings: Settings
  #marks: Map<PeerId, Mark> | undefined

  constructor(settings: Settings) {
    this.#settings = settings
  }

  /** The newest of each peer. */
  all(): ReadonlyMap<PeerId, Mark> {
    return this.#load()
  }

  /** @param receipts - of this vault, each signed by its peer; older ones change nothing */
  note(receipts: Iterable<Uint8Array>): void {
    const marks = this.#load()
    let isNews = false
    for (const bytes of receipts) {
      const receipt = openReceipt(bytes)
      const known = marks.get(receipt.peer)?.receipt.sequence ?? 0
      if (receipt.sequence <= known) continue
      marks.delete(receipt.peer)
      marks.set(receipt.peer, { bytes, receipt })
      isNews = true
    }
    if (!isNews) return
    for (const [oldest] of [...marks].slice(0, Math.max(0, marks.size - MARKS_MAX))) {
      marks.delete(oldest)
    }
    this.#settings.set(
      SETTING,
      [...marks.values()].map(({ bytes }) => bytes),
    )
  }

  #load(): Map<PeerId, Mark> {
    this.#marks ??= new Map(
      this.#stored().flatMap((bytes) => {
        const receipt = tryOpen(bytes)
        return receipt === undefined ? [] : [[receipt.peer, { bytes, receipt }] as const]
      }),
    )
    return this.#marks
  }

  /** What does not open is as good as none. */
  #stored(): readonly Uint8Array[] {
    try {
      return this.#settings.get(SETTING, schema) ?? []
    } catch (error) {
      if (error instanceof FormatError) return []
      throw error
    }
  }
}

function tryOpen(bytes: Uint8Array): Receipt | undefined {
  try {
    return openReceipt(bytes)
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
