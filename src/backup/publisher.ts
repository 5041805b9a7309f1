/**
 * The publisher: what the queue holds becomes a snapshot, and a head that names it.
 *
 * In this order: data packs are safe; the tree, the list of snapshots and the root are written and
 * safe; the ledger names all new packs and is safe; the head is durable here; then it is sent. The
 * head is the one commit point (law 1). When enough peers have it, local state follows in one
 * transaction. A crash before the head leaves garbage; a crash after it is made good at the next start.
 */

import type { DatabaseSync } from 'node:sqlite'
import {
  openHead,
  openReceipt,
  sealLedgerSafely,
  sealRootSafely,
  signHead,
} from '../../protocol/head.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import type { ReadKeys } from '../../protocol/keys.ts'
import type { Reference } from '../../protocol/reference.ts'
import { decodeRoot, encodeRoot, type Root } from '../../protocol/root.ts'
import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { FolderNode, Version } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { FormatError, RecoveryError, type CairnError } from '../base/errors.ts'
import type { Grid } from '../grid/grid.ts'
import { safeCount, type Code } from '../grid/code.ts'
import type { Change } from '../history/change.ts'
import type { ObjectSource } from '../history/objects.ts'
import { makeParts } from '../history/parts.ts'
import { appendSnapshot } from '../history/snapshot-list.ts'
import { writeTree } from '../history/tree-writer.ts'
import type { Clock } from '../ports/clock.ts'
import type { Files } from '../ports/files.ts'
import type { Random } from '../ports/random.ts'
import { fromKey, toKey, toPath, type Names } from '../source/path.ts'
import type { Contents } from '../store/contents.ts'
import { inTransaction } from '../store/database.ts'
import type { Keyring } from '../store/keyring.ts'
import { noteSnapshot, type SnapshotNote } from '../store/last-snapshot.ts'
import type { PackKind } from '../store/packs.ts'
import { GAP_SIZE, type Published, type PublishedState } from '../store/published.ts'
import type { Queue, QueueRow } from '../store/queue.ts'
import type { Marks } from '../store/marks.ts'
import type { Receipts } from '../store/receipts.ts'
import type { Settings } from '../store/settings.ts'
import type { Signatures } from '../store/signatures.ts'
import type { Spool } from '../store/spool.ts'
import { decodeVersions } from '../store/version-record.ts'
import { addExport, readExport } from './export.ts'
import { followQueue } from './follow-queue.ts'
import { writeLedger } from './ledger-writer.ts'
import { MetadataSink } from './metadata-sink.ts'
import { missingPeer, NotSafeError } from './not-safe.ts'
import { Packer } from './packer.ts'
import { dropPlans, settlePlans, type PlansParts } from './plans.ts'
import { recordedCtime } from './racy.ts'
import type { Rewrite } from './rewrite.ts'
import { idsOf, type Uploader } from './uploader.ts'
import { waitingHead } from './waiting-head.ts'

export interface PublisherParts extends PlansParts {
  readonly database: DatabaseSync
  readonly settings: Settings
  readonly queue: Queue
  readonly contents: PlansParts['contents'] & Pick<Contents, 'openRecord'>
  readonly published: Published
  readonly receipts: Receipts
  readonly marks: Marks
  readonly spool: Spool
  readonly signatures: Pick<Signatures, 'remove'>
  readonly uploader: Uploader
  readonly grid: Grid
  readonly source: ObjectSource
  readonly files: Pick<Files, 'userName' | 'groupName'>
  readonly clock: Clock
  readonly random: Random
  readonly nextPackNumber: () => number
  /** Told of a path that is not kept this time, since the page it lies in cannot be read. */
  readonly onFailure: (path: Uint8Array, error: CairnError) => void
}

export interface PublisherKeys {
  readonly keyring: Keyring
  readonly readKeys: ReadKeys
}

/** What the snapshot's row says beside what publishing itself finds out. */
export type SnapshotFacts = Omit<SnapshotRow, 'sequence' | 'endedAt' | 'added' | 'isPinned'> & {
  /** Sealed bytes of data that this backup added. */
  readonly dataAdded: number
}

