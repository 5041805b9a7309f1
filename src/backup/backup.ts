/**
 * A backup: scan, read, pack, send, publish; each step may be cut off anywhere and taken up again.
 */

import type { ReadKeys } from '../../protocol/keys.ts'
import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { Version } from '../../protocol/tree.ts'
import type { CairnError } from '../base/errors.ts'
import type { Code } from '../grid/code.ts'
import type { Source } from '../source/folder-source.ts'
import { isWithin, toNames } from '../source/path.ts'
import type { SafeSources } from '../source/safe-sources.ts'
import { inTransaction } from '../store/database.ts'
import type { EntryRow } from '../store/entries.ts'
import type { Keyring } from '../store/keyring.ts'
import type { PackRow } from '../store/packs.ts'
import { Drain } from './drain.ts'
import { encodeExport, type Exported } from './export.ts'
import type { MaintenanceParts } from './maintenance.ts'
import { Publisher } from './publisher.ts'
import { Scanner, type ScanReport, type ScanTotals } from './scanner.ts'
import { Uploader } from './uploader.ts'

export interface BackupParts extends MaintenanceParts {
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
  readonly exported: () => Exported
  readonly spoolSizeMax?: number
}

export interface FileFailure {
  readonly path: Uint8Array
  readonly error: CairnError
  readonly during: 'scan' | 'read' | 'restore'
}

export interface Progress {
  readonly phase: 'scan' | 'upload' | 'publish' | 'restore'
  readonly filesDone: number
  readonly filesTotal: number
  readonly bytesDone: number
  readonly bytesTotal: number
  readonly current: Uint8Array | undefined
}

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
  /** Databases, and files beside them, kept as of one committed moment. */
  readonly filesConsistent: number
  /** Sockets, FIFOs and devices passed over. */
  readonly unsupported: number
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
  #scanned: ScanTotals | undefined
  #drained: Drain | undefined

  constructor(parts: BackupParts, options: BackupOptions) {
    this.#parts = parts
    this.#options = options
    const { keyring, readKeys, code, spoolSizeMax } = options
    this.#uploader = new Uploader(parts, {
      vault: keyring.vault,
      code,
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
   * @throws {NotSafeError} queue and spool are kept, and the next run goes on from here
   * @throws {DiskError} this machine's own state cannot be written; likewise
   */
  async run(source: Source, events: BackupEvents, signal: AbortSignal): Promise<BackupReport> {
    try {
      // A head that was on its way belongs to the queue as it is now, so it comes first.
      await this.#publisher.finish(signal)
      this.#publisher.dropPlanned()
      await this.#uploader.resume((pack) => this.#forgetLost(pack), signal)
      return await this.#run(source, events, signal)
    } finally {
      await this.#uploader.abandon()
    }
  }

  async #run(source: Source, events: BackupEvents, signal: AbortSignal): Promise<BackupReport> {
    const { clock, settings, published } = this.#parts
    const startedAt = clock.now()
    const sequence = (published.current()?.sequence ?? 0) + 1
    const run = settings.next('run')

    const scan = await this.#scan(source, run, events, signal)
    const drain = await this.#drain({ sequence, run, sources: source.paths }, events, signal)
    this.#progress(events, 'publish', scan)
    this.#onUnkept = (path, error) => events.onFailure({ path, error, during: 'read' })
    const { totals } = scan
    const row = await this.#publisher.publish(
      sequence,
      {
        startedAt,
        host: this.#options.host,
        sources: source.paths,
        files: totals.files,
        folders: totals.folders,
        bytes: totals.bytes,
        isComplete: this.#failures.length === 0,
        tags: this.#options.tags,
        skipped: this.#failures.length,
        dataAdded: drain.bytesAdded,
      },
      encodeExport(this.#options.exported()),
      signal,
    )
    return { row, ...this.progress() }
  }

  /** What was done so far. */
  progress(): BackupTotals {
    const [scan, drain] = [this.#scanned, this.#drained]
    return {
      filesTotal: scan?.files ?? 0,
      foldersTotal: scan?.folders ?? 0,
      bytesTotal: scan?.bytes ?? 0,
      filesNew: drain?.totals.filesNew ?? 0,
      filesChanged: drain?.totals.filesChanged ?? 0,
      filesUnmodified: (scan?.unmodified ?? 0) + (drain?.totals.filesSame ?? 0),
      filesFuzzy: drain?.totals.filesFuzzy ?? 0,
      filesConsistent: drain?.totals.filesConsistent ?? 0,
      unsupported: scan?.unsupported ?? 0,
      deltas: drain?.totals.deltas ?? 0,
      bytesRead: drain?.bytesRead ?? 0,
      bytesAdded: (drain?.bytesAdded ?? 0) + this.#publisher.metadataAdded,
      bytesSent: this.#uploader.bytesSent,
      packs: this.#uploader.packCount,
      settling: this.#uploader.settling(),
    }
  }

  async #scan(
    source: Source,
    run: number,
    events: BackupEvents,
    signal: AbortSignal,
  ): Promise<ScanReport> {
    const scanner = new Scanner(this.#parts, source, run)
    this.#scanned = scanner.totals
    const report = await scanner.scan(
      ({ files, bytes }) =>
        events.onProgress({
          phase: 'scan',
          filesDone: files,
          filesTotal: files,
          bytesDone: bytes,
          bytesTotal: bytes,
          current: undefined,
        }),
      signal,
    )
    for (const failure of report.failures) {
      const { path, error } = failure
      // Journals come and go while their database is written to: it tells all that they would.
      const isPassing = error.code === 'ENOENT' && (await this.#parts.sources?.baseOf(path))
      if (!isPassing) this.#fail({ ...failure, during: 'scan' }, events)
    }
    return report
  }

  async #drain(
    { sequence, run, sources }: { sequence: number; run: number; sources: readonly Uint8Array[] },
    events: BackupEvents,
    signal: AbortSignal,
  ): Promise<Drain> {
    const { readKeys } = this.#options
    const parts = {
      ...this.#parts,
      uploader: this.#uploader,
      nextPackNumber: () => this.#nextPackNumber(),
    }
    const covered = sources.map(toNames)
    const isCovered = (path: Uint8Array) => covered.some((each) => isWithin(each, toNames(path)))
    const drain = new Drain(parts, { ...readKeys, sequence, run, isCovered })
    this.#drained = drain
    const waiting = this.#parts.queue.totals('waiting')
    let filesDone = 0
    let bytesDone = 0
    const tell = (current: Uint8Array, bytesOfFile: number) =>
      events.onProgress({
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
    const onFailure = (path: Uint8Array, error: CairnError) =>
      this.#fail({ path, error, during: 'read' }, events)
    await drain.run({ onRead: tell, onFile, onFailure }, signal)
    return drain
  }

  #progress(events: BackupEvents, phase: Progress['phase'], { totals }: ScanReport): void {
    const { files, bytes } = totals
    const current = undefined
    events.onProgress({
      phase,
      filesDone: files,
      filesTotal: files,
      bytesDone: bytes,
      bytesTotal: bytes,
      current,
    })
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
