/**
 * Head spread: heads find their way to peers that joined after they were published.
 *
 * A peer that takes shares from a helper holds what a head leads to and not the head itself; should all
 * die who had it, the shares would be of no use. So a peer asks the others for the newest heads of every
 * vault that it holds shares of: at once where it has none, else once a day. Heads are signed, and are
 * taken by the same rules as from their device.
 */

import { FormatError } from '../../protocol/errors.ts'
import { openHead } from '../../protocol/head.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { Grid } from '../grid/grid.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { HeadStore } from '../store/head-store.ts'
import type { ShareStore } from '../store/share-store.ts'

/** Time between two questions about one vault. */
export const SPREAD_EVERY_MS = 24 * 3600_000

export interface HeadSpreadParts {
  readonly clock: Clock
  readonly log: Log
  readonly shareStore: ShareStore
  readonly headStore: HeadStore
}

export class HeadSpread {
  readonly #parts: HeadSpreadParts
  /** When each vault was last asked about, monotonic ms. */
  readonly #asked = new Map<VaultId, number>()

  constructor(parts: HeadSpreadParts) {
    this.#parts = parts
  }

  /**
   * Ask about the vaults whose time has come.
   *
   * @throws {DiskError} a head cannot be kept
   */
  async spread(grid: Grid, signal: AbortSignal): Promise<void> {
    const { clock, shareStore, headStore } = this.#parts
    const now = clock.monotonic()
    for (const vault of shareStore.vaults()) {
      const askedAt = this.#asked.get(vault) ?? -Infinity
      const isKnown = headStore.newest(vault) !== undefined
      if (isKnown && now - askedAt < SPREAD_EVERY_MS) continue
      if (await this.#ask(grid, vault, signal)) this.#asked.set(vault, now)
    }
  }

  /** @returns whether anybody answered */
  async #ask(grid: Grid, vault: VaultId, signal: AbortSignal): Promise<boolean> {
    const { headStore, log } = this.#parts
    const { answers } = await grid.heads(vault, signal)
    const shown = answers.flatMap(({ heads }) => heads.map(({ head }) => head))
    // Oldest first: each may be too far ahead of what is kept, but not of the one before.
    const inOrder = shown
      .map((bytes) => ({ bytes, sequence: openHead(bytes).sequence }))
      .toSorted((a, b) => a.sequence - b.sequence)
    for (const { bytes, sequence } of inOrder) {
      if (sequence < (headStore.newest(vault)?.sequence ?? 0)) continue
      try {
        await headStore.publish(bytes)
      } catch (error) {
        if (!(error instanceof FormatError)) throw error
        log.warn('a peer showed no head', { vault, why: error.message })
      }
    }
    return answers.length > 0
  }
}
