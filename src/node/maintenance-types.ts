/** What a client is asked and answers when it forgets, rebuilds and gives space back. */

import type { Version, VersionId } from '../../protocol/tree.ts'
import type { FileFailure, Progress } from '../backup/backup.ts'
import type { NotSafeError } from '../backup/not-safe.ts'
import type { FileHistory } from '../history/visible.ts'
import type { PathBytes } from '../ports/files.ts'
import type { PeerId } from '../ports/network.ts'
import type { ChainFacts } from '../repair/chain-facts.ts'
import type { RebuildPlan } from '../repair/plan.ts'
import type { RebuildPolicy } from '../repair/policy.ts'
import type { Decision, RetentionPolicy } from '../repair/retention.ts'

/** What every piece of maintenance that publishes a head says of it. */
export interface Maintained {
  /** Of the head that was published, or waits; `undefined` where there was nothing to do. */
  readonly sequence: number | undefined
  readonly published: boolean
  readonly notSafe?: NotSafeError
  /** Bytes asked of the grid. */
  readonly bytesFetched: number
  /** Sealed bytes of data, tree and ledger, before erasure. */
  readonly bytesAdded: number
  /** Bytes of shares sent. */
  readonly bytesSent: number
  readonly warnings: readonly string[]
}

export interface ForgetRequest {
  readonly policy: RetentionPolicy
  readonly isDryRun: boolean
  /** Snapshots count together whatever their sources: the last to show a path may go. */
  readonly isAcrossSources?: boolean
  readonly onProgress?: (progress: Progress) => void
}

export interface ForgetSummary extends Maintained {
  /** Every snapshot, newest first. */
  readonly decisions: readonly Decision[]
  /** Of files. */
  readonly versionsDropped: number
  /** Kept versions that rested on dropped ones and got a delta of their own. */
  readonly deltasComposed: number
}

export interface RebuildRequest {
  /** Absolute; none for every chain that the policy finds too long. */
  readonly paths: readonly PathBytes[]
  readonly policy: RebuildPolicy
  readonly isDryRun: boolean
  /** Bytes up and down, at most; the cheapest files come first. */
  readonly budget?: number
  readonly onProgress?: (progress: Progress) => void
  readonly onFileError?: (failure: FileFailure) => void
}

export interface RebuiltFile {
  readonly path: PathBytes
  readonly plan: RebuildPlan
  /** Planned only, for want of budget or since it was a dry run. */
  readonly isDone: boolean
  /** Versions that no path leads to any more: their objects are lost, for now at least. */
  readonly degraded: readonly Version[]
}

export interface RebuildSummary extends Maintained {
  readonly files: readonly RebuiltFile[]
  readonly failures: readonly FileFailure[]
  readonly isDryRun: boolean
}

export interface GcRequest {
  readonly isDryRun: boolean
  /** Take back every release that peers have not carried out yet. */
  readonly isCancel: boolean
  /** The vault's 24 words, where its prune key is kept off this computer. */
  readonly words?: string
  readonly onProgress?: (progress: Progress) => void
}

export interface GcSummary extends Maintained {
  /** Packs released now: count and bytes, before erasure. */
  readonly released: { readonly packs: number; readonly bytes: number }
  /** Packs in release in all, those of earlier runs included. */
  readonly inRelease: { readonly packs: number; readonly bytes: number }
  /** Packs written anew, of which others are merged or thinned. */
  readonly merged: { readonly packs: number; readonly into: number; readonly bytesSaved: number }
  /** Packs that peers no longer hold: the space is back. */
  readonly gone: { readonly packs: number; readonly bytes: number }
  readonly live: { readonly packs: number; readonly bytes: number }
  /** Releases taken back. */
  readonly cancelled: { readonly packs: number; readonly bytes: number }
  /** Peers that could not be told; the next gc or backup tells them. */
  readonly untold: readonly PeerId[]
}

/** A file's history with what its chain costs. */
export interface HistoryReport {
  readonly history: FileHistory
  /** Sealed bytes of each version's own objects. */
  readonly storedSizes: ReadonlyMap<number, number>
  /** Of the newest version; `undefined` where the path is no file now. */
  readonly chain: ChainFacts | undefined
}

/** What an extracted history is, in the folder it was written to. */
export interface ExtractedHistory {
  /** Oldest version first. */
  readonly files: readonly {
    readonly name: string
    readonly version: VersionId
    readonly type: 'original' | 'delta'
    readonly base?: VersionId
    /** Bytes of the written file. */
    readonly size: number
  }[]
  /** Name of the table that says what applies to what. */
  readonly table: string
}
