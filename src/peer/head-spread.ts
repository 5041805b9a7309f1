/**
 * Head spread: heads find their way to peers that joined after they were published.
 *
 * A peer that takes shares from a helper holds what a head leads to and not the head itself; should all
 * die who had it, the shares would be of no use. So a peer asks the others for the newest heads of every
 * vault that it holds shares of: at once where it has none, else once a day. Heads are signed, and are
 * taken by the same rules as from their device.
 */

import { CairnError, FormatError } from '../../protocol/errors.ts'
import { openHead } from '../../protocol/head.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { delayMs, type RetryPlan } from '../base/retry.ts'
import type { Grid } from '../grid/grid.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Random } from '../ports/random.ts'
import type { HeadStore } from '../store/head-store.ts'
import type { ShareStore } from '../store/share-store.ts'

/** Time between two questions about one vault. */
export const SPREAD_EVERY_MS = 24 * 3600_000

/** From one look for vaults whose time has come to the next: half of it to all of it, by chance. */
const LOOK: RetryPlan = { triesMax: Infinity, delayMsMin: 3_600_000, delayMsMax: 3_600_000 }

/** After the start the first look is sooner: peers have told each other where they are by then. */
const FIRST_LOOK: RetryPlan = { triesMax: Infinity, delayMsMin: 300_000, delayMsMax: 300_000 }

export interface HeadSpreadParts {
  readonly clock: Clock
  readonly random: Random
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
   * Look now and then, until the signal aborts. Trouble of any kind is for the next time.
   *
   * @throws the signal's reason, unchanged
   */
  async run(grid: Grid, signal: AbortSignal): Promise<never> {
    const { clock, random, log } = this.#parts
    for (let plan = FIRST_LOOK; ; plan = LOOK) {
      await clock.sleep(delayMs(random, plan, 1), signal)
      try {
        await this.spread(grid, signal)
      } catch (error) {
        if (signal.aborted || !(error instanceof CairnError)) throw error
        log.error('heads not spread', { error: error.name, why: error.message })
      }
    }
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
