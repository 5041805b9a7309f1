/**
 * The client: one vault on this machine, and what a person does with it.
 *
 * Opening it takes nothing but the home; the network is opened when something first needs it, so that
 * what lies in the local cache can be listed with no friend in reach.
 */

import { toHex } from '../../protocol/bytes.ts'
import { deriveReadKeys, type ReadKeys } from '../../protocol/keys.ts'
import { decodeRoot, type Root } from '../../protocol/root.ts'
import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { FolderNode, Version } from '../../protocol/tree.ts'
import { CairnError, FilesError } from '../base/errors.ts'
import { Backup, type Progress } from '../backup/backup.ts'
import { NotSafeError } from '../backup/not-safe.ts'
import type { Code } from '../grid/code.ts'
import { snapshots } from '../history/snapshot-list.ts'
import { TreeReader } from '../history/tree-reader.ts'
import { VaultObjects } from '../history/vault-objects.ts'
import type { FileHistory, VisibleEntry } from '../history/visible.ts'
import { LocalState } from '../restore/local-state.ts'
import { newestHead } from '../restore/newest-head.ts'
import { Restorer } from '../restore/restorer.ts'
import { Target } from '../restore/target.ts'
import { FolderSource } from '../source/folder-source.ts'
import { fromKey, isWithin, join, toNames, toPath, type Names } from '../source/path.ts'
import type { EntryRow } from '../store/entries.ts'
import { readGridFile, writeGridFile } from '../store/grid-file.ts'
import { readKeyring, type Keyring } from '../store/keyring.ts'
import type { ClientPorts } from './client-ports.ts'
import { openStores, type ClientStores } from './client-stores.ts'
import type {
  BackupRequest,
  BackupSummary,
  ClientStatus,
  FileFailure,
  Joined,
  ListedEntry,
  RestoreRequest,
  RestoreSummary,
} from './client-types.ts'
import { GridNotFoundError, openGridLink, type GridLink } from './grid-link.ts'
import { joinGrid } from './join.ts'
import { warningsOf } from './recover.ts'
import { chooseSnapshot, NoSuchSnapshotError } from './when.ts'

export type * from './client-types.ts'
export type { ClientPorts } from './client-ports.ts'
export { createVault } from './vault.ts'
export { recover, type RecoverSummary } from './recover.ts'

export class Client {
  readonly #ports: ClientPorts
  readonly #keyring: Keyring
  readonly #readKeys: ReadKeys
  readonly #stores: ClientStores
  #link: GridLink | undefined
  readonly #warnings: string[] = []

  private constructor(ports: ClientPorts, keyring: Keyring, stores: ClientStores) {
    this.#ports = ports
    this.#keyring = keyring
    this.#readKeys = deriveReadKeys(keyring.readSecret)
    this.#stores = stores
    if (stores.wasSetAside) {
      this.#warnings.push('The backupdb was damaged and set aside; it is rebuilt from the grid')
    }
  }

  /**
   * @throws {VaultNotFoundError}
   * @throws {LockedError} another process uses this home
   */
  static async open(ports: ClientPorts, signal: AbortSignal): Promise<Client> {
    signal.throwIfAborted()
    const keyring = await readKeyring(ports.disk)
    const stores = await openStores(ports, deriveReadKeys(keyring.readSecret))
    return new Client(ports, keyring, stores)
  }

  async close(): Promise<void> {
    await this.#link?.close()
    this.#link = undefined
    this.#stores.database.close()
  }

