/**
 * Share releases: what adoptions, releases and cancels do to a vault's shares at a peer.
 *
 * Each of them names a head, and what a later head says holds. For every share the peer keeps the
 * highest sequence that an adoption or a cancel named: a release of that head or an older one was made
 * before, and is refused however often it is sent again. On a tie the share stays.
 */

import type { VaultId } from '../../protocol/ids.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { OpenedRelease } from '../../protocol/release.ts'
import type { Leases } from './leases.ts'
import type { ShareAccount, ShareAccounts } from './share-accounts.ts'

/** From the receipt of a release until it may be carried out, by the peer's age. */
export const RELEASE_DELAY_MS = 30 * 24 * 3600_000

export interface ReleaseParts {
  readonly accounts: ShareAccounts
  readonly leases: Leases
  /** The peer's, ms. */
  readonly age: number
  /** Shares that are being removed right now count as gone. */
  readonly isLeaving: (account: ShareAccount) => boolean
}

/** The head that an adoption or a cancel names. */
export interface Word {
  readonly sequence: number
  /** The sequence to measure later releases by: at most that of the newest head the peer keeps. */
  readonly order: number
}

/** What became of the shares that a document is about. */
export interface ReleaseOutcome {
  /** Shares in release now. */
  readonly count: number
  /** Bytes of their files. */
  readonly bytes: number
  /** Shares that a later head spoke for, so that nothing changed. */
  readonly refused: number
}

/**
 * A head of the vault needs these packs.
 *
 * @returns how many shares of them are here, adopted now or before
 */
export function adoptShares(
  { accounts, isLeaving }: ReleaseParts,
  vault: VaultId,
  packs: readonly PackId[],
  word: Word,
): number {
  return accounts.transaction(() => {
    const found = sharesOf(accounts, vault, packs).filter((account) => !isLeaving(account))
    for (const account of found) {
      const kept = keep(account, word)
      const adoptedBy = account.adoptedBy ?? word.sequence
      if (kept === account && adoptedBy === account.adoptedBy) continue
      accounts.put({ ...kept, adoptedBy, forgoneAge: null })
    }
    return found.length
  })
}

/** Take a release whose head this peer keeps. Shares that are in release already stay as they are. */
export function releaseShares(
  { accounts, leases, age, isLeaving }: ReleaseParts,
  { vault, packs, head: { sequence } }: OpenedRelease,
): ReleaseOutcome {
  return accounts.transaction(() => {
    const keptBy = leases.get(vault)?.keptBy ?? 0
    let [count, bytes, refused] = [0, 0, 0]
    for (const account of sharesOf(accounts, vault, packs)) {
      if (isLeaving(account)) continue
      if (account.release === null && sequence <= Math.max(account.keptBy, keptBy)) {
        refused += 1
        continue
      }
      if (account.release === null) {
        accounts.put({ ...account, release: { sequence, dueAge: age + RELEASE_DELAY_MS } })
      }
      count += 1
      bytes += account.size
    }
    return { count, bytes, refused }
  })
}

/** Take a cancel: shares stay that this head, or one before it, released. */
export function cancelReleases(
  { accounts, leases, age, isLeaving }: ReleaseParts,
  { vault, packs, head: { sequence } }: OpenedRelease,
  order: number,
): ReleaseOutcome {
  return accounts.transaction(() => {
    const isAll = packs.length === 0
    if (isAll) leases.keepAll(vault, order, age)
    const found = isAll ? accounts.inRelease(vault) : sharesOf(accounts, vault, packs)
    let [count, bytes] = [0, 0]
    for (const account of found) {
      if (isLeaving(account)) continue
      const kept = keep(account, { sequence, order })
      if (kept !== account) accounts.put(kept)
      if (kept.release === null) continue
      count += 1
      bytes += kept.size
    }
    return { count, bytes, refused: count }
  })
}

/** The share as it is once a head of this sequence spoke for it; the same object if nothing changes. */
function keep(account: ShareAccount, { sequence, order }: Word): ShareAccount {
  const { release } = account
  const undone = release !== null && release.sequence <= sequence ? release.sequence : 0
  const keptBy = Math.max(order, account.keptBy, undone)
  if (keptBy === account.keptBy && undone === 0) return account
  return { ...account, keptBy, release: undone > 0 ? null : release }
}

function sharesOf(
  accounts: ShareAccounts,
  vault: VaultId,
  packs: readonly PackId[],
): ShareAccount[] {
  return packs.flatMap((pack) => accounts.ofPack(pack).filter((share) => share.vault === vault))
}
