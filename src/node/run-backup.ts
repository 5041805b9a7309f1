/** A backup as the client is asked for it: from paths to a summary. */

import { utf8 } from '../../protocol/bytes.ts'
import { LABEL_SIZE_MAX, SOURCE_SIZE_MAX, TAGS_MAX } from '../../protocol/snapshots.ts'
import { CairnError, UsageError } from '../base/errors.ts'
import {
  Backup,
  type BackupEvents,
  type BackupReport,
  type BackupTotals,
  type Progress,
} from '../backup/backup.ts'
import type { Exported } from '../backup/export.ts'
import { NotSafeError } from '../backup/not-safe.ts'
import { NothingScannedError } from '../backup/scan-sources.ts'
import type { Source } from '../source/folder-source.ts'
import { GivenSource } from '../source/given-source.ts'
import { keepAccounts } from './accounts.ts'
import type {
  BackupRequest,
  BackupSummary,
  FileFailure,
  GivenFile,
  UploadRequest,
} from './client-types.ts'
import { grantWarnings } from './grant-warnings.ts'
import { REBUILD_POLICY } from '../repair/policy.ts'
import { REPAIR_POLICY } from '../repair/repair-policy.ts'
import type { GridLink } from './grid-link.ts'
import { codeOf } from './maintain.ts'
import { giveTo, openSources, unsafeWarnings } from './open-sources.ts'
import { prunerHere } from './prune-key.ts'
import { tellReleases } from './run-gc.ts'
import { hasLongChains, runRebuild } from './run-rebuild.ts'
import { scanOptions, sourceOf, weightsOf } from './run-scan.ts'
import { upkeep, type Upkeep } from './run-repair.ts'
import type { VaultSession } from './vault-session.ts'
import { forgetWalked, noteWalked } from '../store/walked-snapshot.ts'

/**
 * @throws {UsageError} tags or longer sources than a snapshot's row holds
 * @throws {GridNotFoundError}
 * @throws {DeviceReplacedError}
 * @throws {TooFewPeersError}
 * @throws {FilesError} a path is not there
 */
export async function runBackup(
  session: VaultSession,
  request: BackupRequest,
  signal: AbortSignal,
): Promise<BackupSummary> {
  scanOptions(request)
  const given = request.given && {
    ...request.given,
    path: await session.canonical(request.given.path),
  }
  const source = await presentSource(session, request, given)
  assertFits(request, source)
  const isWhole = given === undefined && source.isPartial !== true
  return published(session, { ...request, given, isWhole }, signal, (backup, events) =>
    backup.run(source, events, signal),
  )
}

/**
 * Upload what the last scan found.
 *
 * @throws {UsageError} more tags, or longer ones, than a snapshot's row holds
 * @throws {NothingScannedError}
 * @throws {GridNotFoundError}
 * @throws {DeviceReplacedError}
 * @throws {TooFewPeersError}
 */
export async function runUpload(
  session: VaultSession,
  request: UploadRequest,
  signal: AbortSignal,
): Promise<BackupSummary> {
  assertFits(request)
  const wasScanned = session.stores.queue.scanned() !== undefined
  try {
    return await published(session, request, signal, (backup, events) =>
      backup.upload(events, signal),
    )
  } catch (error) {
    if (!(error instanceof NothingScannedError) || !wasScanned) throw error
    // The grid had a newer head than this machine knew of, or the disk has lost a pack.
    throw new NothingScannedError(
      'What was scanned no longer stands, as this machine had lost part of its state: run "cairn scan" again',
      { cause: error },
    )
  }
}

/** What is published, beside what was asked for. */
interface Publishing extends UploadRequest, Pick<BackupRequest, 'isHashCheck' | 'isQuick'> {
  readonly given?: GivenFile | undefined
  /** All rows of the sources are as the snapshot has them. */
  readonly isWhole?: boolean
}

