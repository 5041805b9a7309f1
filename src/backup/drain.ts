/**
 * The drain: files that wait in the queue become versions in packs.
 *
 * A file is finished when all its objects lie in packs that are durable on our own disk; it is
 * recorded in the same transaction as the last of those packs. So a crash loses at most what was
 * read since the last full pack, and that content is not sent twice.
 */

import type { DatabaseSync } from 'node:sqlite'
import { toHex } from '../../protocol/bytes.ts'
import type { Reference } from '../../protocol/reference.ts'
import { versionId, type Version } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { FilesError } from '../base/errors.ts'
import type { codecs } from '../codec/codecs.ts'
import type { Clock } from '../ports/clock.ts'
import type { Compute } from '../ports/compute.ts'
import type { Disk } from '../ports/disk.ts'
import type { Files } from '../ports/files.ts'
import { fromKey, toPath } from '../source/path.ts'
import type { Contents } from '../store/contents.ts'
import { inTransaction } from '../store/database.ts'
import { toEntryStatus, type Entries, type EntryRow, type EntryStatus } from '../store/entries.ts'
import type { Queue, QueueResult, QueueRow } from '../store/queue.ts'
import type { Signatures } from '../store/signatures.ts'
import type { Spool } from '../store/spool.ts'
import { encodeVersions } from '../store/version-record.ts'
import { DeltaBuffer } from './delta-buffer.ts'
import { FileReader, type ReadVersion } from './file-reader.ts'
import { ObjectWriter, type NewContent, type Slot } from './object-writer.ts'
import { Packer, type SealedPack } from './packer.ts'
import { isRacy } from './racy.ts'
import type { Uploader } from './uploader.ts'

/** Finished files between two looks at which of them can be recorded. */
const PENDING_STEP = 1_000

/** Finished files that wait for the open pack: tiny ones would pile up before it is full. */
const PENDING_MAX = 20_000

export interface DrainParts {
  readonly clock: Clock
  readonly database: DatabaseSync
  readonly disk: Disk
  readonly files: Files
  readonly compute: Compute<typeof codecs>
  readonly entries: Entries
  readonly queue: Queue
  readonly contents: Contents
  readonly signatures: Signatures
  readonly spool: Spool
  readonly uploader: Uploader
  readonly nextPackNumber: () => number
  readonly chainOf: (entry: EntryRow) => Promise<readonly Version[] | undefined>
}

export interface DrainOptions {
  /** Of the snapshot being made. */
  readonly sequence: number
  readonly run: number
  readonly contentSecret: Uint8Array
  readonly padKey: Uint8Array
  readonly cutKey: Uint8Array
}

export interface DrainEvents {
  /** So many bytes of the file under way were read in this attempt. */
  readonly onRead: (path: Uint8Array, size: number) => void
  /** A file was read, or failed. */
  readonly onFile: (path: Uint8Array, size: number) => void
  readonly onFailure: (path: Uint8Array, error: FilesError) => void
}

/** What the run did, for the person. */
export interface DrainTotals {
  filesNew: number
  filesChanged: number
  /** Touched only: the content is as before. */
  filesSame: number
  /** Changed while they were read, each time: what was read is kept, and labelled. */
  filesFuzzy: number
  deltas: number
}

interface Finished {
  readonly row: QueueRow
  readonly status: EntryStatus
  readonly isRacy: boolean
  readonly slots: readonly Slot[]
  readonly signature: Uint8Array | undefined
  readonly result: () => QueueResult
}

export class Drain {
  readonly #parts: DrainParts
  readonly #options: DrainOptions
  readonly #packer: Packer
  readonly #writer: ObjectWriter
  readonly #reader: FileReader
  #signal: AbortSignal = new AbortController().signal
  #onRead: () => void = () => undefined
  #path: Uint8Array = new Uint8Array(0)
  #pending: Finished[] = []
  #pendingNext = PENDING_STEP
  /** Sealed, but its pack is not yet durable. */
  readonly #fresh = new Map<string, NewContent>()

  readonly totals: DrainTotals = {
    filesNew: 0,
    filesChanged: 0,
    filesSame: 0,
    filesFuzzy: 0,
    deltas: 0,
  }

