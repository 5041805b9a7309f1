/**
 * The client: one vault on this machine, and what a person does with it.
 */

import type { SnapshotRow } from '../../protocol/snapshots.ts'
import { toDatabaseError, withDatabaseErrors } from '../base/database-error.ts'
import { snapshots } from '../history/snapshot-list.ts'
import type { FileHistory } from '../history/visible.ts'
import { toNames } from '../source/path.ts'
import { writeGridFile } from '../store/grid-file.ts'
import { DATABASE_NAME, type ClientPorts } from './client-ports.ts'
import type {
  BackupRequest,
  BackupSummary,
  ClientStatus,
  HintedRequest,
  Joined,
  ListedEntry,
  PathWeight,
  Queued,
  RestoreRequest,
  RestoreSummary,
  ScanRequest,
  ScanSummary,
  ScanVerdict,
  SourceRequest,
  UploadRequest,
} from './client-types.ts'
import type { FriendList } from './friend-types.ts'
import { listFriends } from './friend-list.ts'
import { listDevices, revokeDevice, type DeviceList, type Revoked } from './devices.ts'
import { movePruneKey } from './prune-key.ts'
import { headsSummary, type HeadsSummary } from './heads.ts'
import { diagnose, type Diagnosis } from './doctor.ts'
import { extractHistory, historyReport } from './history-report.ts'
import { joinGrid, type JoinOptions } from './join.ts'
import type {
  ExtractedHistory,
  ForgetRequest,
  ForgetSummary,
  GcRequest,
  GcSummary,
  HistoryReport,
  Maintained,
  RebuildRequest,
  RebuildSummary,
} from './maintenance-types.ts'
import { runAudit } from './run-audit.ts'
import { runBackup, runUpload } from './run-backup.ts'
import { runCheck } from './run-check.ts'
import { runForget, runPin } from './run-forget.ts'
import { runGc } from './run-gc.ts'
import { runHinted } from './run-hinted.ts'
import { runRebuild } from './run-rebuild.ts'
import { runRepair } from './run-repair.ts'
import { listSnapshot, runRestore } from './run-restore.ts'
import { explainPath, queuedPaths, queueSummary, runScan, sourceOf } from './run-scan.ts'
import { runStatus } from './run-status.ts'
import { knownGroup, type KnownGroup } from './run-what-if.ts'
import { runWhy } from './run-why.ts'
import type {
  AuditRequest,
  AuditSummary,
  CheckRequest,
  CheckSummary,
  RepairRequest,
  RepairSummary,
} from './upkeep-types.ts'
import { SnapshotViews } from './snapshot-views.ts'
import { VaultSession } from './vault-session.ts'
import { repairCapOf } from './vault.ts'
import { chooseSnapshot } from './when.ts'
import type { WhyReport, WhyRequest } from './why-types.ts'

export type * from './client-types.ts'
export type * from './friend-types.ts'
export type * from './maintenance-types.ts'
export type * from './upkeep-types.ts'
export type * from './why-types.ts'
export type { HeadsSummary } from './heads.ts'
export type { KnownFriend, KnownGroup } from './run-what-if.ts'
export type { ClientPorts } from './client-ports.ts'
export type { DeviceList, Revoked, VaultDevice } from './devices.ts'
export { createVault, RepairKeyMissingError } from './vault.ts'
export { recover, type RecoverSummary } from './recover.ts'

export class Client {
  readonly #session: VaultSession
  /** Looking through snapshots, and content that goes elsewhere than into files. */
  readonly views: SnapshotViews

  private constructor(session: VaultSession) {
    this.#session = session
    this.views = new SnapshotViews(session)
  }

  /**
   * @throws {VaultNotFoundError}
   * @throws {LockedError} another process uses this home
   */
  static async open(ports: ClientPorts, signal: AbortSignal): Promise<Client> {
    return translated(async () => new Client(await VaultSession.open(ports, signal)))
  }

  async close(): Promise<void> {
    await this.#session.close()
  }

  /**
   * Become a member of a grid with an invite.
   *
   * @throws {InviteExpiredError}
   * @throws {InviteOverError}
   * @throws {NotConfirmedError}
   * @throws {PeerUnreachableError} no peer of the grid answers
   */
  async join(inviteText: string, signal: AbortSignal, options: JoinOptions = {}): Promise<Joined> {
    const { ports, keyring } = this.#session
    const file = await joinGrid(ports, keyring, inviteText, options, signal)
    await writeGridFile(ports.disk, file)
    await this.#session.unlink()
    const { grid, roster } = await this.#session.link()
    const states = await grid.status(signal)
    return {
      grid: file.grid,
      peers: states.map(({ peer, status }) => {
        const member = roster.member(peer)
        return {
          peer,
          addresses: member?.addresses ?? [],
          reachable: status !== undefined,
          ...(member?.name === undefined ? {} : { name: member.name }),
        }
      }),
    }
  }

