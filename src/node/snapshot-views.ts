/**
 * Snapshot views: what a person sees of snapshots beside a listing of one, and content that goes elsewhere
 * than into files.
 */

import type { SnapshotRow } from '../../protocol/snapshots.ts'
import { toDatabaseError, withDatabaseErrors } from '../base/database-error.ts'
import type { Difference } from '../history/compare-snapshots.ts'
import { DATABASE_NAME } from './client-ports.ts'
import type {
  CatRequest,
  CompareRequest,
  CompareSummary,
  DumpRequest,
  DumpSummary,
  FindRequest,
  FormerName,
  FoundSpan,
  NamedVersions,
} from './client-types.ts'
import { runCompare } from './run-compare.ts'
import { runCat, runDump } from './run-dump.ts'
import { diffSnapshots, findEntries, formerNames, listVersions } from './run-find.ts'
import type { VaultSession } from './vault-session.ts'

export class SnapshotViews {
  readonly #session: VaultSession

  constructor(session: VaultSession) {
    this.#session = session
  }

  /** @returns everything that the request means, in whatever snapshots it stands */
  async *find(request: FindRequest, signal: AbortSignal): AsyncGenerator<FoundSpan> {
    try {
      yield* findEntries(this.#session, request, signal)
    } catch (error) {
      throw toDatabaseError(DATABASE_NAME, error)
    }
  }

  /**
   * @returns each name in a folder, or the file itself, with every version that was kept of it
   * @throws {NoSuchSnapshotError} no snapshot has anything there
   */
  async *versions(
    path: Uint8Array,
    options: { readonly recursive: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<NamedVersions> {
    try {
      yield* listVersions(this.#session, path, options, signal)
    } catch (error) {
      throw toDatabaseError(DATABASE_NAME, error)
    }
  }

  /**
   * @returns what differs between two snapshots under a path, where both have sources
   * @throws {NoSuchSnapshotError} neither has anything there
   */
  async *diff(
    rows: { readonly before: SnapshotRow; readonly after: SnapshotRow },
    path: Uint8Array,
    signal: AbortSignal,
  ): AsyncGenerator<Difference> {
    try {
      yield* diffSnapshots(this.#session, rows, path, signal)
    } catch (error) {
      throw toDatabaseError(DATABASE_NAME, error)
    }
  }

  /**
   * Whether what stood under paths at a snapshot stands there now.
   *
   * @throws {NoSuchSnapshotError} a path was not in the snapshot
   */
  compare(request: CompareRequest, signal: AbortSignal): Promise<CompareSummary> {
    return translated(() => runCompare(this.#session, request, signal))
  }

  /** @returns the names that a file had before it got this one, the last one first */
  formerNames(path: Uint8Array, signal: AbortSignal): Promise<readonly FormerName[]> {
    return translated(() => formerNames(this.#session, path, signal))
  }

  /**
   * Write what stood under the paths as a tar archive, piece by piece.
   *
   * @throws {NoSuchSnapshotError} a path was not in the snapshot; nothing was written
   * @throws {DumpCutShortError}
   */
  dump(request: DumpRequest, signal: AbortSignal): Promise<DumpSummary> {
    return translated(() => runDump(this.#session, request, signal))
  }

  /**
   * Write a file's content, piece by piece.
   *
   * @throws {NoSuchSnapshotError}
   * @throws {NoContentError}
   */
  cat(request: CatRequest, signal: AbortSignal): Promise<void> {
    return translated(() => runCat(this.#session, request, signal))
  }
}

/** What SQLite throws must not reach the person raw. */
function translated<T>(work: () => Promise<T>): Promise<T> {
  return withDatabaseErrors(DATABASE_NAME, work)
}