export class Publisher {
  readonly #parts: PublisherParts
  readonly #keys: PublisherKeys
  readonly #code: Code
  /** Sealed bytes of tree and ledger. */
  metadataAdded = 0
  readonly #packers: Packer[] = []

  constructor(parts: PublisherParts, keys: PublisherKeys, code: Code) {
    this.#parts = parts
    this.#keys = keys
    this.#code = code
  }

  /**
   * @param exported - the backupdb's export
   * @throws {NotSafeError} nothing is lost: the next run goes on from here
   */
  async publish(
    sequence: number,
    facts: SnapshotFacts,
    exported: Uint8Array,
    signal: AbortSignal,
  ): Promise<SnapshotRow> {
    await this.#parts.uploader.settle(signal)
    try {
      return await this.#publish(sequence, facts, exported, signal)
    } finally {
      for (const packer of this.#packers.splice(0)) await packer.abandon()
    }
  }

  async #publish(
    sequence: number,
    facts: SnapshotFacts,
    exported: Uint8Array,
    signal: AbortSignal,
  ): Promise<SnapshotRow> {
    const before = this.#parts.published.current()
    const { root, row } = await this.#writeRoot(sequence, facts, exported, before, signal)
    const { endedAt, isComplete, isFinished } = row
    const snapshot = { sequence, endedAt, isComplete, isFinished }
    await this.#commit({ sequence, root, isWholeLedger: false, snapshot }, before, signal)
    return row
  }

