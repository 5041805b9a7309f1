/**
 * A vault session: one home opened, with its keys, its stores, and its way to the grid.
 *
 * The network is opened when something first needs it. What this machine knows of the vault is taken
 * from its own state, and from the grid where that state is gone or behind.
 */

import { equal } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { openHead, SEQUENCE_JUMP_MAX } from '../../protocol/head.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { deriveReadKeys, type ReadKeys } from '../../protocol/keys.ts'
import { decodeRoot, type Root } from '../../protocol/root.ts'
import type { FolderNode, Version } from '../../protocol/tree.ts'
import { toDatabaseError } from '../base/database-error.ts'
import { assertEntropy } from '../base/entropy.ts'
import { CairnError, DiskError, FilesError, UsageError } from '../base/errors.ts'
import { TreeReader } from '../history/tree-reader.ts'
import { VaultObjects } from '../history/vault-objects.ts'
import { Lookout } from '../repair/lookout.ts'
import { assertNoRollback, type HeadReport } from '../restore/head-report.ts'
import { LocalState } from '../restore/local-state.ts'
import {
  HeadOutOfReachError,
  isBeyond,
  newestHead,
  type HeadAnswer,
  type NewestHead,
} from '../restore/newest-head.ts'
import type { ShareAt } from '../grid/grid-types.ts'
import type { PeerId } from '../ports/network.ts'
import { fromKey, join, toNames, toPath } from '../source/path.ts'
import type { EntryRow } from '../store/entries.ts'
import type { PublishedState } from '../store/published.ts'
import { readGridFile } from '../store/grid-file.ts'
import { certificateOf, readKeyring, type Keyring } from '../store/keyring.ts'
import type { ClientPorts } from './client-ports.ts'
import { openStores, type ClientStores } from './client-stores.ts'
import { GridNotFoundError, openGridLink, type GridLink } from './grid-link.ts'
import { lackingPeers, noteHeads, tellHead } from './heads.ts'
import { warningsOf } from './recover.ts'

/** Another device took this one's place: peers take no more heads of it. */
export class DeviceReplacedError extends UsageError {
  override readonly name = 'DeviceReplacedError'
}

const SET_ASIDE = {
  damaged: 'The backupdb was damaged and set aside; it is rebuilt from the grid',
  older: 'The backupdb is of an older Cairn and was set aside; it is rebuilt from the grid',
} as const

/** The newest tree, open for reading. */
export interface OpenTree {
  readonly tree: TreeReader
  readonly source: VaultObjects
  /** `undefined` before the first snapshot. */
  readonly root: Root | undefined
  /** The topmost folder; `undefined` where nothing was ever backed up. */
  readonly node: FolderNode | undefined
}

export class VaultSession {
  readonly ports: ClientPorts
  readonly keyring: Keyring
  readonly readKeys: ReadKeys
  readonly stores: ClientStores
  readonly lookout: Lookout
  #link: GridLink | undefined
  readonly #warnings: string[] = []
  /** Peers that gave wrong bytes, and for how many shares: not told yet. */
  readonly #wrong = new Map<PeerId, number>()
  #newestEpoch = 0
  /** What peers showed at the last refresh. */
  #heads: HeadReport | undefined

  private constructor(ports: ClientPorts, keyring: Keyring, stores: ClientStores) {
    this.ports = ports
    this.keyring = keyring
    this.readKeys = deriveReadKeys(keyring.readSecret)
    this.stores = stores
    const { clock, log } = ports
    const presence = (peer: PeerId) => this.#link?.roster.member(peer) ?? {}
    const isAtHome = (peer: PeerId) =>
      this.#link?.roster.isAtHome(peer, this.#link.network.self) === true
    const records = stores.peerRecords
    this.lookout = new Lookout({ clock, log, records, presence, isAtHome })
    if (stores.setAside !== undefined) this.#warnings.push(SET_ASIDE[stores.setAside])
  }

