/**
 * Share room: whether one more share fits, by quota, grant, capacity and the volume's reserve.
 *
 * Uploads under way count with their full size: room is promised before a byte is taken, and the promise
 * ends with the upload's stream. A vault has only so much promised at a time, so that nobody keeps
 * others out with uploads that never come. Shares in release count against no quota, and against
 * capacity until they are gone. Where there is no room, vaults that were silent for longer than their
 * lease make some.
 */

import type { VaultId } from '../../protocol/ids.ts'
import { PACK_SIZE_MAX } from '../../protocol/manifest.ts'
import type { Disk } from '../ports/disk.ts'
import type { ShareAccounts } from './share-accounts.ts'

/** Bytes promised to one vault at a time: four of the largest shares with their trees; a client sends two at once. */
export const PROMISED_PER_VAULT_MAX = 5 * PACK_SIZE_MAX

/** Why there is no room for a share. */
export type NoRoom = 'full' | 'quota' | 'grant' | 'busy'

/** What one vault may keep. */
export interface Limits {
  /** Bytes; any, where not given. */
  readonly quota?: number
  /** Whether the vault may come to so many bytes; it may, where not given. */
  readonly isGranted?: (bytes: number) => boolean
}

export interface RoomParts {
  readonly disk: Disk
  readonly accounts: ShareAccounts
  /** Free `missing` bytes. @returns whether it could */
  readonly reclaim: (missing: number) => Promise<boolean>
}

export interface RoomOptions {
  /** Bytes this peer lends. */
  readonly capacity: number
  /** Bytes of the volume that stay free whatever happens. */
  readonly reserve: number
}

export class ShareRoom {
  readonly #parts: RoomParts
  readonly #options: RoomOptions
  /** Bytes promised to uploads under way, by vault. */
  readonly #promised = new Map<VaultId, number>()

  constructor(parts: RoomParts, options: RoomOptions) {
    this.#parts = parts
    this.#options = options
  }

  /**
   * Promise room for a share, if quota, grant and capacity allow it.
   *
   * @returns why not: 'grant' where only patience is at its end, 'busy' while too much is promised already
   */
  async promise(
    vault: VaultId,
    size: number,
    { quota = Infinity, isGranted = () => true }: Limits = {},
  ): Promise<'promised' | NoRoom> {
    const { accounts, reclaim } = this.#parts
    for (;;) {
      const promised = this.#promisedTo(vault)
      if (promised > 0 && promised + size > PROMISED_PER_VAULT_MAX) return 'busy'
      const bytes = accounts.counted(vault) + promised + size
      if (bytes > quota) return 'quota'
      if (!isGranted(bytes)) return 'grant'
      const missing = this.#taken() + size - this.#options.capacity
      if (missing <= 0) break
      if (!(await reclaim(missing))) return 'full'
    }
    this.#change(vault, size)
    return 'promised'
  }

  /** The share is accounted for, or will not come. */
  free(vault: VaultId, size: number): void {
    this.#change(vault, -size)
  }

  /** Counts every promised byte as still to be written, which errs on the side of the reserve. */
  async hasVolumeRoom(): Promise<boolean> {
    for (;;) {
      const { free } = await this.#parts.disk.space()
      const missing = this.#options.reserve - (free - this.#promisedTo())
      if (missing <= 0) return true
      if (!(await this.#parts.reclaim(missing))) return false
    }
  }

  /** @returns bytes this peer lends, and how many of them are left */
  async space(): Promise<{ readonly capacity: number; readonly free: number }> {
    const { capacity, reserve } = this.#options
    const onVolume = (await this.#parts.disk.space()).free - reserve
    return { capacity, free: Math.max(0, Math.min(capacity - this.#taken(), onVolume)) }
  }

  /** Bytes held and promised. */
  #taken(): number {
    return this.#parts.accounts.used() + this.#promisedTo()
  }

  #promisedTo(vault?: VaultId): number {
    if (vault !== undefined) return this.#promised.get(vault) ?? 0
    return [...this.#promised.values()].reduce((sum, size) => sum + size, 0)
  }

  #change(vault: VaultId, change: number): void {
    const promised = (this.#promised.get(vault) ?? 0) + change
    if (promised === 0) this.#promised.delete(vault)
    else this.#promised.set(vault, promised)
  }
}
