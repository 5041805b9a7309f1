/** What a client is asked, and what it answers. */

import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { Span, Version } from '../../protocol/tree.ts'
import type { FileFailure, Progress } from '../backup/backup.ts'
import type { NotSafeError } from '../backup/not-safe.ts'
import type { ScanTotals } from '../backup/scanner.ts'
import type { Code } from '../grid/code.ts'
import type { Standing } from '../grid/standing.ts'
import type { VisibleEntry } from '../history/visible.ts'
import type { ByteReader, PathBytes } from '../ports/files.ts'
import type { PassedFolder, ScanHint, ScanRules } from '../ports/scan.ts'
import type { PeerId } from '../ports/network.ts'
import type { PeerLack } from '../repair/explain.ts'
import type { HealthRecord } from '../repair/health-record.ts'
import type { RebuildPolicy } from '../repair/policy.ts'
import type { OverGrant } from './friend-types.ts'
import type { CompareMethod, CompareTotals, LiveDifference } from '../restore/compare-live.ts'
import type { ConflictPolicy } from '../restore/conflict.ts'
import type { RestoreAction } from '../restore/restorer.ts'
import type { Patterns } from '../restore/wanted.ts'
import type { RepairPolicy } from '../repair/repair-policy.ts'
import type { QueueRow, QueueTotals } from '../store/queue.ts'
import type { MetadataOptions, Unset, UnsetKind } from '../restore/unset.ts'
import type { AdapterName } from '../source/adapters/source-adapter.ts'
import type { SeenHelper } from './helpers-seen.ts'
import type { PlacedState } from './placed-packs.ts'
import type { LastSnapshot } from '../store/last-snapshot.ts'

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
  readonly file: ByteReader
}

/** What to look at, for a scan. */
export interface SourceRequest {
  /** Absolute. */
  readonly paths: readonly PathBytes[]
  /** Absolute paths passed over with all in them: the home itself, say. */
  readonly exclude?: readonly PathBytes[]
  /** What else is left out below the paths. */
  readonly rules?: ScanRules
  /** Look only here; the rest is as the last snapshot has it. */
  readonly hints?: readonly ScanHint[]
}

export interface ScanRequest extends SourceRequest {
  /** Every file is read, whatever its times say. */
  readonly isHashCheck?: boolean
  /** Of files that only grew the ends are read; of what else changed, all. Not with `isHashCheck`. */
  readonly isQuick?: boolean
  readonly onProgress?: (progress: Progress) => void
  readonly onFileError?: (failure: FileFailure) => void
}

/** What goes before others when files are uploaded. */
export interface PathWeight {
  /** Absolute. */
  readonly path: PathBytes
  /** The heavier goes first; what has none weighs 0. */
  readonly weight: number
}

export interface UploadRequest {
  /** What the person calls this machine. */
  readonly host: string
  readonly tags?: readonly string[]
  /** Where one knows better than the grid's size does. */
  readonly code?: Code
  readonly allowFew?: boolean
  readonly weights?: readonly PathWeight[]
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
  /** Publish what is done so often, ms, as partial snapshots; only at the end if absent. */
  readonly checkpointMs?: number
  /** A file up to this, bytes, is copied if it does not hold still; 4 GiB if absent, 0 for none. */
  readonly copySizeMax?: number
  readonly onProgress?: (progress: Progress) => void
  readonly onFileError?: (failure: FileFailure) => void
}

export interface BackupRequest extends Omit<ScanRequest, 'hints'>, UploadRequest {
  /** Backed up in place of any paths. */
  readonly given?: GivenFile
}

/** Where a watcher saw something since a snapshot. */
export interface Hints {
  /** Number of the snapshot that everything before them is in. */
  readonly since: number
  readonly folders: readonly ScanHint[]
}

export interface HintedRequest extends Omit<SourceRequest, 'hints'>, UploadRequest {
  readonly hints: Hints
}

/** What a scan found, and what waits in the queue since. */
export interface ScanSummary {
  readonly totals: ScanTotals
  readonly queued: QueueSummary
  readonly passed: readonly PassedFolder[]
  readonly failures: readonly FileFailure[]
}

export interface QueueSummary {
  /** Files that are to be read. */
  readonly waiting: QueueTotals
  /** Files whose content is on its way, links, folders. */
  readonly ready: number
  readonly gone: number
}

/** A path that waits to be uploaded. */
export interface QueuedPath {
  readonly path: PathBytes
  readonly state: QueueRow['state']
  readonly kind: QueueRow['status']['kind']
  readonly size: number
  readonly isNew: boolean
  readonly weight: number
}

export interface Queued {
  readonly summary: QueueSummary
  /** When the scan began that the queue is of; `undefined` where none has ended. */
  readonly scannedAt: number | undefined
  readonly sources: readonly PathBytes[]
  /** Files that wait, in the order of their upload, and then the rest. */
  readonly paths: Iterable<QueuedPath>
}