  /**
   * @throws {VaultNotFoundError}
   * @throws {EntropyError}
   * @throws {LockedError} another process uses this home
   */
  static async open(ports: ClientPorts, signal: AbortSignal): Promise<VaultSession> {
    signal.throwIfAborted()
    assertEntropy(ports.random)
    const keyring = await readKeyring(ports.disk)
    const stores = await openStores(ports, deriveReadKeys(keyring.readSecret))
    return new VaultSession(ports, keyring, stores)
  }

  async close(): Promise<void> {
    try {
      await this.unlink()
    } finally {
      this.stores.database.close()
    }
  }

  /** @throws {GridNotFoundError} */
  async link(): Promise<GridLink> {
    if (this.#link !== undefined) return this.#link
    const file = await readGridFile(this.ports.disk)
    if (file === undefined) {
      throw new GridNotFoundError(
        'This vault belongs to no grid yet: join one with "cairn join --code-from FILE"',
      )
    }
    const { ports, keyring, lookout } = this
    const { seed } = keyring.device
    const onWrong = (share: ShareAt) => this.#noteWrong(share)
    const watch = { ...lookout.gridParts, onWrong }
    this.#link = await openGridLink(ports, seed, file, undefined, watch)
    return this.#link
  }

  /** Who gives a reader wrong bytes is told of, and what it holds there counts as lost: as an audit would do it. */
  #noteWrong(share: ShareAt): void {
    const { badShares } = this.stores
    try {
      if (badShares.has(share)) return
      badShares.note(share)
    } catch (cause) {
      const error = toDatabaseError('backupdb', cause)
      if (!(error instanceof DiskError)) throw error
      // A full disk must not stop what is being read.
      this.ports.log.warn('bad share not noted', { error: error.name, why: error.message })
    }
    this.lookout.audited(share.peer, 'failed')
    this.#wrong.set(share.peer, (this.#wrong.get(share.peer) ?? 0) + 1)
  }

  /** Leave the network; the next need opens it anew. */
  async unlink(): Promise<void> {
    await this.#link?.close()
    this.#link = undefined
  }

  /**
   * The newest tree as this machine knows it; from the grid if it knows none.
   *
   * @param objects - where its objects come from; by default as for reading only
   */
  async openTree(signal: AbortSignal, objects?: VaultObjects): Promise<OpenTree> {
    const { published } = this.stores
    const { grid } = await this.link()
    if (published.current() === undefined) await this.refresh(signal)
    const source = objects ?? this.objects(grid, signal)
    const tree = new TreeReader({ source })
    const state = published.current()
    if (state === undefined) return { tree, source, root: undefined, node: undefined }
    await this.#localState(grid, source, tree).fillGaps(signal)
    const root = decodeRoot(await source.read(state.root, 'root'))
    return { tree, source, root, node: nodeOf(root) }
  }

  /**
   * Take over what the grid knows and this machine does not: after the backupdb was lost, or a home
   * was brought back from an old copy.
   */
  async refresh(signal: AbortSignal): Promise<void> {
    const { published } = this.stores
    const { grid } = await this.link()
    await this.#sendOrphan(grid, signal)
    // Who is there now, and where: friends come and move while this machine is off.
    const [asked] = await Promise.all([
      grid.heads(this.keyring.vault, signal),
      grid.syncRoster(signal),
    ])
    await this.lookout.hearOthers(grid, signal)
    const { answers } = asked
    const noted = await noteHeads(this, asked)
    this.#heads = noted.report
    this.#warnings.push(...noted.warnings)
    const pending = published.pending()
    const overtaking = pending && rivalOf(pending, answers, this.keyring.vault)
    const newest = overtaking ?? newestHead(answers, this.keyring.vault)
    this.#newestEpoch = newest?.head.epoch ?? 0
    const known = Math.max(
      published.current()?.sequence ?? 0,
      overtaking === undefined ? (pending?.sequence ?? 0) : 0,
    )
    await this.#assertInReach(known, newest)
    await this.#tellHead(grid, newest, signal)
    await this.#follow({ grid, newest, known, isPending: pending !== undefined }, signal)
    this.#goAbove(answers)
  }

