/**
 * A backup: scan, read, pack, send, publish; each step may be cut off anywhere and taken up again.
 */

import type { ReadKeys } from '../../protocol/keys.ts'
import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { Version } from '../../protocol/tree.ts'
import type { CairnError } from '../base/errors.ts'
import type { Code } from '../grid/code.ts'
import type { PassedFolder } from '../ports/scan.ts'
import type { Source } from '../source/folder-source.ts'
import { isWithin, toNames } from '../source/path.ts'
import type { SafeSources } from '../source/safe-sources.ts'
import { inTransaction } from '../store/database.ts'
import type { EntryRow } from '../store/entries.ts'
import { HotFiles } from '../store/hot-files.ts'
import type { Keyring } from '../store/keyring.ts'
import type { PackRow } from '../store/packs.ts'
import type { Weight } from '../store/queue.ts'
import type { ScanRecord } from '../store/scan-record.ts'
import { Drain, type DrainEvents } from './drain.ts'
import { NotSafeError } from './not-safe.ts'
import { encodeExport, type Exported } from './export.ts'
import type { MaintenanceParts } from './maintenance.ts'
import { Publisher } from './publisher.ts'
import {
  NothingScannedError,
  scanProgress,
  scanSources,
  type ScanOptions,
  type ScanParts,
} from './scan-sources.ts'
import type { ScanTotals } from './scanner.ts'
import { Uploader } from './uploader.ts'

export interface BackupParts extends MaintenanceParts, ScanParts {
  readonly chainOf: (entry: EntryRow) => Promise<readonly Version[] | undefined>
  /** Who decides the bytes of live databases. */
  readonly sources?: SafeSources
}

export interface BackupOptions {
  readonly keyring: Keyring
  readonly readKeys: ReadKeys
  readonly code: Code
  readonly host: string
  readonly tags: readonly string[]
  /** What the tree lacks, to be backed up beside it. */
  readonly exported: (sources: readonly Uint8Array[]) => Exported
  readonly scan?: ScanOptions
  /** What is uploaded before the rest. */
  readonly weights?: readonly Weight[]
  readonly spoolSizeMax?: number
  /** Bytes of a file that is copied where it does not hold still, at most. */
  readonly copySizeMax?: number | undefined
  /** Publish what is done so often, ms; only at the end if absent. */
  readonly checkpointMs?: number | undefined
}

export interface FileFailure {
  readonly path: Uint8Array
  readonly error: CairnError
  readonly during: 'scan' | 'read' | 'restore' | 'compare'
}

export interface Progress {
  readonly phase: 'scan' | 'upload' | 'publish' | 'restore' | 'compare'
  readonly filesDone: number
  /** Undefined where it is not known. */
  readonly filesTotal: number | undefined
  /** Whether the totals are what the last snapshots had. */
  readonly isEstimate?: boolean
  readonly bytesDone: number
  readonly bytesTotal: number | undefined
  /** Of shares, to all peers, in this run; undefined where it only scans or reads. */
  readonly bytesSent?: number
  readonly current: Uint8Array | undefined
}

const NOTHING_KNOWN = {
  filesDone: 0,
  filesTotal: undefined,
  bytesDone: 0,
  bytesTotal: undefined,
  current: undefined,
} as const

export interface BackupEvents {
  readonly onProgress: (progress: Progress) => void
  readonly onFailure: (failure: FileFailure) => void
}

export interface BackupTotals {
  readonly filesTotal: number
  readonly foldersTotal: number
  readonly bytesTotal: number
  readonly filesNew: number
  readonly filesChanged: number
  readonly filesUnmodified: number
  /** Changed while they were read: kept as read, and labelled. */
  readonly filesFuzzy: number
  /** Did not hold still: a copy of them was read. */
  readonly filesCopied: number
  /** Databases, and files beside them, kept as of one committed moment. */
  readonly filesConsistent: number
  /** Of which the ends alone were read. */
  readonly filesQuick: number
  /** Sockets passed over. */
  readonly unsupported: number
  /** Names left out by a rule, not counting what is in them. */
  readonly leftOut: number
  /** Folders whose content was passed over, and why. */
  readonly passed: readonly PassedFolder[]
  /** Versions stored as deltas. */
  readonly deltas: number
  readonly bytesRead: number
  /** Sealed bytes added, before erasure: data, tree and ledger. */
  readonly bytesAdded: number
  /** Bytes of shares sent. */
  readonly bytesSent: number
  readonly packs: number
  /** Shares that have no place yet. */
  readonly settling: number
}

export interface BackupReport extends BackupTotals {
  readonly row: SnapshotRow
}

