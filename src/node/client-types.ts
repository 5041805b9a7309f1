/** What a client is asked, and what it answers. */

import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { FileFailure, Progress } from '../backup/backup.ts'
import type { NotSafeError } from '../backup/not-safe.ts'
import type { Code } from '../grid/code.ts'
import type { Standing } from '../grid/standing.ts'
import type { VisibleEntry } from '../history/visible.ts'

import type { FileReader, PathBytes } from '../ports/files.ts'
import type { PeerId } from '../ports/network.ts'
import type { PeerLack } from '../repair/explain.ts'
import type { HealthRecord } from '../repair/health-record.ts'
import type { RebuildPolicy } from '../repair/policy.ts'
import type { OverGrant } from './friend-types.ts'
import type { RepairPolicy } from '../repair/repair-policy.ts'
import type { AdapterName } from '../source/adapters/source-adapter.ts'
import type { SeenHelper } from './helpers-seen.ts'
import type { PlacedState } from './placed-packs.ts'

export type { FileFailure, Progress } from '../backup/backup.ts'
export type { NotSafeError } from '../backup/not-safe.ts'

export interface Joined {
  readonly grid: string
  readonly peers: readonly {
    readonly peer: PeerId
    readonly name?: string
    readonly addresses: readonly string[]
    readonly reachable: boolean
  }[]
}

/** A file that is on no disk: what a program wrote. */
export interface GivenFile {
  /** Where it is in the tree; absolute. */
  readonly path: PathBytes
  /** Its bytes, and its status as it is recorded. */
  readonly file: FileReader
}

export interface BackupRequest {
  /** Absolute. */
  readonly paths: readonly PathBytes[]
  /** Backed up in place of any paths. */
  readonly given?: GivenFile
  /** What the person calls this machine. */
  readonly host: string
  readonly tags?: readonly string[]
  /** Absolute paths passed over with all in them: the home itself, say. */
  readonly exclude?: readonly PathBytes[]
  /** Where one knows better than the grid's size does. */
  readonly code?: Code
  readonly allowFew?: boolean
  /** What is done about chains that became too long; by default as src/repair/policy.ts says. */
  readonly rebuild?: RebuildPolicy
  /** What is done about the health of what was stored; by default as src/repair/repair-policy.ts says. */
  readonly repair?: RepairPolicy
  /** Adapters that may decide the bytes of live databases; by default all. */
  readonly adapters?: readonly AdapterName[]
  /** Absolute paths of files, or folders with all in them, that no adapter is asked about. */
  readonly asTheyAre?: readonly PathBytes[]
  /** Most that packs waiting for peers may occupy, bytes. */
  readonly spoolSizeMax?: number
  readonly onProgress?: (progress: Progress) => void
  readonly onFileError?: (failure: FileFailure) => void
}

/** What a backup did, whether or not it came to be published. */
export interface BackupSummary {
  /** Of the snapshot; of the one that waits, if it was not published. */
  readonly sequence: number
  readonly filesNew: number
  readonly filesChanged: number
  readonly filesUnmodified: number
  /** Changed while they were read: kept as read, and labelled. */
  readonly filesFuzzy: number
  /** Databases, and files beside them, kept as of one committed moment. */
  readonly filesConsistent: number
  readonly filesTotal: number
  readonly foldersTotal: number
  readonly bytesTotal: number
  /** Sockets, FIFOs and devices passed over. */
  readonly unsupported: number
  /** Of the person's files. */
  readonly bytesRead: number
  /** Sealed bytes of data, tree and ledger, before erasure. */
  readonly bytesAdded: number
  /** Bytes of shares sent. */
  readonly bytesSent: number
  readonly packs: number
  /** Versions stored as deltas. */
  readonly deltas: number
  readonly skipped: readonly FileFailure[]
  /** Files whose chain was rebuilt afterwards. */
  readonly rebuilt: number
  /** Shares of older snapshots that were made again, or moved away from a friend who leaves. */
  readonly repaired: number
  /** Shares that have no place yet. */
  readonly settling: number
  readonly published: boolean
  readonly notSafe?: NotSafeError
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly endedAt: number
  readonly warnings: readonly string[]
}

export interface ListedEntry {
  readonly path: PathBytes
  readonly entry: VisibleEntry
}

export interface RestoreRequest {
  readonly at: SnapshotRow
  /** Absolute; none for all the snapshot's sources. */
  readonly paths: readonly PathBytes[]
  /** Absolute; made if it is not there. */
  readonly target: PathBytes
  readonly onProgress?: (progress: Progress) => void
  readonly onFileError?: (failure: FileFailure) => void
}

export interface RestoreSummary {
  readonly filesRestored: number
  readonly foldersRestored: number
  readonly symlinksRestored: number
  readonly bytesRestored: number
  /** Asked of the grid, windows around the files included. */
  readonly bytesFetched: number
  readonly failures: readonly FileFailure[]
  readonly warnings: readonly string[]
}

export interface ClientStatus {
  readonly vault: string
  readonly device: string
  readonly grid?: string
  /** Of the newest snapshot. */
  readonly sequence: number
  readonly peers: readonly {
    readonly peer: PeerId
    readonly name?: string
    readonly domain?: string
    readonly reachable: boolean
    readonly capacity?: number
    readonly free?: number
    readonly used?: number
    /** Bytes of ours there that wait to be deleted, as a release said. */
    readonly released?: number
    /** Bytes that this vault may keep there; absent where there is no limit. */
    readonly grant?: number
    readonly over?: OverGrant
    readonly error?: string
    readonly standing: Standing
    /** When it last answered, ms since 1970 by our clock. */
    readonly seenAt?: number
    /** The part of the time watched in which it answered, 0–1. */
    readonly online?: number
    /** What is the matter with it, where it would take no share. */
    readonly lack?: PeerLack
  }[]
  /** What a person should hear about room at friends. */
  readonly warnings: readonly string[]
  /** Contradictions between heads that were found and are kept, newest first. */
  readonly evidence: readonly {
    readonly kind: 'fork' | 'rollback'
    readonly foundAt: number
    readonly words: string
  }[]
  readonly queue: { readonly files: number; readonly bytes: number }
  readonly spool: { readonly packs: number; readonly bytes: number }
  readonly settling: number
  /** How the packs that were placed stand, as far as is known here. */
  readonly placed: Readonly<Record<PlacedState, number>>
  /** What the last check found; absent before the first. */
  readonly lastCheck?: HealthRecord
  /** Peers that look after the vault with a repair cap; the one heard last first. */
  readonly helpers: readonly (SeenHelper & { readonly name?: string })[]
  /** For more than 30 days nobody checked whether shares are lost, and no helper does. */
  readonly isCheckOverdue: boolean
  /** By our clock. */
  readonly now: number
}
