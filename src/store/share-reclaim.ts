/**
 * Share reclaim: room for a new share from vaults that were silent for longer than their lease.
 *
 * Only what is missing is taken, and nothing at all where everything together would not be enough. What no
 * head ever adopted goes before what one needs, each from the vault that was silent for longest first.
 */

import type { VaultId } from '../../protocol/ids.ts'
import { DiskError } from '../base/errors.ts'
import type { Log } from '../ports/log.ts'
import { LEASE_MS, type Leases } from './leases.ts'
import type { ShareAccount, ShareAccounts } from './share-accounts.ts'

export interface ReclaimParts {
  readonly accounts: ShareAccounts
  readonly leases: Leases
  readonly log: Log
  /** The peer's, ms. */
  readonly age: number
  /** As `ShareStore.remove`. */
  readonly remove: (account: ShareAccount, isMeant: () => boolean) => Promise<number>
}

/** @returns whether `missing` bytes were freed */
export async function reclaim(parts: ReclaimParts, missing: number): Promise<boolean> {
  const { accounts, leases, age } = parts
  const silent = leases.silentSince(age - LEASE_MS).map(({ vault }) => vault)
  const size = silent.reduce((sum, vault) => sum + accounts.used(vault), 0)
  if (size < missing) return false
  let freed = 0
  const orders = [
    (vault: VaultId) => accounts.provisionalOf(vault, 1)[0],
    (vault: VaultId) => accounts.ofVault(vault, 1)[0],
  ]
  for (const first of orders) {
    for (const vault of silent) {
      const next = () => first(vault)
      if (freed < missing) freed += await reclaimFrom(parts, vault, missing - freed, next)
    }
  }
  return freed >= missing
}

async function reclaimFrom(
  { leases, log, age, remove }: ReclaimParts,
  vault: VaultId,
  missing: number,
  next: () => ShareAccount | undefined,
): Promise<number> {
  const isSilent = () => (leases.get(vault)?.renewedAge ?? age) <= age - LEASE_MS
  let [freed, shares] = [0, 0]
  try {
    while (freed < missing && isSilent()) {
      const account = next()
      if (account === undefined) break
      freed += await remove(account, isSilent)
      shares += 1
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    log.error('share not reclaimed', { vault, error: error.name, why: error.message })
  }
  if (shares > 0) log.warn('shares of a silent vault reclaimed', { vault, shares, bytes: freed })
  return freed
}
