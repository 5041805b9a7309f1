/** What a client is asked and answers when it checks, audits and repairs. */

import type { CairnError } from '../base/errors.ts'
import type { Standing } from '../grid/standing.ts'
import type { PathBytes } from '../ports/files.ts'
import type { PeerId } from '../ports/network.ts'
import type { PeerAudit } from '../repair/audit-peers.ts'
import type { PackHealth } from '../repair/pack-health.ts'
import type { Held, RepairProgress } from '../repair/repair-parts.ts'
import type { RepairedPack } from '../repair/repair-worker.ts'
import type { Sample, VerifyReport } from '../repair/verify-shares.ts'

export type { PeerAudit } from '../repair/audit-peers.ts'
export type { RepairPolicy } from '../repair/repair-policy.ts'
export type { RepairProgress } from '../repair/repair-parts.ts'
export type { Sample } from '../repair/verify-shares.ts'

/** A storage peer as a check met it. */
export interface CheckedPeer {
  readonly peer: PeerId
  readonly name?: string
  readonly domain?: string
  readonly isHere: boolean
  readonly standing: Standing
  /** Whether its shares count: not where it was given up, if only for this run. */
  readonly isCounted: boolean
  /** Shares that it says it holds; those it is believed to hold, where it does not answer. */
  readonly shares: number
}

export interface CheckRequest {
  /** Read shares too, all or a sample. */
  readonly verify?: Sample
  readonly onProgress?: (progress: RepairProgress) => void
}

/** A file of the newest snapshot that cannot be read whole. */
export interface AffectedFile {
  /** Of a folder, where what it holds cannot be listed. */
  readonly path: PathBytes
  /** Only versions before the newest are. */
  readonly isOldOnly: boolean
}

export interface CheckSummary {
  readonly peers: readonly CheckedPeer[]
  readonly packs: readonly PackHealth[]
  /** Shares that peers had stored and do not have. */
  readonly dropped: readonly Held[]
  readonly verified: VerifyReport | undefined
  /** Of lost packs. */
  readonly affected: readonly AffectedFile[]
  readonly warnings: readonly string[]
}

export interface AuditRequest {
  /** Draws from each peer. */
  readonly count: number
  /** Only these peers; everybody without it. */
  readonly peers?: readonly PeerId[]
  readonly onProgress?: (progress: RepairProgress) => void
}

export interface AuditSummary {
  readonly audits: readonly (PeerAudit & { readonly name?: string; readonly standing: Standing })[]
  readonly warnings: readonly string[]
}

export interface RepairRequest {
  readonly isDryRun: boolean
  /** Bytes from and to peers, at most. */
  readonly budget?: number
  readonly countMax?: number
  /** Whether peers that do not answer are waited for, as the clocks have it; else they count as gone. */
  readonly isPatient: boolean
  readonly onProgress?: (progress: RepairProgress) => void
}

export interface RepairSummary {
  readonly peers: readonly CheckedPeer[]
  /** Packs that were due. */
  readonly repaired: readonly RepairedPack[]
  /** All packs, as they are now. */
  readonly packs: readonly PackHealth[]
  readonly bytesRead: number
  readonly bytesSent: number
  /** Peers that could not be told that what they hold is needed. */
  readonly untold: readonly PeerId[]
  readonly isDryRun: boolean
  readonly failures: readonly CairnError[]
  readonly warnings: readonly string[]
}