  /**
   * Back up. What could not be read is in the summary, and so is why a snapshot is not safe yet.
   *
   * @throws {GridNotFoundError}
   * @throws {TooFewPeersError}
   * @throws {FilesError} a path is not there
   */
  backup(request: BackupRequest, signal: AbortSignal): Promise<BackupSummary> {
    return translated(() => runBackup(this.#session, request, signal))
  }

  /**
   * @returns what is walked for a request: absolute, where it truly lies, none within another, in tree order
   * @throws {OwnStateError}
   */
  rootsOf(request: SourceRequest): Promise<readonly Uint8Array[]> {
    return translated(async () => (await sourceOf(this.#session, request)).walked)
  }

  /**
   * Back up what changed in some folders since a snapshot; all else is as that has it.
   *
   * @returns `unchanged` if nothing did, and `stale` if that is not the newest snapshot, or one of other sources
   * @throws as `upload` does
   */
  backupHinted(
    request: HintedRequest,
    signal: AbortSignal,
  ): Promise<BackupSummary | 'unchanged' | 'stale'> {
    return translated(() => runHinted(this.#session, request, signal))
  }

  /**
   * Scan into the queue; the grid need not be there.
   *
   * @throws {SnapshotWaitsError}
   * @throws {FilesError} a path is not there
   */
  scan(request: ScanRequest, signal: AbortSignal): Promise<ScanSummary> {
    return translated(() => runScan(this.#session, request, signal))
  }

  /** @returns why a path is in a backup of these sources, or is not */
  explain(request: SourceRequest, path: Uint8Array, signal: AbortSignal): Promise<ScanVerdict> {
    return translated(() => explainPath(this.#session, request, path, signal))
  }

  /**
   * Upload what the last scan found.
   *
   * @throws {NothingScannedError}
   * @throws {GridNotFoundError}
   * @throws {TooFewPeersError}
   */
  upload(request: UploadRequest, signal: AbortSignal): Promise<BackupSummary> {
    return translated(() => runUpload(this.#session, request, signal))
  }

  /** @returns what is queued, files in the order of their upload */
  queue(weights: readonly PathWeight[]): Queued {
    const scanned = this.#session.stores.queue.scanned()
    return {
      summary: queueSummary(this.#session),
      scannedAt: scanned?.startedAt,
      sources: scanned?.sources ?? [],
      paths: queuedPaths(this.#session, weights),
    }
  }

  /** @returns every snapshot, newest first */
  snapshots(signal: AbortSignal): Promise<SnapshotRow[]> {
    return translated(() => this.#snapshots(signal))
  }

  async #snapshots(signal: AbortSignal): Promise<SnapshotRow[]> {
    const { root, source } = await this.#session.openTree(signal)
    if (root === undefined) return []
    const rows: SnapshotRow[] = []
    for await (const row of snapshots(root.snapshots, source)) rows.push(row)
    return rows
  }

  /**
   * @param when - as a person says it: src/node/when.ts
   * @throws {NoSuchSnapshotError}
   */
  async at(when: string, signal: AbortSignal): Promise<SnapshotRow> {
    return chooseSnapshot(await this.snapshots(signal), when, this.#session.ports.clock.now())
  }

  /**
   * @param path - a folder, or a file for itself; `/` for everything
   * @returns what the snapshot shows there, names ascending
   * @throws {NoSuchSnapshotError} nothing was there
   */
  async *list(
    row: SnapshotRow,
    path: Uint8Array,
    options: { readonly recursive: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<ListedEntry> {
    try {
      yield* listSnapshot(this.#session, row, path, options, signal)
    } catch (error) {
      throw toDatabaseError(DATABASE_NAME, error)
    }
  }

  /** @returns all that was ever kept under a path, through every snapshot */
  async history(path: Uint8Array, signal: AbortSignal): Promise<FileHistory | undefined> {
    return translated(async () => {
      const { tree, node } = await this.#session.openTree(signal)
      if (node === undefined) return undefined
      return tree.history(node, toNames(await this.#session.canonical(path)))
    })
  }

  /**
   * All that was ever kept under a path, with what each version and the newest one's chain cost.
   *
   * @param options.isMeasured - ask the peers how many shares are lost, in place of assuming it
   */
  historyReport(
    path: Uint8Array,
    options: { readonly shareLoss?: number; readonly isMeasured?: boolean },
    signal: AbortSignal,
  ): Promise<HistoryReport | undefined> {
    return translated(() => historyReport(this.#session, path, options, signal))
  }

  /**
   * Write a file's subdirectory as it is: originals, and deltas that `rdiff patch` takes.
   *
   * @param folder - absolute; empty or absent
   * @throws {FilesError}
   */
  extractHistory(path: Uint8Array, folder: string, signal: AbortSignal): Promise<ExtractedHistory> {
    return translated(() => extractHistory(this.#session, path, folder, signal))
  }

  /**
   * Shorten chains: of these paths, or of all whose chain the policy finds too long.
   *
   * @throws {TooFewPeersError}
   */
  rebuild(request: RebuildRequest, signal: AbortSignal): Promise<RebuildSummary> {
    return translated(() => runRebuild(this.#session, request, signal))
  }

  /**
   * Forget all snapshots that no rule wants.
   *
   * @throws {RetentionRefusedError} nothing would be left
   */
  forget(request: ForgetRequest, signal: AbortSignal): Promise<ForgetSummary> {
    return translated(() => runForget(this.#session, request, signal))
  }

  /** Keep snapshots whatever rules say, or no longer. */
  pin(
    when: readonly string[],
    isPinned: boolean,
    signal: AbortSignal,
  ): Promise<Maintained & { readonly rows: readonly SnapshotRow[] }> {
    return translated(() => runPin(this.#session, when, isPinned, signal))
  }

  /**
   * Release what nothing needs any more, or take releases back.
   *
   * @throws {PruneKeyMissingError}
   * @throws {PruneKeyAwayError}
   * @throws {OtherDeviceError}
   */
  gc(request: GcRequest, signal: AbortSignal): Promise<GcSummary> {
    return translated(() => runGc(this.#session, request, signal))
  }

  /**
   * Write what stood under the paths below the target, each under its whole path.
   *
   * @throws {NoSuchSnapshotError} a path was not in the snapshot; nothing was written
   * @throws {FilesError} the target cannot be made
   */
  restore(request: RestoreRequest, signal: AbortSignal): Promise<RestoreSummary> {
    return translated(() => runRestore(this.#session, request, signal))
  }

  /**
   * What to give a friend whose peer is to look after this vault.
   *
   * @returns a repair cap: one line of text; secret
   * @throws {RepairKeyMissingError}
   */
  repairCap(): string {
    return repairCapOf(this.#session.keyring)
  }

  /** @returns who lends, what each side holds for the other, and what to make of it */
  friends(signal: AbortSignal): Promise<FriendList> {
    return translated(() => listFriends(this.#session, signal))
  }

  /**
   * Ask everybody what they hold, and judge every pack; verify shares too, if asked for.
   *
   * @throws {GridNotFoundError}
   */
  check(request: CheckRequest, signal: AbortSignal): Promise<CheckSummary> {
    return translated(() => runCheck(this.#session, request, signal))
  }

  /**
   * Ask peers for random blocks of what they hold, with proofs.
   *
   * @throws {GridNotFoundError}
   */
  audit(request: AuditRequest, signal: AbortSignal): Promise<AuditSummary> {
    return translated(() => runAudit(this.#session, request, signal))
  }

  /**
   * Make missing shares again, the most endangered packs first.
   *
   * @throws {GridNotFoundError}
   * @throws {DeviceReplacedError}
   */
  repair(request: RepairRequest, signal: AbortSignal): Promise<RepairSummary> {
    return translated(() => runRepair(this.#session, request, signal))
  }

  /**
   * Find out who can reach whom, and how.
   *
   * @throws {GridNotFoundError}
   */
  doctor(signal: AbortSignal): Promise<Diagnosis> {
    return translated(async () => {
      const { grid, roster, network } = await this.#session.link()
      const { clock } = this.#session.ports
      await grid.syncRoster(signal)
      return await diagnose({ grid, roster, network, clock }, [], signal)
    })
  }

  /** @returns the vault's devices as roster and heads show them */
  devices(signal: AbortSignal): Promise<DeviceList> {
    return translated(() => listDevices(this.#session, signal))
  }

  /**
   * Shut a device out, with the vault's words.
   *
   * @throws {WrongWordsError}
   */
  revokeDevice(
    request: { readonly id: string; readonly words: string },
    signal: AbortSignal,
  ): Promise<Revoked> {
    return translated(() => revokeDevice(this.#session, request, signal))
  }

  /**
   * Take the prune key off this computer, or bring it back.
   *
   * @throws {WrongWordsError}
   */
  movePruneKey(request: { readonly isHere: boolean; readonly words: string }): Promise<void> {
    return translated(() => movePruneKey(this.#session, request))
  }

  /** How every peer stands to the newest head, and what was found about that so far. */
  heads(signal: AbortSignal): Promise<HeadsSummary> {
    return translated(() => headsSummary(this.#session, signal))
  }

  status(signal: AbortSignal): Promise<ClientStatus> {
    return translated(() => runStatus(this.#session, signal))
  }

  /**
   * Why packs stand as they do: what they lack, and what would help.
   *
   * @throws {UsageError} there is no such pack or path
   */
  why(request: WhyRequest, signal: AbortSignal): Promise<WhyReport> {
    return translated(() => runWhy(this.#session, request, signal))
  }

  /**
   * The group as this machine knows it; nobody is asked.
   *
   * @throws {GridNotFoundError}
   */
  group(): Promise<KnownGroup> {
    return translated(() => knownGroup(this.#session))
  }
}

/** What SQLite throws must not reach the person raw. */
function translated<T>(work: () => Promise<T>): Promise<T> {
  return withDatabaseErrors(DATABASE_NAME, work)
}