/** @param work - undefined where all that was left to do is done */
export async function published(
  session: VaultSession,
  request: Publishing,
  signal: AbortSignal,
  work: (backup: Backup, events: BackupEvents) => Promise<BackupReport | undefined>,
): Promise<BackupSummary> {
  const { ports, stores, keyring, readKeys } = session
  const startedAt = ports.clock.now()
  const { grid, roster } = await session.link()
  await session.refresh(signal)
  session.assertInOffice()

  const objects = session.objects(grid, signal)
  const asTheyAre = await Promise.all(
    (request.asTheyAre ?? []).map((path) => session.canonical(path)),
  )
  const sources = openSources(ports, request.adapters, asTheyAre)
  if (request.given !== undefined) await giveTo(sources, request.given)
  const backup = new Backup(
    {
      ...ports,
      ...stores,
      grid,
      source: objects,
      chainOf: (entry) => session.chainOf(entry, objects),
      sources,
    },
    {
      keyring,
      readKeys,
      code: request.code ?? grid.code({ allowFew: request.allowFew === true }),
      host: request.host,
      tags: request.tags ?? [],
      exported: (covered) => exportOf(request, covered, roster),
      weights: weightsOf(request.weights ?? []),
      scan: scanOptions(request),
      ...(request.spoolSizeMax === undefined ? {} : { spoolSizeMax: request.spoolSizeMax }),
      copySizeMax: request.copySizeMax,
      checkpointMs: request.checkpointMs,
    },
  )
  const skipped: FileFailure[] = []
  const events = {
    onProgress: (progress: Progress) => request.onProgress?.(progress),
    onFailure: (failure: FileFailure) => {
      skipped.push(failure)
      request.onFileError?.(failure)
    },
  }
  try {
    // Checkpoints are snapshots too, and may be the last there is of this run.
    forgetWalked(stores.settings)
    const report = await work(backup, events)
    const { row, ...totals } = report ?? { ...backup.progress(), row: undefined }
    const sequence = row?.sequence ?? stores.published.current()?.sequence ?? 0
    if (row !== undefined && request.isWhole === true) noteWalked(stores.settings, row)
    const rebuilt = await tidyUp(session, request, signal)
    const kept = await keepUp(session, request, signal)
    const room = await keepFair(session, signal)
    const warnings = [
      ...warningsOf(session, backup.progress()),
      ...unsafeWarnings(sources),
      ...rebuilt.warnings,
      ...kept.warnings,
      ...room,
    ]
    return {
      ...totals,
      rebuilt: rebuilt.files,
      repaired: kept.sharesPlaced,
      sequence,
      skipped,
      published: true,
      startedAt: row?.startedAt ?? startedAt,
      endedAt: row?.endedAt ?? ports.clock.now(),
      warnings,
    }
  } catch (error) {
    if (!(error instanceof NotSafeError)) throw error
    return {
      ...backup.progress(),
      rebuilt: 0,
      repaired: 0,
      sequence: (stores.published.current()?.sequence ?? 0) + 1,
      skipped,
      published: false,
      notSafe: error,
      startedAt,
      endedAt: ports.clock.now(),
      warnings: [
        ...warningsOf(session, backup.progress()),
        ...unsafeWarnings(sources),
        ...(await roomWarnings(session, signal)),
      ],
    }
  } finally {
    await sources.close()
  }
}

async function presentSource(
  session: VaultSession,
  request: BackupRequest,
  given: GivenFile | undefined,
): Promise<Source> {
  const { files } = session.ports
  if (given !== undefined) return new GivenSource(files, given.path, await given.file.status())
  const source = await sourceOf(session, request)
  assertFits(request, source)
  await source.assertPresent()
  return source
}

/**
 * What is due once a snapshot is published: peers that were away learn of releases, and chains that became
 * too long are rebuilt. The snapshot stands whatever becomes of that.
 */