  constructor(parts: DrainParts, options: DrainOptions) {
    this.#parts = parts
    this.#options = options
    this.#packer = new Packer({
      kind: 'data',
      padKey: options.padKey,
      spool: parts.spool,
      nextNumber: parts.nextPackNumber,
      onPack: (pack) => this.#onPack(pack),
    })
    this.#writer = new ObjectWriter(
      {
        packer: this.#packer,
        find: (digest) => this.#find(digest),
        onSealed: (content) => this.#fresh.set(toHex(content.digest), content),
      },
      options.contentSecret,
    )
    this.#reader = new FileReader(
      {
        files: parts.files,
        compute: parts.compute,
        writer: this.#writer,
        signatures: parts.signatures,
        deltaBuffer: new DeltaBuffer(parts.disk),
        onRead: () => this.#onRead(),
        contentId: (digest) => parts.contents.id(digest),
        hasChainedOfSize: (size) => parts.entries.hasChainedOfSize(size),
        findContent: (content) => parts.entries.findContent(content),
        chainOf: parts.chainOf,
      },
      options.cutKey,
    )
  }

  get bytesRead(): number {
    return this.#reader.bytesRead
  }

  /** Bytes of objects sealed, before erasure. */
  get bytesAdded(): number {
    return this.#writer.sealedSize
  }

  /** Resolves when no file waits any more, and all packs are on their way. */
  async run(events: DrainEvents, signal: AbortSignal): Promise<void> {
    this.#signal = signal
    this.#onRead = () => events.onRead(this.#path, this.#reader.bytesOfFile)
    try {
      await this.#run(events, signal)
    } finally {
      await this.#packer.abandon()
    }
  }

  async #run(events: DrainEvents, signal: AbortSignal): Promise<void> {
    let folder: string | undefined
    for (const row of this.#parts.queue.rows('waiting')) {
      signal.throwIfAborted()
      const names = fromKey(row.key)
      const parent = toHex(toPath(names.slice(0, -1)))
      if (folder !== undefined && parent !== folder) await this.#writer.endRun()
      folder = parent
      await this.#file(row, toPath(names), events)
      if (this.#pending.length >= this.#pendingNext) await this.#lookAtPending()
    }
    await this.#flush()
    assert(this.#pending.length === 0, 'with every pack durable, every file can be recorded')
    this.#parts.signatures.trim()
  }

  /** Looking costs as much as there is, so it is done once for so many files. */
  async #lookAtPending(): Promise<void> {
    this.#recordReady()
    if (this.#pending.length >= PENDING_MAX) await this.#flush()
    this.#pendingNext = this.#pending.length + PENDING_STEP
  }

  async #flush(): Promise<void> {
    await this.#writer.endRun()
    await this.#packer.flush()
    this.#recordReady()
  }

  async #file(row: QueueRow, path: Uint8Array, events: DrainEvents): Promise<void> {
    const known = this.#parts.entries.get(row.key)
    const file = known?.kind === 'file' ? known : undefined
    this.#path = path
    const seenAt = this.#parts.clock.now()
    try {
      const read = await this.#reader.read(path, file, this.#signal)
      this.#pending.push(this.#finished(row, file, { read, seenAt }))
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      events.onFailure(path, error)
      const { queue } = this.#parts
      const isGone = error.code === 'ENOENT' && known !== undefined
      if (isGone) queue.addGone(this.#options.run, row.key, known)
      else queue.drop(row.key)
    }
    events.onFile(path, row.status.size)
  }

  #finished(
    row: QueueRow,
    known: EntryRow | undefined,
    { read, seenAt }: { read: ReadVersion; seenAt: number },
  ): Finished {
    const status = toEntryStatus(read.status)
    assert(status !== undefined, 'only regular files are read')
    const { content } = read
    if (known === undefined) this.totals.filesNew += 1
    else if (content.type === 'unchanged') this.totals.filesSame += 1
    else this.totals.filesChanged += 1
    if (content.type === 'delta') this.totals.deltas += 1
    if (read.label === 'fuzzy') this.totals.filesFuzzy += 1
    const slots = content.type === 'original' || content.type === 'delta' ? content.slots : []
    const result = () => this.#result(known, read)
    const racy = isRacy(status.ctime, seenAt)
    return { row, status, isRacy: racy, slots, signature: read.signature, result }
  }

  #result(known: EntryRow | undefined, read: ReadVersion): QueueResult {
    const { content, digest } = read
    if (content.type === 'unchanged') {
      assert(known !== undefined, 'only a known file can be unchanged')
      const { version, chainLength, chainSize } = known
      return { versions: undefined, content: known.content, version, chainLength, chainSize }
    }
    const versions =
      content.type === 'copy' ? this.#copied(content.chain, read) : [this.#version(known, read)]
    const chain = chainCost(known, content, versions)
    return {
      versions: this.#parts.contents.sealRecord(encodeVersions(versions)),
      content: this.#parts.contents.id(digest),
      version: versions.at(-1)?.id ?? 0,
      ...chain,
    }
  }

  #version(known: EntryRow | undefined, read: ReadVersion): Version {
    const { content, size, digest, label } = read
    assert(content.type === 'original' || content.type === 'delta', 'other content has versions')
    const parts = { depth: 0, references: content.slots.map(referenceOf) }
    const id = versionId(this.#options.sequence, 0)
    if (content.type === 'delta') {
      assert(known !== undefined, 'a delta has a base')
      const delta = { type: 'delta', base: known.version, parts } as const
      return { id, size, digest, label, content: delta, extra: [] }
    }
    // One object's key commits to all its bytes; several need a digest over the whole.
    const isOneObject = parts.references.length === 1
    return {
      id,
      size,
      digest: isOneObject ? undefined : digest,
      label,
      content: { type: 'original', parts },
      extra: [],
    }
  }

  /** A chain in its new home: the same objects, under ids of this snapshot. */
  #copied(chain: readonly Version[], read: ReadVersion): Version[] {
    return chain.map((version, ordinal) => {
      const id = versionId(this.#options.sequence, ordinal)
      const { content } = version
      const moved: Version['content'] =
        content.type === 'delta'
          ? { ...content, base: versionId(this.#options.sequence, ordinal - 1) }
          : content
      const label = ordinal === chain.length - 1 ? read.label : version.label
      return { ...version, id, label, content: moved }
    })
  }

  async #onPack(pack: SealedPack): Promise<void> {
    const { contents, uploader } = this.#parts
    await uploader.submit(
      pack,
      () => {
        for (const [id, { digest, place, key }] of this.#fresh) {
          if (place.pack !== pack.number) continue
          contents.add(digest, place, key)
          this.#fresh.delete(id)
        }
        this.#record()
      },
      this.#signal,
    )
  }

  #recordReady(): void {
    inTransaction(this.#parts.database, () => this.#record())
  }

  #record(): void {
    const { queue, signatures } = this.#parts
    const waiting: Finished[] = []
    for (const finished of this.#pending) {
      if (!finished.slots.every((slot) => this.#isDurable(slot.reference))) {
        waiting.push(finished)
        continue
      }
      const result = finished.result()
      queue.finish(finished.row.key, finished, result)
      if (finished.signature !== undefined && result.content !== undefined) {
        signatures.put(result.content, finished.signature)
      }
    }
    this.#pending = waiting
  }

  #isDurable(reference: Reference | undefined): boolean {
    return reference !== undefined && this.#parts.uploader.has(reference.pack)
  }

  #find(digest: Uint8Array): Reference | undefined {
    const fresh = this.#fresh.get(toHex(digest))
    if (fresh === undefined) return this.#parts.contents.find(digest)
    return { ...fresh.place, key: { type: 'raw', secret: fresh.key } }
  }
}

function referenceOf(slot: Slot): Reference {
  assert(slot.reference !== undefined, 'a finished file has all its references')
  return slot.reference
}

function chainCost(
  known: EntryRow | undefined,
  content: ReadVersion['content'],
  versions: readonly Version[],
): { chainLength: number; chainSize: number } {
  if (content.type === 'copy') {
    const { chainLength, chainSize } = content.of
    return { chainLength, chainSize }
  }
  const size = versions
    .flatMap((version) => version.content.parts.references)
    .reduce((sum, { length }) => sum + length, 0)
  if (content.type !== 'delta') return { chainLength: 0, chainSize: size }
  assert(known !== undefined, 'a delta has a base')
  return { chainLength: known.chainLength + 1, chainSize: known.chainSize + size }
}