export class Backup {
  readonly #parts: BackupParts
  readonly #options: BackupOptions
  readonly #uploader: Uploader
  readonly #publisher: Publisher
  readonly #failures: FileFailure[] = []
  #onUnkept: (path: Uint8Array, error: CairnError) => void = () => undefined
  #onSent: () => void = () => undefined
  #scanned: ScanTotals | undefined
  #passed: readonly PassedFolder[] = []
  /** One for each snapshot that the run publishes. */
  readonly #drains: Drain[] = []

  constructor(parts: BackupParts, options: BackupOptions) {
    this.#parts = parts
    this.#options = options
    const { keyring, readKeys, code, spoolSizeMax } = options
    this.#uploader = new Uploader(parts, {
      vault: keyring.vault,
      code,
      onSent: () => this.#onSent(),
      ...(spoolSizeMax === undefined ? {} : { spoolSizeMax }),
    })
    this.#publisher = new Publisher(
      {
        ...parts,
        uploader: this.#uploader,
        nextPackNumber: () => this.#nextPackNumber(),
        onFailure: (path, error) => this.#onUnkept(path, error),
      },
      { keyring, readKeys },
      code,
    )
  }

  /**
   * Scan and upload.
   *
   * @throws {NotSafeError} queue and spool are kept, and the next run goes on from here
   * @throws {DiskError} this machine's own state cannot be written; likewise
   */
  async run(source: Source, events: BackupEvents, signal: AbortSignal): Promise<BackupReport> {
    try {
      await this.#resume(events, signal)
      return await this.#upload(await this.#scan(source, events, signal), events, signal)
    } finally {
      await this.#uploader.abandon()
    }
  }

  /**
   * Upload what the last scan found.
   *
   * @returns undefined if that was on its way already, and all that was left to do is done
   * @throws {NothingScannedError}
   * @throws {NotSafeError} as `run`
   * @throws {DiskError} as `run`
   */
  async upload(events: BackupEvents, signal: AbortSignal): Promise<BackupReport | undefined> {
    try {
      const isFinished = await this.#resume(events, signal)
      const scanned = this.#parts.queue.scanned()
      if (scanned !== undefined) {
        this.#scanned = scanned.totals
        return await this.#upload(scanned, events, signal)
      }
      if (isFinished) return undefined
      throw new NothingScannedError('Nothing was scanned since the last snapshot: run "cairn scan"')
    } finally {
      await this.#uploader.abandon()
    }
  }

  /** @returns whether a head was on its way, and is published now */
  async #resume(events: BackupEvents, signal: AbortSignal): Promise<boolean> {
    this.#tell(events, { phase: 'upload', ...NOTHING_KNOWN })
    // A head that was on its way belongs to the queue as it is now, so it comes first.
    const isFinished = await this.#publisher.finish(signal)
    this.#publisher.dropPlanned()
    await this.#uploader.resume((pack) => this.#forgetLost(pack), signal)
    return isFinished
  }

  async #upload(
    scanned: ScanRecord,
    events: BackupEvents,
    signal: AbortSignal,
  ): Promise<BackupReport> {
    this.#onUnkept = (path, error) => events.onFailure({ path, error, during: 'read' })
    const drainEvents = this.#drainEvents(events)
    for (;;) {
      const drain = await this.#drain(scanned, drainEvents, signal)
      if (!drain.isPaused) return await this.#publish(scanned, drain, events, signal)
      try {
        await this.#uploader.settle(signal)
      } catch (error) {
        // Friends are away just now: what is done is published with the rest.
        if (!(error instanceof NotSafeError)) throw error
        continue
      }
      await this.#publish(scanned, drain, events, signal)
    }
  }

  async #publish(
    scanned: ScanRecord,
    drain: Drain,
    events: BackupEvents,
    signal: AbortSignal,
  ): Promise<BackupReport> {
    const { totals, sources, startedAt } = scanned
    this.#tell(events, {
      phase: 'publish',
      filesDone: totals.files,
      filesTotal: totals.files,
      bytesDone: totals.bytes,
      bytesTotal: totals.bytes,
      current: undefined,
    })
    const skipped = scanned.failed + this.#failures.length
    const row = await this.#publisher.publish(
      this.#nextSequence,
      {
        startedAt,
        host: this.#options.host,
        sources,
        files: totals.files,
        folders: totals.folders,
        bytes: totals.bytes,
        isComplete: skipped === 0 && !scanned.isPartial && !drain.isPaused,
        isFinished: !drain.isPaused,
        tags: this.#options.tags,
        skipped,
        dataAdded: drain.bytesAdded,
      },
      encodeExport(this.#options.exported(sources)),
      signal,
    )
    return { row, ...this.progress() }
  }

  /** What was done so far. */
  progress(): BackupTotals {
    const scan = this.#scanned
    const sum = (count: (drain: Drain) => number) =>
      this.#drains.reduce((total, drain) => total + count(drain), 0)
    return {
      filesTotal: scan?.files ?? 0,
      foldersTotal: scan?.folders ?? 0,
      bytesTotal: scan?.bytes ?? 0,
      filesNew: sum(({ totals }) => totals.filesNew),
      filesChanged: sum(({ totals }) => totals.filesChanged),
      filesUnmodified: (scan?.unmodified ?? 0) + sum(({ totals }) => totals.filesSame),
      filesFuzzy: sum(({ totals }) => totals.filesFuzzy),
      filesCopied: sum(({ totals }) => totals.filesCopied),
      filesConsistent: sum(({ totals }) => totals.filesConsistent),
      filesQuick: sum(({ totals }) => totals.filesQuick),
      unsupported: scan?.unsupported ?? 0,
      leftOut: scan?.leftOut ?? 0,
      passed: this.#passed,
      deltas: sum(({ totals }) => totals.deltas),
      bytesRead: sum(({ bytesRead }) => bytesRead),
      bytesAdded: sum(({ bytesAdded }) => bytesAdded) + this.#publisher.metadataAdded,
      bytesSent: this.#uploader.bytesSent,
      packs: this.#uploader.packCount,
      settling: this.#uploader.settling(),
    }
  }

  async #scan(source: Source, events: BackupEvents, signal: AbortSignal): Promise<ScanRecord> {
    const { record, report } = await scanSources(
      this.#parts,
      source,
      this.#options.scan ?? {},
      {
        onStart: (totals) => (this.#scanned = totals),
        onProgress: (...state) => this.#tell(events, scanProgress(...state)),
      },
      signal,
    )
    this.#passed = report.passed
    let passing = 0
    for (const failure of report.failures) {
      const { path, error } = failure
      // Journals come and go while their database is written to: it tells all that they would.
      const isPassing = error.code === 'ENOENT' && (await this.#parts.sources?.baseOf(path))
      if (isPassing) passing += 1
      else events.onFailure({ ...failure, during: 'scan' })
    }
    return { ...record, failed: record.failed - passing }
  }

  async #drain(
    { run, sources, isQuick }: ScanRecord,
    events: DrainEvents,
    signal: AbortSignal,
  ): Promise<Drain> {
    const { clock } = this.#parts
    const { readKeys, copySizeMax, weights = [], checkpointMs = Infinity } = this.#options
    const until = clock.monotonic() + checkpointMs
    const parts = {
      ...this.#parts,
      uploader: this.#uploader,
      hotFiles: new HotFiles(this.#parts.settings),
      nextPackNumber: () => this.#nextPackNumber(),
    }
    const covered = sources.map(toNames)
    const drain = new Drain(parts, {
      ...readKeys,
      run,
      sequence: this.#nextSequence,
      weights,
      copySizeMax,
      isQuick,
      isCovered: (path) => covered.some((each) => isWithin(each, toNames(path))),
      isDue: () => clock.monotonic() >= until,
    })
    this.#drains.push(drain)
    await drain.run(events, signal)
    return drain
  }

  get #nextSequence(): number {
    return (this.#parts.published.current()?.sequence ?? 0) + 1
  }

  /** Of all drains of a run together. */
  #drainEvents(events: BackupEvents): DrainEvents {
    const waiting = this.#parts.queue.totals('waiting')
    let filesDone = 0
    let bytesDone = 0
    const tell = (current: Uint8Array | undefined, bytesOfFile: number) =>
      this.#tell(events, {
        phase: 'upload',
        // What is made beside a database was not in the queue.
        filesDone: Math.min(filesDone, waiting.files),
        filesTotal: waiting.files,
        bytesDone: Math.min(bytesDone + bytesOfFile, waiting.bytes),
        bytesTotal: waiting.bytes,
        current,
      })
    const onFile = (path: Uint8Array, size: number) => {
      filesDone += 1
      bytesDone += size
      tell(path, 0)
    }
    tell(undefined, 0)
    const onFailure = (path: Uint8Array, error: CairnError) =>
      this.#fail({ path, error, during: 'read' }, events)
    return { onRead: tell, onFile, onFailure }
  }

  /** Say how far it is now, and again whenever something was sent. */
  #tell(events: BackupEvents, progress: Progress): void {
    this.#onSent = () => events.onProgress({ ...progress, bytesSent: this.#uploader.bytesSent })
    this.#onSent()
  }

  #fail(failure: FileFailure, events: BackupEvents): void {
    this.#failures.push(failure)
    events.onFailure(failure)
  }

  /** A pack that never became safe is gone from the spool: what it held is read again. */
  #forgetLost(pack: PackRow): void {
    const { database, contents, packs, queue, log } = this.#parts
    log.warn('spooled pack lost', { pack: pack.number })
    inTransaction(database, () => {
      contents.forgetPack(pack.number)
      packs.remove(pack.number)
      if (pack.kind === 'data' || pack.kind === 'delta') queue.clear()
    })
  }

  #nextPackNumber(): number {
    return this.#parts.settings.next('pack number')
  }
}