async function tidyUp(
  session: VaultSession,
  { rebuild: policy = REBUILD_POLICY, onProgress }: UploadRequest,
  signal: AbortSignal,
): Promise<{ readonly files: number; readonly warnings: readonly string[] }> {
  try {
    const { grid } = await session.link()
    const pruner = prunerHere(session)
    if (pruner !== undefined) await tellReleases(session, grid, pruner, signal)
    const isDue = policy.isAutomatic && hasLongChains(session, policy, codeOf(session, grid))
    if (!isDue) return { files: 0, warnings: [] }
    const { budget } = policy
    const request = { paths: [], policy, isDryRun: false, budget }
    const report = await runRebuild(
      session,
      { ...request, ...(onProgress === undefined ? {} : { onProgress }) },
      signal,
    )
    const files = report.files.filter(({ isDone }) => isDone).length
    const trouble = [...report.failures.map(({ error }) => error), report.notSafe ?? []].flat()
    return {
      files: report.published ? files : 0,
      warnings: [...report.warnings, ...trouble.map((error) => `Rebuild: ${error.message}`)],
    }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof CairnError)) throw error
    return { files: 0, warnings: [`The snapshot is safe; tidying up failed: ${error.message}`] }
  }
}

/** Audits, checks and repairs that are due. The snapshot stands whatever becomes of them. */
async function keepUp(
  session: VaultSession,
  { repair: policy = REPAIR_POLICY }: UploadRequest,
  signal: AbortSignal,
): Promise<Upkeep> {
  if (!policy.isAutomatic) return { sharesPlaced: 0, warnings: [] }
  try {
    return await upkeep(session, policy, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof CairnError)) throw error
    const warnings = [`The snapshot is safe; looking after the others failed: ${error.message}`]
    return { sharesPlaced: 0, warnings }
  }
}

/** What friends hold is vouched for where that is due. @returns what they said about room */
async function keepFair(session: VaultSession, signal: AbortSignal): Promise<string[]> {
  try {
    await keepAccounts(session, signal)
    return await roomWarnings(session, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof CairnError)) throw error
    return [`The snapshot is safe; asking friends for their accounts failed: ${error.message}`]
  }
}

/** What friends said about room, of those who were there just now. */
async function roomWarnings(session: VaultSession, signal: AbortSignal): Promise<string[]> {
  const { grid, roster } = await session.link()
  return grantWarnings(await grid.status(signal, { isQuick: true }), roster)
}

/** A snapshot's row has bounds; hours of work must not end at them. */
export function assertFits({ host, tags = [] }: UploadRequest, source?: Source): void {
  if (source?.paths.some((path) => path.length > SOURCE_SIZE_MAX)) {
    throw new UsageError(`A path to back up has up to ${SOURCE_SIZE_MAX} bytes`)
  }
  if (tags.length > TAGS_MAX) throw new UsageError(`A snapshot takes up to ${TAGS_MAX} tags`)
  if ([host, ...tags].some((text) => utf8(text).length > LABEL_SIZE_MAX)) {
    throw new UsageError(`The host and each tag have up to ${LABEL_SIZE_MAX} bytes`)
  }
}

function warningsOf(session: VaultSession, { filesFuzzy }: BackupTotals): string[] {
  const warnings = session.takeWarnings()
  if (filesFuzzy === 0) return warnings
  const files = filesFuzzy === 1 ? '1 file' : `${filesFuzzy} files`
  return [
    ...warnings,
    `${files} changed while being read; "cairn history PATH" shows such a version as fuzzy`,
  ]
}

/** What local state knows and the tree does not. */
function exportOf(
  request: UploadRequest,
  paths: readonly Uint8Array[],
  roster: GridLink['roster'],
): Exported {
  const sources = paths.map((path) => Buffer.from(path).toString('base64'))
  const peers = roster.storagePeers().map(({ peer, name }) => [`peer/${peer}/name`, name ?? ''])
  return {
    'backup/host': request.host,
    'backup/sources': JSON.stringify(sources),
    ...(Object.fromEntries(peers) as Exported),
  }
}