/** Why a path is in a backup, or is not. */
export interface ScanVerdict {
  readonly isIn: boolean
  readonly why:
    | 'source'
    | 'above'
    | 'below'
    | 'outside'
    | 'excluded'
    | 'pattern'
    | 'tag'
    | 'size'
    | 'mount'
    | 'system'
    | 'kind'
    | 'trouble'
    | 'absent'
  /** The path that decides: the one that was asked for, or a folder above it. */
  readonly at: PathBytes
  /** The rule, or the system's word for the trouble; empty where there is none. */
  readonly detail: string
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
  /** Did not hold still: a copy of them was read. */
  readonly filesCopied: number
  /** Databases, and files beside them, kept as of one committed moment. */
  readonly filesConsistent: number
  /** Of which the ends alone were read: the next backup that is not quick reads them. */
  readonly filesQuick: number
  readonly filesTotal: number
  readonly foldersTotal: number
  readonly bytesTotal: number
  /** Sockets passed over. */
  readonly unsupported: number
  /** Names left out by a rule, not counting what is in them. */
  readonly leftOut: number
  /** Folders whose content was passed over, and why. */
  readonly passed: readonly PassedFolder[]
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
  /** What is done where something is in the way; by default it is left, and an error. */
  readonly conflict?: ConflictPolicy
  /** `abort`: the first failure ends it. */
  readonly onError?: 'continue' | 'abort'
  /** Nothing is fetched but the tree, and nothing written. */
  readonly isDryRun?: boolean
  /** Which entries; by default all. */
  readonly patterns?: Patterns
  /** What was under `from` (absolute) goes under `to` (absolute, from the target). */
  readonly map?: readonly { readonly from: PathBytes; readonly to: PathBytes }[]
  /** Names left out at the front of each path, after the map. */
  readonly stripCount?: number
  readonly onEntry?: (entry: {
    readonly path: PathBytes
    readonly size: number
    readonly action: RestoreAction
  }) => void
  /** What gives rights away, and so has to be asked for; by default nothing. */
  readonly metadata?: MetadataOptions
  /** Told of each thing that a restored file should have and has not. */
  readonly onUnset?: (unset: Unset) => void
  readonly onProgress?: (progress: Progress) => void
  readonly onFileError?: (failure: FileFailure) => void
}

export interface FindRequest {
  /** Where to look; `/` for everything. Absolute. */
  readonly path: PathBytes
  readonly isWanted: (path: readonly Uint8Array[], span: Span) => boolean
  /** Whether folders below are looked into; they are unless told otherwise. */
  readonly isRecursive?: boolean
  /** Told of folders part of which cannot be read; the rest is looked through. Without it that is an error. */
  readonly onUnreadable?: (path: PathBytes, error: Error) => void
}

/** Something that was the same for some snapshots. */
export interface FoundSpan {
  readonly path: PathBytes
  readonly span: Span
  /** The snapshots that show it, oldest first; at least one. */
  readonly snapshots: readonly number[]
}

/** A name with all that snapshots show of it. */
export interface NamedVersions {
  readonly path: PathBytes
  readonly spans: readonly Omit<FoundSpan, 'path'>[]
  /** Ids ascending. */
  readonly versions: readonly Version[]
}

export interface DumpRequest {
  readonly at: SnapshotRow
  /** Absolute; none for all the snapshot's sources. */
  readonly paths: readonly PathBytes[]
  readonly patterns?: Patterns
  readonly map?: Exclude<RestoreRequest['map'], undefined>
  readonly stripCount?: number
  /** A folder for files without a name, where a version is made from deltas. */
  readonly scratch: PathBytes
  /** Takes the archive piece by piece; the next comes when it is done with one. */
  readonly write: (bytes: Uint8Array) => Promise<void>
  readonly onFileError?: (failure: FileFailure) => void
}

export interface DumpSummary {
  readonly files: number
  readonly folders: number
  readonly symlinks: number
  readonly specials: number
  /** Of the archive. */
  readonly bytes: number
  readonly bytesFetched: number
  readonly failures: readonly FileFailure[]
  readonly warnings: readonly string[]
}

export interface CompareRequest {
  readonly at: SnapshotRow
  /** Absolute; none for all the snapshot's sources. */
  readonly paths: readonly PathBytes[]
  readonly method: CompareMethod
  /** Absolute: the folder that the paths lie below now; by default they are where they were. */
  readonly below?: PathBytes
  readonly patterns?: Patterns
  readonly scratch: PathBytes
  readonly onDifference?: (difference: LiveDifference) => void
  readonly onProgress?: (progress: Progress) => void
  readonly onFileError?: (failure: FileFailure) => void
}

export interface CompareSummary extends CompareTotals {
  readonly bytesFetched: number
  /** What could not be compared. */
  readonly failures: readonly FileFailure[]
  readonly warnings: readonly string[]
}

/** What a file was called before. */
export interface FormerName {
  readonly path: PathBytes
  /** The snapshot that first showed it under its later name. */
  readonly until: number
}

export interface CatRequest {
  readonly at: SnapshotRow
  /** Absolute. */
  readonly path: PathBytes
  readonly scratch: PathBytes
  readonly write: (bytes: Uint8Array) => Promise<void>
}

export interface RestoreSummary {
  readonly filesRestored: number
  readonly foldersRestored: number
  readonly symlinksRestored: number
  /** FIFOs and devices. */
  readonly specialsRestored: number
  readonly bytesRestored: number
  /** Files and links that were there already as the snapshot has them. */
  readonly unchanged: number
  /** Files and links left out because something else was there, as was asked for. */
  readonly skipped: number
  /** Asked of the grid, windows around the files included. */
  readonly bytesFetched: number
  /** The first failure ended it, as was asked for. */
  readonly isStopped: boolean
  readonly failures: readonly FileFailure[]
  /** How often something could not be set, by what it is. */
  readonly unset: Readonly<Partial<Record<UnsetKind, number>>>
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
  /** The newest snapshot that is complete, and how many came after it; absent where none is known. */
  readonly lastSnapshot?: LastSnapshot
  /** What the last check found; absent before the first. */
  readonly lastCheck?: HealthRecord
  /** Peers that look after the vault with a repair cap; the one heard last first. */
  readonly helpers: readonly (SeenHelper & { readonly name?: string })[]
  /** For more than 30 days nobody checked whether shares are lost, and no helper does. */
  readonly isCheckOverdue: boolean
  /** By our clock. */
  readonly now: number
}