  /** Take over the newest head, unless it is known. */
  async #follow(
    {
      grid,
      newest,
      known,
      isPending,
    }: {
      readonly grid: GridLink['grid']
      readonly newest: NewestHead | undefined
      readonly known: number
      readonly isPending: boolean
    },
    signal: AbortSignal,
  ): Promise<void> {
    const { published } = this.stores
    const source = this.objects(grid, signal)
    const tree = new TreeReader({ source })
    const state = this.#localState(grid, source, tree)
    if (newest === undefined || newest.head.sequence <= known) {
      await state.fillGaps(signal)
      const current = published.current()
      if (current === undefined || !state.lacksEntries) return
      // An earlier refresh was cut short: the snapshot is known, what it holds is not.
      await state.rebuildEntries(decodeRoot(await source.read(current.root, 'root')), signal)
      return
    }

    const { sequence } = newest.head
    this.ports.log.warn('local state behind the grid', { known, newest: sequence })
    if (known > 0) {
      this.#warnings.push(
        `This machine knew of snapshot ${known}, the grid of ${sequence}: ` +
          'local state was brought up to date from the grid',
      )
    }
    this.#warnings.push(...warningsOf(newest))
    await published.keepHead(newest.bytes)
    const root = await state.follow(newest.head, signal)
    // What waited to be sent leads nowhere now; what it held is found by the next scan.
    if (isPending) await published.dropPendingHead()
    this.stores.releases.dropPlanned()
    this.stores.moves.clear()
    this.stores.rebuilt.dropPlanned()
    await state.rebuildEntries(root, signal)
  }

  /**
   * A peer that took heads of a replaced device, a thief's perhaps, refuses lower sequences of ours for ever.
   * So the order goes on above them, as far as all others allow a head to be ahead.
   */
  #goAbove(answers: readonly HeadAnswer[]): void {
    const { published } = this.stores
    const current = published.current()
    if (current === undefined || published.pending() !== undefined) return
    const { vault } = this.keyring
    const { epoch } = certificateOf(this.keyring)
    const heads = answers.flatMap((answer) => answer.heads.map(({ head }) => openHead(head)))
    const replaced = heads.filter((head) => head.vault === vault && head.epoch < epoch)
    const highest = Math.max(0, ...replaced.map((head) => head.sequence))
    const sequence = Math.min(highest, current.sequence + SEQUENCE_JUMP_MAX - 1)
    if (sequence > current.sequence) published.set('published', { ...current, sequence })
  }

  /**
   * As of the last refresh.
   *
   * @throws {DeviceReplacedError}
   */
  assertInOffice(): void {
    if (this.#newestEpoch <= certificateOf(this.keyring).epoch) return
    throw new DeviceReplacedError(
      'This vault was brought back on another machine, and backups go on from there. From here it can ' +
        'be listed and restored; to back up from here again, run "cairn recover" with the 24 words ' +
        'into a new home',
    )
  }

  /**
   * As of the last refresh: nothing is taken away on the word of peers that went back behind their own.
   *
   * @throws {RollbackError}
   */
  assertNoRollback(): void {
    if (this.#heads !== undefined) assertNoRollback(this.#heads)
  }

  /** Peers that were away when the newest head was published get it now. */
  async #tellHead(
    grid: GridLink['grid'],
    newest: NewestHead | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#heads === undefined) return
    const kept = await this.stores.published.keptHead()
    const isOurs =
      kept !== undefined && (newest === undefined || isBeyond(openHead(kept), newest.head))
    const bytes = isOurs ? kept : newest?.bytes
    if (bytes === undefined) return
    this.stores.marks.note(await tellHead(grid, bytes, lackingPeers(this.#heads), signal))
  }

  /** A head that was on its way when the backupdb was lost: all it names is safe, so it counts. */
  async #sendOrphan(grid: GridLink['grid'], signal: AbortSignal): Promise<void> {
    const { published } = this.stores
    const bytes = await published.pendingHead()
    if (bytes === undefined) return published.clearPending()
    const pending = published.pending()
    if (pending !== undefined && equal(openHead(bytes).id, pending.head)) return
    const { receipts } = await grid.publish(bytes, signal)
    published.clearPending()
    // With fewer it waits on: what only few peers have may go with them.
    if (2 * receipts.length > grid.roster.storagePeers().length) await published.settleHead()
  }

  /**
   * The database may be lost or an old one while the head on the disk tells that there was more.
   *
   * @throws {HeadOutOfReachError}
   */
  async #assertInReach(known: number, newest: NewestHead | undefined) {
    const { published } = this.stores
    const bytes = (await published.keptHead()) ?? (await published.pendingHead())
    if (bytes === undefined) return
    const kept = openHead(bytes)
    if (kept.sequence <= known || (newest !== undefined && !isBeyond(kept, newest.head))) return
    throw new HeadOutOfReachError(
      `This home lost its record of snapshot ${kept.sequence}, and no peer that answers has it: ` +
        'try again when more friends are there',
    )
  }

  /** @returns a path's newest version with all it rests on; `undefined` if that cannot be read */
  async chainOf(entry: EntryRow, source: VaultObjects): Promise<readonly Version[] | undefined> {
    const state = this.stores.published.current()
    if (state === undefined) return undefined
    try {
      const node = nodeOf(decodeRoot(await source.read(state.root, 'root')))
      if (node === undefined) return undefined
      return await new TreeReader({ source }).chain(node, fromKey(entry.key), entry.version)
    } catch (error) {
      if (error instanceof CairnError) return undefined
      throw error
    }
  }

  #localState(grid: GridLink['grid'], source: VaultObjects, tree: TreeReader): LocalState {
    const { log } = this.ports
    return new LocalState({ ...this.stores, grid, source, tree, log }, this.readKeys)
  }

  objects(
    grid: GridLink['grid'],
    signal: AbortSignal,
    options: { readonly isSpoolKept?: boolean } = {},
  ): VaultObjects {
    return new VaultObjects({ ...this.stores, grid }, signal, options)
  }

  /** The folder a path lies in may be reached through links; the tree holds where it truly is. */
  async canonical(path: Uint8Array): Promise<Uint8Array> {
    const names = toNames(path)
    const name = names.at(-1)
    if (name === undefined) return toPath([])
    const folder = toPath(names.slice(0, -1))
    try {
      return join(await this.ports.files.resolve(folder), name)
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      // A folder that is gone by now was once reached through whatever is above it.
      return join(await this.canonical(folder), name)
    }
  }

  /** @returns what the person should hear and has not heard yet */
  takeWarnings(): string[] {
    const wrong = [...this.#wrong].map(([peer, count]) => {
      const shares = count === 1 ? 'a share' : `${count} shares`
      const name = this.#link?.roster.nameOf(peer) ?? peer
      return `${name} gave wrong bytes for ${shares}: others were asked, and it counts as lost there`
    })
    this.#wrong.clear()
    return [...this.#warnings.splice(0), ...wrong]
  }
}

/**
 * A head that stands in the way of one that waits here: a home that came back from an old copy wrote
 * it in its former life, or a copy of this home did. What it names is safe, and may have been promised
 * to a person; what waits here was not.
 */
function rivalOf(
  pending: PublishedState,
  answers: readonly HeadAnswer[],
  vault: VaultId,
): NewestHead | undefined {
  const others = answers.map(({ peer, heads }) => ({
    peer,
    heads: heads.filter(({ head }) => !equal(sha256(head), pending.head)),
  }))
  const rival = newestHead(others, vault)
  return rival !== undefined && rival.head.sequence >= pending.sequence ? rival : undefined
}

function nodeOf(root: Root): FolderNode | undefined {
  return root.tree === null ? undefined : { type: 'stored', ...root.tree }
}