  /**
   * Publish the newest history in another form.
   *
   * @returns the head's sequence
   * @throws {NotSafeError} the next run goes on from here
   */
  async rewrite(rewrite: Rewrite, signal: AbortSignal): Promise<number> {
    const { database, published, source, uploader } = this.#parts
    await uploader.settle(signal)
    const before = published.current()
    assert(before !== undefined, 'there is a history to rewrite')
    const sequence = before.sequence + 1
    try {
      const old = decodeRoot(await source.read(before.root, 'root'))
      const { sink, settle } = this.#sink('metadata', this.#keys.readKeys.contentSecret, signal)
      const made = await rewrite.root(old, { sink, source: sink.over(source), sequence })
      const device = deviceIdFromBytes(this.#keys.keyring.device.publicKey)
      const root = await sink.put('root', encodeRoot({ ...made, device, sequence }))
      await settle()
      this.metadataAdded += sink.sealedSize
      inTransaction(database, () => rewrite.plan(sequence))
      await this.#commit({ sequence, root, isWholeLedger: rewrite.isWholeLedger }, before, signal)
    } finally {
      for (const packer of this.#packers.splice(0)) await packer.abandon()
    }
    return sequence
  }

  /** From a root that is safe to a head that is published. */
  async #commit(
    next: { sequence: number; root: Reference; isWholeLedger: boolean; snapshot?: SnapshotNote },
    before: PublishedState | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { published, packs, releases, moves } = this.#parts
    const { sequence, root, isWholeLedger, snapshot } = next
    const released = releases.upTo(sequence)
    const ledger = this.#sink('ledger', this.#keys.readKeys.ledgerKey, signal)
    const segments = await writeLedger(
      { packs, grid: this.#parts.grid, sink: ledger.sink, settle: ledger.settle },
      packs.unpublished().filter(({ kind }) => kind !== 'ledger'),
      {
        older: before?.segments ?? [],
        moved: moves.planned(sequence, packs),
        released,
        isWhole: isWholeLedger,
      },
    )
    this.metadataAdded += ledger.sink.sealedSize

    const newest = segments[0]
    assert(newest !== undefined, 'every head has a segment of its own')
    const head = this.#signHead(sequence, before, root, newest.pointer)
    const noted = snapshot === undefined ? {} : { snapshot }
    published.set('publishing', { sequence, head: openHead(head).id, root, segments, ...noted })
    await published.keepPendingHead(head)
    await this.finish(signal)
  }

  /**
   * Send a head that waits, until enough peers have it, and let local state follow.
   *
   * @returns whether there was one
   * @throws {NotSafeError}
   */
  async finish(signal: AbortSignal): Promise<boolean> {
    const { published, grid } = this.#parts
    const state = published.pending()
    const head = state && (await waitingHead(this.#parts, this.#keys.keyring.vault, state, signal))
    if (head === undefined || state === undefined) {
      published.clearPending()
      this.dropPlanned()
      return false
    }
    const { receipts, failures } = await grid.publish(head, signal)
    const needed = safeCount(this.#code)
    if (receipts.length < needed) {
      throw new NotSafeError('the head lies', {
        happiness: receipts.length,
        needed,
        missing: failures.map((failure) => missingPeer(failure, grid.roster)),
      })
    }
    for (const { receipt } of receipts) {
      this.#parts.receipts.put(state.sequence, openReceipt(receipt))
    }
    this.#parts.marks.note(receipts.map(({ receipt }) => receipt))
    this.#follow(state)
    await published.settleHead()
    await this.#adopt(state.sequence, signal)
    return true
  }

  /**
   * Tell peers which of their shares a head needs, and that others go in a month. Shares placed later than
   * their head, and peers that were away, have their turn at the next head.
   */
  async #adopt(sequence: number, signal: AbortSignal): Promise<void> {
    const { database, grid, packs, published } = this.#parts
    const adopted = packs.unadopted()
    const segments = published.current()?.segments ?? []
    // A machine that was recovered knows packs of the ledger by their names alone.
    const ledger = segments.map(({ pointer }) => pointer.pack)
    const needed = [...new Set([...idsOf(adopted), ...ledger])]
    // What a part of the ledger names that cannot be read for now is needed, and not known here.
    const isAll = segments.every(({ size }) => size !== GAP_SIZE)
    const { vault } = this.#keys.keyring
    const { failures } = await grid.adopt(needed, sequence, vault, signal, { isAll })
    const away = new Set(failures.map(({ peer }) => peer))
    const numbers = adopted.map(({ number }) => number)
    inTransaction(database, () => packs.markAdopted(numbers, away))
  }

  #follow(state: PublishedState): void {
    const { database, packs, published, settings } = this.#parts
    const { snapshot, ...settled } = state
    inTransaction(database, () => {
      followQueue(this.#parts)
      if (snapshot !== undefined) noteSnapshot(settings, snapshot)
      packs.markPublished()
      settlePlans(this.#parts, state.sequence)
      published.set('published', settled)
      published.clearPending()
    })
  }

  /** Without a head that waits, nothing will come of what was planned. */
  dropPlanned(): void {
    inTransaction(this.#parts.database, () => dropPlans(this.#parts))
  }

  async #writeRoot(
    sequence: number,
    facts: SnapshotFacts,
    exported: Uint8Array,
    before: PublishedState | undefined,
    signal: AbortSignal,
  ): Promise<{ root: Reference; row: SnapshotRow }> {
    const { clock, queue } = this.#parts
    const { cutKey, contentSecret } = this.#keys.readKeys
    const { sink, settle } = this.#sink('metadata', contentSecret, signal)
    const source = sink.over(this.#parts.source)
    const old =
      before === undefined ? undefined : decodeRoot(await source.read(before.root, 'root'))

    const oldTree: FolderNode | undefined = old?.tree ? { type: 'stored', ...old.tree } : undefined
    const changes = this.#changes(sink)
    const skipped: Names[] = []
    const onSkipped = (path: Names, error: CairnError) => {
      skipped.push(path)
      this.#parts.onFailure(toPath(path), error)
    }
    const tree = await writeTree(oldTree, sequence, changes, { source, sink, cutKey, onSkipped })
    // The next scan finds them again: until then this machine does not know them either.
    for (const path of skipped) queue.drop(toKey(path))
    assert(tree.type === 'stored', 'the topmost folder has an object of its own')
    const backupdb = await addExport(
      exported,
      sequence,
      {
        history: old?.backupdb ?? [],
        before: old === undefined ? undefined : await this.#exportBefore(old),
      },
      sink,
    )
    const { dataAdded, ...rest } = facts
    const row: SnapshotRow = {
      ...rest,
      isComplete: rest.isComplete && skipped.length === 0,
      skipped: rest.skipped + skipped.length,
      sequence,
      endedAt: clock.now(),
      added: dataAdded + sink.sealedSize,
      isPinned: false,
    }
    const root: Root = {
      device: deviceIdFromBytes(this.#keys.keyring.device.publicKey),
      sequence,
      tree: { level: tree.level, reference: tree.reference },
      snapshots: await appendSnapshot(old?.snapshots ?? { rows: [], older: null }, row, {
        source,
        sink,
      }),
      backupdb,
      extra: old?.extra ?? [],
    }
    const reference = await sink.put('root', encodeRoot(root))
    await settle()
    this.metadataAdded += sink.sealedSize
    return { root: reference, row }
  }

  /** @returns undefined too where it cannot be read: then it is stored anew, and stops no backup */
  async #exportBefore({ backupdb }: Root): Promise<Uint8Array | undefined> {
    try {
      return await readExport(backupdb, this.#parts.source)
    } catch (error) {
      if (!(error instanceof FormatError || error instanceof RecoveryError)) throw error
      return undefined
    }
  }

  async *#changes(sink: MetadataSink): AsyncGenerator<Change> {
    for (const row of this.#parts.queue.rows()) {
      const path = fromKey(row.key)
      if (row.state === 'gone') yield { path, type: 'gone' }
      else if (row.state === 'done') yield { path, type: 'set', ...(await this.#set(row, sink)) }
    }
  }

  async #set(
    row: QueueRow,
    sink: MetadataSink,
  ): Promise<Omit<Extract<Change, { type: 'set' }>, 'path' | 'type'>> {
    const { files } = this.#parts
    const { status, target, result, details } = row
    const { kind, mode, uid, gid, mtime, inode, size } = status
    const attributes = {
      mode,
      uid,
      gid,
      userName: files.userName(uid),
      groupName: files.groupName(gid),
      mtime,
      // A backupdb made again from the tree must doubt the file as this one does.
      ctime: recordedCtime(row),
      bornAt: details.bornAt,
      inode,
      size,
      extra: details.extra,
    }
    if (kind === 'folder') return { attributes, what: { kind } }
    if (kind === 'symlink')
      return { attributes, what: { kind, target: target ?? new Uint8Array(0) } }
    if (kind === 'fifo') return { attributes, what: { kind } }
    if (kind !== 'file') {
      return { attributes, what: { kind, device: details.device ?? { major: 0, minor: 0 } } }
    }
    const record = result?.versions && this.#parts.contents.openRecord(result.versions)
    const found = record === undefined ? [] : decodeVersions(record)
    const versions: Version[] = []
    for (const version of found) {
      // A version that was copied from another path may lie in lists already.
      const { parts: listed } = version.content
      const parts = listed.depth > 0 ? listed : await makeParts(listed.references, sink)
      versions.push({ ...version, content: { ...version.content, parts } })
    }
    return { attributes, what: { kind, versions } }
  }

  #signHead(
    sequence: number,
    before: PublishedState | undefined,
    root: Reference,
    ledger: Parameters<typeof sealLedgerSafely>[0],
  ): Uint8Array {
    const { random, clock } = this.#parts
    const { keyring, readKeys } = this.#keys
    const place = () => ({ vault: keyring.vault, sequence, chance: random.bytes(24) })
    return signHead(
      {
        vault: keyring.vault,
        certificate: keyring.certificate,
        device: deviceIdFromBytes(keyring.device.publicKey),
        sequence,
        previous: before?.head ?? null,
        root: sealRootSafely(root, readKeys.headKey, place()),
        ledger: sealLedgerSafely(ledger, readKeys.ledgerKey, place()),
        // A clock may say a time before 1970; only the order of heads counts.
        writtenAt: Math.max(0, clock.now()),
      },
      keyring.device,
    )
  }

  #sink(
    kind: PackKind,
    secret: Uint8Array,
    signal: AbortSignal,
  ): { sink: MetadataSink; settle: () => Promise<void> } {
    const { uploader, spool, nextPackNumber } = this.#parts
    const packer = new Packer({
      kind,
      padKey: this.#keys.readKeys.padKey,
      spool,
      nextNumber: nextPackNumber,
      onPack: (pack) => uploader.submit(pack, () => undefined, signal),
    })
    this.#packers.push(packer)
    const settle = async () => {
      await packer.flush()
      await uploader.settle(signal)
    }
    return { sink: new MetadataSink(packer, secret), settle }
  }
}