  /** Become a member of a grid with an invite. */
  async join(inviteText: string, signal: AbortSignal): Promise<Joined> {
    const file = await joinGrid(this.#ports, this.#keyring, inviteText, signal)
    await writeGridFile(this.#ports.disk, file)
    await this.#link?.close()
    this.#link = undefined
    const { grid, roster } = await this.#grid()
    const states = await grid.status(signal)
    return {
      grid: file.grid,
      peers: states.map(({ peer, status }) => {
        const member = roster.member(peer)
        const name = member?.name
        return {
          peer,
          addresses: member?.addresses ?? [],
          reachable: status !== undefined,
          ...(name === undefined ? {} : { name }),
        }
      }),
    }
  }

  /**
   * @throws {GridNotFoundError}
   * @throws {TooFewPeersError}
   * @throws {FilesError} a path is not there
   */
  async backup(request: BackupRequest, signal: AbortSignal): Promise<BackupSummary> {
    const startedAt = this.#ports.clock.now()
    const paths = await Promise.all(request.paths.map((path) => this.#canonical(path)))
    const source = new FolderSource(this.#ports.files, paths, request.exclude ?? [])
    await source.assertPresent()
    const { grid, roster } = await this.#grid()
    await this.#refresh(signal)

    const options = request.allowFew === undefined ? {} : { allowFew: request.allowFew }
    const code: Code = request.code ?? grid.code(options)
    const objects = this.#objects(grid, signal)
    const backup = new Backup(
      {
        ...this.#ports,
        ...this.#stores,
        grid,
        source: objects,
        chainOf: (entry) => this.#chainOf(entry, objects),
      },
      {
        keyring: this.#keyring,
        readKeys: this.#readKeys,
        code,
        host: request.host,
        tags: request.tags ?? [],
        exported: () => ({
          'backup/host': request.host,
          'backup/sources': JSON.stringify(source.paths.map((path) => [...path])),
          ...Object.fromEntries(
            roster.storagePeers().map(({ peer, name }) => [`peer/${peer}`, name ?? '']),
          ),
        }),
        ...(request.spoolSizeMax === undefined ? {} : { spoolSizeMax: request.spoolSizeMax }),
      },
    )
    const failures: FileFailure[] = []
    const events = {
      onProgress: (progress: Progress) => request.onProgress?.(progress),
      onFailure: (failure: FileFailure) => {
        failures.push(failure)
        request.onFileError?.(failure)
      },
    }
    try {
      const { row, ...report } = await backup.run(source, events, signal)
      return {
        ...report,
        sequence: row.sequence,
        skipped: failures,
        published: true,
        startedAt: row.startedAt,
        endedAt: row.endedAt,
        warnings: this.#takeWarnings(),
      }
    } catch (error) {
      if (!(error instanceof NotSafeError)) throw error
      return {
        ...backup.progress(),
        sequence: (this.#stores.published.current()?.sequence ?? 0) + 1,
        skipped: failures,
        published: false,
        notSafe: error,
        startedAt,
        endedAt: this.#ports.clock.now(),
        warnings: this.#takeWarnings(),
      }
    }
  }

  /** @returns every snapshot, newest first */
  async snapshots(signal: AbortSignal): Promise<SnapshotRow[]> {
    const { root, source } = await this.#open(signal)
    if (root === undefined) return []
    const rows: SnapshotRow[] = []
    for await (const row of snapshots(root.snapshots, source)) rows.push(row)
    return rows
  }

  /** @throws {NoSuchSnapshotError} */
  async at(when: string, signal: AbortSignal): Promise<SnapshotRow> {
    return chooseSnapshot(await this.snapshots(signal), when, this.#ports.clock.now())
  }

  /**
   * @param path - a folder, or a file for itself; `/` for everything
   * @returns what the snapshot shows there, names ascending
   * @throws {NoSuchSnapshotError} nothing was there
   */
  async *list(
    row: SnapshotRow,
    path: Uint8Array,
    { recursive }: { readonly recursive: boolean },
    signal: AbortSignal,
  ): AsyncGenerator<ListedEntry> {
    const { tree, node } = await this.#open(signal)
    if (node === undefined) return
    const names = toNames(await this.#canonical(path))
    const isIncluded = sourceFilter(row)
    await assertKept(tree, node, names, row, isIncluded)
    const own = names.length === 0 ? undefined : await tree.entry(node, names, row.sequence)
    if (own !== undefined && own.span.what.kind !== 'folder') {
      if (isIncluded(names)) yield { path: toPath(names), entry: own }
      return
    }
    if (recursive) {
      for await (const { path: found, entry } of tree.walk(node, names, row.sequence)) {
        if (isIncluded(found) && found.length > names.length) yield { path: toPath(found), entry }
      }
      return
    }
    for await (const entry of tree.list(node, names, row.sequence)) {
      const found = [...names, entry.name]
      if (isIncluded(found)) yield { path: toPath(found), entry }
    }
  }

  /** @returns all that was ever kept under a path, through every snapshot */
  async history(path: Uint8Array, signal: AbortSignal): Promise<FileHistory | undefined> {
    const { tree, node } = await this.#open(signal)
    if (node === undefined) return undefined
    return tree.history(node, toNames(await this.#canonical(path)))
  }

  /**
   * Write what stood under the paths below the target, each under its whole path.
   *
   * @throws {NoSuchSnapshotError} a path was not in the snapshot
   * @throws {FilesError} the target cannot be made
   */
  async restore(request: RestoreRequest, signal: AbortSignal): Promise<RestoreSummary> {
    const { files, random } = this.#ports
    const { tree, source, node } = await this.#open(signal)
    const paths = await Promise.all(request.paths.map((path) => this.#canonical(path)))
    const wanted = (paths.length > 0 ? paths : request.at.sources).map(toNames)
    if (node === undefined) throw new NoSuchSnapshotError('There is no snapshot yet')
    const isIncluded = sourceFilter(request.at)
    for (const names of wanted) await assertKept(tree, node, names, request.at, isIncluded)

    const target = await Target.open({ files, random }, request.target, toNames(request.target))
    const failures: FileFailure[] = []
    const parts = { tree, source, target, isIncluded }
    const restorer = new Restorer(parts, node, request.at.sequence)
    const { files: filesTotal, bytes: bytesTotal } = request.at
    await restorer.restore(
      wanted,
      {
        onEntry: (current) =>
          request.onProgress?.({
            phase: 'restore',
            filesDone: restorer.totals.files,
            filesTotal,
            bytesDone: restorer.totals.bytes,
            bytesTotal,
            current,
          }),
        onFailure: (failure) => {
          failures.push({ ...failure, during: 'restore' })
          request.onFileError?.({ ...failure, during: 'restore' })
        },
      },
      signal,
    )
    const { totals } = restorer
    return {
      filesRestored: totals.files,
      foldersRestored: totals.folders,
      symlinksRestored: totals.symlinks,
      bytesRestored: totals.bytes,
      bytesFetched: source.bytesFetched,
      failures,
      warnings: [...this.#takeWarnings(), ...targetWarnings(target)],
    }
  }

  async status(signal: AbortSignal): Promise<ClientStatus> {
    const { queue, packs, published } = this.#stores
    const file = await readGridFile(this.#ports.disk)
    const states = file === undefined ? [] : await (await this.#grid()).grid.status(signal)
    const open = [...packs.inState('sealed'), ...packs.inState('safe')]
    return {
      vault: this.#keyring.vault,
      device: toHex(this.#keyring.device.publicKey),
      ...(file === undefined ? {} : { grid: file.grid }),
      sequence: published.current()?.sequence ?? 0,
      peers: states.map(({ peer, status, error }) => {
        const member = this.#link?.roster.member(peer)
        return {
          peer,
          reachable: status !== undefined,
          ...(member?.name === undefined ? {} : { name: member.name }),
          ...(member?.domain === undefined ? {} : { domain: member.domain }),
          ...(status === undefined
            ? {}
            : { capacity: status.capacity, free: status.free, used: status.used }),
          ...(error === undefined ? {} : { error: error.message }),
        }
      }),
      queue: queue.totals('waiting'),
      spool: { packs: open.length, bytes: open.reduce((sum, { size }) => sum + size, 0) },
      settling: open.reduce(
        (sum, { number, total }) => sum + total - packs.holders(number).size,
        0,
      ),
    }
  }

  /** The newest root as this machine knows it; from the grid if it knows none. */
  async #open(signal: AbortSignal): Promise<{
    tree: TreeReader
    source: VaultObjects
    root: Root | undefined
    node: FolderNode | undefined
  }> {
    const { grid } = await this.#grid()
    if (this.#stores.published.current() === undefined) await this.#refresh(signal)
    const source = this.#objects(grid, signal)
    const tree = new TreeReader({ source })
    const state = this.#stores.published.current()
    if (state === undefined) return { tree, source, root: undefined, node: undefined }
    const root = decodeRoot(await source.read(state.root, 'root'))
    const node: FolderNode | undefined = root.tree ? { type: 'stored', ...root.tree } : undefined
    return { tree, source, root, node }
  }

  /**
   * Take over what the grid knows and this machine does not: after the backupdb was lost, or a home
   * was brought back from an old copy.
   */
  async #refresh(signal: AbortSignal): Promise<void> {
    const { published } = this.#stores
    const { grid } = await this.#grid()
    // A head that was on its way when the backupdb was lost: all it names is safe, so it counts.
    const pending = await published.pendingHead()
    if (pending !== undefined && published.pending() === undefined) {
      await grid.publish(pending, signal)
      await published.settleHead()
    }
    const { answers } = await grid.heads(this.#keyring.vault, signal)
    const newest = newestHead(answers, this.#keyring.vault)
    const known = Math.max(published.current()?.sequence ?? 0, published.pending()?.sequence ?? 0)
    if (newest === undefined || newest.head.sequence <= known) return

    this.#ports.log.warn('local state behind the grid', {
      known,
      newest: newest.head.sequence,
    })
    if (known > 0) {
      this.#warnings.push(
        `This machine knew of snapshot ${known}, the grid of ${newest.head.sequence}: ` +
          'local state was brought up to date from the grid',
      )
    }
    this.#warnings.push(...warningsOf(newest))
    const source = this.#objects(grid, signal)
    const tree = new TreeReader({ source })
    const state = new LocalState({ ...this.#stores, grid, source, tree }, this.#readKeys)
    await state.rebuildEntries(await state.follow(newest.head, signal), signal)
  }

  async #chainOf(entry: EntryRow, source: VaultObjects): Promise<readonly Version[] | undefined> {
    const state = this.#stores.published.current()
    if (state === undefined) return undefined
    try {
      const root = decodeRoot(await source.read(state.root, 'root'))
      if (root.tree === null) return undefined
      const node = { type: 'stored', ...root.tree } as const
      return await new TreeReader({ source }).chain(node, fromKey(entry.key), entry.version)
    } catch (error) {
      // The file is stored anew instead.
      if (error instanceof CairnError) return undefined
      throw error
    }
  }

  async #grid(): Promise<GridLink> {
    if (this.#link !== undefined) return this.#link
    const file = await readGridFile(this.#ports.disk)
    if (file === undefined) {
      throw new GridNotFoundError(
        'This vault belongs to no grid yet: join one with "cairn join --code-from FILE"',
      )
    }
    this.#link = await openGridLink(this.#ports, this.#keyring.device.seed, file)
    return this.#link
  }

  #objects(grid: GridLink['grid'], signal: AbortSignal): VaultObjects {
    return new VaultObjects({ ...this.#stores, grid }, signal)
  }

  /** The folder a path lies in may be reached through links; the tree holds where it truly is. */
  async #canonical(path: Uint8Array): Promise<Uint8Array> {
    const names = toNames(path)
    const name = names.at(-1)
    if (name === undefined) return path
    try {
      return join(await this.#ports.files.resolve(toPath(names.slice(0, -1))), name)
    } catch (error) {
      if (error instanceof FilesError) return toPath(names)
      throw error
    }
  }

  #takeWarnings(): string[] {
    return this.#warnings.splice(0)
  }
}

/** What a snapshot covered: its sources with all in them, and the folders above. */
function sourceFilter(row: SnapshotRow): (names: Names) => boolean {
  const sources = row.sources.map(toNames)
  return (names) => sources.some((source) => isWithin(source, names) || isWithin(names, source))
}

async function assertKept(
  tree: TreeReader,
  node: FolderNode,
  names: Names,
  row: SnapshotRow,
  isIncluded: (names: Names) => boolean,
): Promise<void> {
  if (names.length === 0) return
  const entry: VisibleEntry | undefined = await tree.entry(node, names, row.sequence)
  if (entry !== undefined && isIncluded(names)) return
  const path = new TextDecoder().decode(toPath(names))
  throw new NoSuchSnapshotError(
    `Snapshot ${row.sequence} holds nothing at ${JSON.stringify(path)}: ` +
      '"cairn ls --at" shows what it holds, "cairn history" when a path was there',
  )
}

function targetWarnings({ warnings }: Target): string[] {
  const told: string[] = []
  if (warnings.owners > 0) {
    told.push(`The owner of ${warnings.owners} entries could not be set: only root may do that`)
  }
  if (warnings.setIdBits > 0) {
    told.push(`${warnings.setIdBits} files had setuid or setgid rights, which were not restored`)
  }
  return told
}
