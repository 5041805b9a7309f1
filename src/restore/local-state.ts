/**
 * Local state from the grid: after its loss, one walk over the newest tree brings the backupdb back.
 *
 * The ledger gives the pack table, the root gives tree and export, the tree gives every path with the
 * times and inode of the change test, so that the next backup reads no unchanged file again.
 */

import type { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import type { LedgerPointer, LedgerSegment, PackEntry } from '../../protocol/ledger.ts'
import { openLedger, openRoot, type OpenedHead } from '../../protocol/head.ts'
import type { ReadKeys } from '../../protocol/keys.ts'
import { decodeRoot, type Root } from '../../protocol/root.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { FolderNode, Version } from '../../protocol/tree.ts'
import { CairnError } from '../base/errors.ts'
import type { Grid } from '../grid/grid.ts'
import { LedgerReader } from '../history/ledger-reader.ts'
import type { ObjectSource } from '../history/objects.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import type { FoundEntry } from '../history/visible.ts'
import type { Log } from '../ports/log.ts'
import type { PeerId } from '../ports/network.ts'
import { toKey, type Names } from '../source/path.ts'
import type { Contents } from '../store/contents.ts'
import { inTransaction } from '../store/database.ts'
import type { Entries, EntryRow } from '../store/entries.ts'
import type { PackRow, Packs } from '../store/packs.ts'
import { GAP_SIZE, type Published, type SegmentRecord } from '../store/published.ts'
import type { Queue } from '../store/queue.ts'
import type { Releases } from '../store/releases.ts'
import type { Settings } from '../store/settings.ts'

/** Entries written in one transaction. */
const BATCH_SIZE = 2_000

/** Setting: the entries are being filled, and what was removed since cannot be told from them. */
const ENTRIES_MISSING = 'entries missing'

/**
 * Setting: packs that earlier ledgers lie in are among the packs; without it they are to be found by the
 * heads that peers keep.
 */
export const LEDGERS_KNOWN = 'ledgers known'

/** Bytes of a ledger row, about: as the ledger writer counts them. */
const ROW_SIZE = 64

export interface LocalStateParts {
  readonly database: DatabaseSync
  readonly entries: Entries
  readonly queue: Queue
  readonly contents: Contents
  readonly packs: Packs
  readonly settings: Settings
  readonly published: Published
  readonly releases: Releases
  readonly grid: Grid
  readonly source: ObjectSource
  readonly tree: TreeReader
  readonly log: Log
}

export class LocalState {
  readonly #parts: LocalStateParts
  readonly #keys: ReadKeys
  readonly #ledger: LedgerReader

  constructor(parts: LocalStateParts, keys: ReadKeys) {
    this.#parts = parts
    this.#keys = keys
    this.#ledger = new LedgerReader(parts)
  }

  /**
   * Take over what a head leads to: pack table and root, enough to list and restore.
   *
   * An older part of the ledger that cannot be read leaves a gap: what lies in its packs cannot be
   * read, and all else can. The newest part has the highest numbers, so none is given twice.
   *
   * @throws {RecoveryError}
   * @throws {FormatError}
   */
  async follow(head: OpenedHead, signal: AbortSignal): Promise<Root> {
    const { database, packs, published, releases, settings, source } = this.#parts
    const pointer = openLedger(head, this.#keys.ledgerKey)
    const [newest, segments] = await this.#ledger.read(pointer, signal)
    const root = openRoot(head, this.#keys.headKey)
    inTransaction(database, () => {
      // Oldest first: where two segments give the same number, the newer one holds.
      const older = segments.flatMap(({ segment }) => segment ?? []).toReversed()
      this.#forgetOthers(older)
      for (const segment of older) this.#putPacks(segment)
      this.#putReleases(newest)
      releases.forgetNeeded()
      const numberMax = Math.max(packs.numberMax(), releases.numberMax())
      settings.set('pack number', Math.max(numberMax, settings.counter('pack number')))
      published.set('published', {
        sequence: head.sequence,
        head: head.id,
        root,
        segments: segments.map(({ pointer: at, segment }) => recordOf(at, segment)),
      })
      published.clearPending()
      settings.remove(LEDGERS_KNOWN)
      // Entries of another snapshot would hide what was removed since: none are better.
      this.#clearEntries()
    })
    return decodeRoot(await source.read(root, 'root'))
  }

  /**
   * Learn of packs that only another head led to, once `follow` took an older one: nothing needs them here,
   * and the next gc lets them go. Their numbers may be given to others, so they get new ones.
   */
  async noteLeftBehind(head: OpenedHead, signal: AbortSignal): Promise<void> {
    const { database, packs, releases, settings } = this.#parts
    const ledger = openLedger(head, this.#keys.ledgerKey)
    const newest = await this.#ledger.tryRead(ledger, signal)
    const older = (newest?.previous ?? []).map((pointer) => this.#ledger.tryRead(pointer, signal))
    const segments = [newest, ...(await Promise.all(older))].flatMap((segment) => segment ?? [])
    const known = new Set([
      ...packs.numbers().map((number) => packs.get(number)?.id),
      ...releases.all().map(({ pack }) => pack.id),
    ])
    const rowOf = ({ id, size, needed, total }: PackEntry): PackRow => {
      known.add(id)
      const number = settings.next('pack number')
      const row = { number, id, base: 0, extents: undefined, size, needed, total }
      return { ...row, kind: 'data', state: 'complete', isPublished: true }
    }
    inTransaction(database, () => {
      for (const { sequence, packs: released } of newest?.released ?? []) {
        for (const pack of released) if (!known.has(pack.id)) releases.put(sequence, rowOf(pack))
      }
      for (const pack of segments.flatMap((segment) => segment.packs)) {
        if (!known.has(pack.id)) packs.put(rowOf(pack))
      }
    })
  }

  /** Read the parts of the ledger that could not be read before, if there are any. */
  async fillGaps(signal: AbortSignal): Promise<void> {
    const { database, packs, published } = this.#parts
    const state = published.current()
    if (state === undefined) return
    for (const [index, { pointer, size }] of state.segments.entries()) {
      if (size !== GAP_SIZE) continue
      const segment = await this.#ledger.tryRead(pointer, signal)
      if (segment === undefined) continue
      const missing = segment.packs.filter(({ number }) => packs.get(number) === undefined)
      inTransaction(database, () => {
        this.#putPacks({ ...segment, packs: missing })
        const now = published.current() ?? state
        published.set('published', {
          ...now,
          segments: now.segments.with(index, recordOf(pointer, segment)),
        })
      })
    }
  }

  /** Whether `follow` was not followed by a `rebuildEntries` to its end: do it again. */
  get lacksEntries(): boolean {
    return this.#parts.settings.get(ENTRIES_MISSING, z.boolean()) ?? false
  }

  /**
   * Add the entries that are missing, from the tree. What cannot be read is left out, and tried again at the
   * next refresh: then what is there already stays, with the scan that was made by it. A scan made without
   * entries that are found now does not stand: what the queue held is found again by the next one.
   *
   * @returns how many entries were added
   */
  async rebuildEntries(root: Root, signal: AbortSignal): Promise<number> {
    const { database, entries, queue, settings, tree, log } = this.#parts
    let count = 0
    let isWhole = true
    const onUnreadable = (_: Names, error: CairnError) => {
      isWhole = false
      log.warn('tree unreadable', { error: error.name, why: error.message })
    }
    let batch: EntryRow[] = []
    const flush = () => {
      if (count === 0 && batch.length > 0) queue.clear()
      for (const row of batch) entries.put(row)
      count += batch.length
      batch = []
    }
    if (root.tree !== null) {
      const node = { type: 'stored', ...root.tree } as const
      for await (const found of tree.walk(node, [], root.sequence, onUnreadable)) {
        signal.throwIfAborted()
        if (entries.has(toKey(found.path))) continue
        const entry = await this.#tryEntry(node, found, onUnreadable)
        if (entry !== undefined) batch.push(entry)
        if (batch.length >= BATCH_SIZE) inTransaction(database, flush)
      }
    }
    inTransaction(database, () => {
      flush()
      if (isWhole) settings.remove(ENTRIES_MISSING)
    })
    return count
  }

  #clearEntries(): void {
    const { entries, queue, settings } = this.#parts
    entries.clear()
    queue.clear()
    settings.set(ENTRIES_MISSING, true)
  }

  /** A file whose chain cannot be read is left out, so that the next backup keeps it anew. */
  async #tryEntry(
    root: FolderNode,
    found: FoundEntry,
    onUnreadable: (path: Names, error: CairnError) => void,
  ): Promise<EntryRow | undefined> {
    try {
      return await this.#entry(root, found)
    } catch (error) {
      if (!(error instanceof CairnError)) throw error
      onUnreadable(found.path, error)
      return undefined
    }
  }

  async #entry(root: FolderNode, { path, entry }: FoundEntry): Promise<EntryRow> {
    const { attributes, what } = entry.span
    const { mode, uid, gid, size, mtime, ctime, inode } = attributes
    const status = { kind: what.kind, mode, uid, gid, size, mtime, ctime, inode }
    const { version } = entry
    const chain =
      version?.content.type === 'delta'
        ? await this.#parts.tree.chain(root, path, version.id)
        : version === undefined
          ? []
          : [version]
    return {
      ...status,
      key: toKey(path),
      content: version?.digest === undefined ? undefined : this.#parts.contents.id(version.digest),
      version: version?.id ?? 0,
      chainLength: Math.max(0, chain.length - 1),
      chainSize: chain.reduce((sum, link) => sum + fetchSize(link), 0),
    }
  }

  /**
   * Packs that this ledger does not name lead nowhere: their numbers are or will be given to others,
   * and content that is found in them would be looked for in the wrong pack. It is sent again.
   */
  #forgetOthers(segments: readonly LedgerSegment[]): void {
    const { packs, contents } = this.#parts
    const named = new Map<number, PackId>()
    for (const segment of segments)
      for (const { number, id } of segment.packs) named.set(number, id)
    for (const number of packs.numbers()) {
      const id = packs.get(number)?.id
      if (id !== undefined && id === named.get(number)) continue
      contents.forgetPack(number)
      packs.remove(number)
    }
  }

  #putPacks(segment: LedgerSegment): void {
    const { packs } = this.#parts
    for (const { number, id, base, extents, size, needed, total, holders } of segment.packs) {
      packs.put({
        number,
        kind: 'data',
        state: 'complete',
        size,
        needed,
        total,
        id,
        base,
        extents,
        isPublished: true,
      })
      packs.setHolders(number, holdersOf(holders, segment))
    }
  }

  /** The newest segment tells of all packs in release. */
  #putReleases(newest: LedgerSegment): void {
    const { releases, packs } = this.#parts
    for (const { pack } of releases.all()) {
      if (packs.get(pack.number) === undefined) packs.remove(pack.number)
    }
    releases.clear()
    for (const { sequence, packs: released } of newest.released) {
      for (const { number, id, base, extents, size, needed, total, holders } of released) {
        const row = { number, id, base, extents, size, needed, total }
        releases.put(sequence, { ...row, kind: 'data', state: 'complete', isPublished: true })
        packs.setHolders(number, holdersOf(holders, newest))
      }
    }
  }
}

/** @returns share number → peer, as a segment tells it */
function holdersOf(
  holders: readonly number[],
  segment: LedgerSegment | undefined,
): Map<number, PeerId> {
  const held = holders.flatMap((holder, share) => {
    const peer = segment?.peers[holder]
    return peer === undefined ? [] : [[share, peer] as const]
  })
  return new Map(held)
}

function recordOf(pointer: LedgerPointer, segment: LedgerSegment | undefined): SegmentRecord {
  if (segment === undefined) return { pointer, size: GAP_SIZE, first: 0 }
  const { packs } = segment
  return { pointer, size: packs.length * ROW_SIZE, first: packs[0]?.number ?? 0 }
}

/** Sealed bytes of a version; where lists stand between, the size of the content is near enough. */
function fetchSize({ size, content: { parts } }: Version): number {
  return parts.depth > 0 ? size : parts.references.reduce((sum, { length }) => sum + length, 0)
}
