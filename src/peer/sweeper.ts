/**
 * Sweeper: lets go what nobody needs, by the peer's own age.
 *
 * Shares that no head adopted expire once their vault did without them for a month; of a vault that says
 * nothing they stay, since it may be about to. Released ones go once their delay is over, a vault's
 * in the order they came due, and no faster than a few percent of its bytes a day: whoever stole a prune
 * key needs weeks to take much away, in which somebody notices. Vaults that fall silent are told to the
 * log long before their shares may make room for others.
 *
 * Times and what survives a crash: docs/peer.md, "Leases and releases"
 */

import { toDatabaseError } from '../base/database-error.ts'
import { DiskError } from '../base/errors.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { LEASE_MS, LEASE_WARNING_MS } from '../store/leases.ts'
import type { ShareAccount } from '../store/share-accounts.ts'
import type { ShareStore } from '../store/share-store.ts'

const HOUR_MS = 3600_000
const DAY_MS = 24 * HOUR_MS

/** Time between two sweeps. */
export const SWEEP_EVERY_MS = HOUR_MS

/** A share that its vault did without for so long expires: a month, and a day for whoever counts otherwise. */
export const FORGONE_MS = 31 * DAY_MS

/** Of a vault's bytes at this peer, what releases may take in a day. */
export const RELEASED_PER_DAY = 0.05

/** Shares expired in one go; the next sweep takes more. */
const EXPIRED_MAX = 1000

export interface SweeperParts {
  readonly shareStore: ShareStore
  /** What else is looked at in every sweep. */
  readonly fairUse?: { readonly sweep: () => void }
  readonly clock: Clock
  readonly log: Log
}

export class Sweeper {
  readonly #parts: SweeperParts

  constructor(parts: SweeperParts) {
    this.#parts = parts
  }

  /**
   * Sweep now and every hour, until the signal aborts. May be called again afterwards.
   *
   * @throws the signal's reason, unchanged
   */
  async run(signal: AbortSignal): Promise<never> {
    for (;;) {
      await this.sweep(signal)
      await this.#parts.clock.sleep(SWEEP_EVERY_MS, signal)
    }
  }

  /** Once. Trouble with the disk is told to the log, and left to the next time. */
  async sweep(signal: AbortSignal): Promise<void> {
    await this.#trying('sweep failed', {}, async () => {
      const age = this.#parts.shareStore.ages.check()
      this.#warn(age)
      this.#parts.fairUse?.sweep()
      await this.#expire(age, signal)
      for (const vault of this.#parts.shareStore.vaultsDue(age)) {
        await this.#trying('release not carried out', { vault }, () =>
          this.#carryOut(vault, age, signal),
        )
      }
    })
  }

  #warn(age: number): void {
    const { shareStore, log } = this.#parts
    for (const lease of shareStore.leases.silentSince(age - LEASE_WARNING_MS)) {
      const { vault, renewedAge, warnedAge } = lease
      const bytes = shareStore.used(vault)
      if (bytes === 0 || (warnedAge !== null && age - warnedAge < DAY_MS)) continue
      const silentDays = Math.floor((age - renewedAge) / DAY_MS)
      const daysLeft = Math.max(0, Math.ceil((renewedAge + LEASE_MS - age) / DAY_MS))
      log.warn('a vault is silent', { vault, bytes, silentDays, daysLeft })
      shareStore.leases.noteWarned(vault, age)
    }
  }

  async #expire(age: number, signal: AbortSignal): Promise<void> {
    const { shareStore, log } = this.#parts
    const expiresFrom = age - FORGONE_MS
    const isMeant = ({ adoptedBy, keptBy, forgoneAge }: ShareAccount) =>
      adoptedBy === null && keptBy === 0 && forgoneAge !== null && forgoneAge <= expiresFrom
    let [shares, bytes] = [0, 0]
    for (const account of shareStore.forgone(expiresFrom, EXPIRED_MAX)) {
      signal.throwIfAborted()
      const { vault, pack, shareNumber: share } = account
      await this.#trying('share not expired', { vault, pack, share }, async () => {
        if (account.keptBy > 0) shareStore.letGo(account)
        const freed = await shareStore.remove(account, isMeant)
        if (freed > 0) shares += 1
        bytes += freed
      })
    }
    if (shares > 0) log.info('provisional shares expired', { shares, bytes })
  }

  /**
   * Remove what is due, as far as the credit goes.
   *
   * Credit grows by a day's part in a day, up to what one day gives or the next share needs, whichever
   * is more: so none of it is saved up for a great sweep, and a large share only waits for longer.
   */
  async #carryOut(vault: VaultId, age: number, signal: AbortSignal): Promise<void> {
    const { shareStore, log } = this.#parts
    const { leases } = shareStore
    const perDay = RELEASED_PER_DAY * shareStore.used(vault)
    const isDue = ({ release }: ShareAccount) => release !== null && release.dueAge <= age
    let [next, shares, bytes] = [shareStore.firstDue(vault, age), 0, 0]
    const creditMax = Math.max(perDay, next?.size ?? 0)
    const lease = leases.get(vault)
    const passed = Math.max(0, age - (lease?.creditedAge ?? age))
    let credit = Math.min((lease?.credit ?? 0) + (perDay * passed) / DAY_MS, creditMax)
    leases.setCredit(vault, credit, age)
    while (next !== undefined && next.size <= credit) {
      signal.throwIfAborted()
      const left = credit - next.size
      const freed = await shareStore.remove(next, isDue, () => leases.setCredit(vault, left, age))
      if (freed > 0) {
        credit = left
        shares += 1
        bytes += freed
      }
      next = shareStore.firstDue(vault, age)
    }
    if (next === undefined) leases.setCredit(vault, 0, null)
    if (shares > 0) log.info('released shares removed', { vault, shares, bytes })
  }

  async #trying(
    event: string,
    fields: Readonly<Record<string, string | number>>,
    work: () => Promise<void>,
  ): Promise<void> {
    try {
      await work()
    } catch (cause) {
      const error = toDatabaseError('accounts', cause)
      if (!(error instanceof DiskError)) throw error
      this.#parts.log.error(event, { ...fields, error: error.name, why: error.message })
    }
  }
}
