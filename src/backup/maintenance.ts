/**
 * Maintenance: what is published is published again in another form: rebuilt, thinned, or without what
 * nothing needs any more. No file is scanned and no snapshot is added.
 *
 * New objects first, then one head (law 1): cut off anywhere before it, nothing happened. What a backup
 * that was cut off had put into the queue is found again by the next scan.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { ReadKeys } from '../../protocol/keys.ts'
import { assert } from '../base/assert.ts'
import type { codecs } from '../codec/codecs.ts'
import type { Code } from '../grid/code.ts'
import type { Grid } from '../grid/grid.ts'
import type { ObjectSource } from '../history/objects.ts'
import type { Clock } from '../ports/clock.ts'
import type { Compute } from '../ports/compute.ts'
import type { Disk } from '../ports/disk.ts'
import type { Files } from '../ports/files.ts'
import type { Log } from '../ports/log.ts'
import type { Random } from '../ports/random.ts'
import type { Contents } from '../store/contents.ts'
import { inTransaction } from '../store/database.ts'
import type { Entries } from '../store/entries.ts'
import type { Keyring } from '../store/keyring.ts'
import type { Packs, PackRow } from '../store/packs.ts'
import type { Published } from '../store/published.ts'
import type { Queue } from '../store/queue.ts'
import type { Moves } from '../store/moves.ts'
import type { Rebuilt } from '../store/rebuilt.ts'
import type { Marks } from '../store/marks.ts'
import type { Receipts } from '../store/receipts.ts'
import type { Releases } from '../store/releases.ts'
import type { Settings } from '../store/settings.ts'
import type { Signatures } from '../store/signatures.ts'
import type { Spool } from '../store/spool.ts'
import { ContentSink } from './content-sink.ts'
import { FreshContents } from './fresh-contents.ts'
import { NewObjects } from './new-objects.ts'
import { NotSafeError } from './not-safe.ts'
import { PackCopier, type StretchSource } from './pack-copier.ts'
import { Publisher } from './publisher.ts'
import type { Rewrite } from './rewrite.ts'
import { Uploader } from './uploader.ts'

export interface MaintenanceParts {
  readonly clock: Clock
  readonly random: Random
  readonly disk: Disk
  readonly files: Files
  readonly compute: Compute<typeof codecs>
  readonly log: Log
  readonly grid: Grid
  readonly database: DatabaseSync
  readonly entries: Entries
  readonly queue: Queue
  readonly contents: Contents
  readonly packs: Packs
  readonly signatures: Signatures
  readonly settings: Settings
  readonly published: Published
  readonly releases: Releases
  readonly moves: Moves
  readonly rebuilt: Rebuilt
  readonly receipts: Receipts
  readonly marks: Marks
  readonly spool: Spool
  readonly source: ObjectSource
}

export interface MaintenanceOptions {
  readonly keyring: Keyring
  readonly readKeys: ReadKeys
  readonly code: Code
}

/** What it cost. */
export interface MaintenanceTotals {
  /** Sealed bytes of data, tree and ledger, before erasure. */
  readonly bytesAdded: number
  /** Bytes of shares sent. */
  readonly bytesSent: number
}

export class Maintenance {
  readonly #parts: MaintenanceParts
  readonly #options: MaintenanceOptions
  readonly #uploader: Uploader
  readonly #publisher: Publisher
  #content: ContentSink | undefined
  #copier: PackCopier | undefined
  readonly #fresh: FreshContents

  constructor(parts: MaintenanceParts, options: MaintenanceOptions) {
    this.#parts = parts
    this.#options = options
    this.#fresh = new FreshContents(parts.contents)
    const { keyring, readKeys, code } = options
    const { vault } = keyring
    this.#uploader = new Uploader(parts, { vault, code, isHolding: true, isTidying: true })
    this.#publisher = new Publisher(
      {
        ...parts,
        uploader: this.#uploader,
        nextPackNumber: () => parts.settings.next('pack number'),
        onFailure: () => assert(false, 'maintenance makes no changes that could fail'),
      },
      { keyring, readKeys },
      code,
    )
  }

  /** Of new originals. */
  get code(): Code {
    return this.#options.code
  }

  get totals(): MaintenanceTotals {
    return {
      bytesAdded: (this.#content?.sealedSize ?? 0) + this.#publisher.metadataAdded,
      bytesSent: this.#uploader.bytesSent,
    }
  }

  /**
   * @param work - makes new content, if there is any to make, and says how the root changes;
   *   `undefined` where there is nothing to do
   * @returns the sequence of the head, if one was published
   * @throws {NotSafeError} what was sent stays, and the next run may publish
   */
  async run(
    work: (content: NewObjects) => Promise<Rewrite | undefined>,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const { queue } = this.#parts
    try {
      await this.#publisher.finish(signal)
      this.#publisher.dropPlanned()
      await this.#uploader.resume((pack) => this.#forgetLost(pack), signal)
      await this.#uploader.giveUpRefused((pack) => this.#forgetLost(pack))
      queue.clear()
      const objects = new NewObjects(
        this.#sink(signal),
        this.#parts.compute,
        this.#options.readKeys,
        signal,
      )
      const rewrite = await work(objects)
      if (rewrite === undefined) return undefined
      return await this.#publisher.rewrite(rewrite, signal)
    } finally {
      await this.#content?.abandon()
      await this.#copier?.abandon()
      await this.#uploader.abandon()
      await this.#uploader.letGo()
    }
  }

  /** What was written was read back and is right: its copy here may go. */
  async verified(): Promise<void> {
    await this.#uploader.letGo()
  }

  /** Copies packs into new ones, for numbers to stand for once the head is published. */
  copier(signal: AbortSignal): PackCopier {
    const { settings, spool, moves } = this.#parts
    this.#copier = new PackCopier({
      spool,
      padKey: this.#options.readKeys.padKey,
      nextPackNumber: () => settings.next('pack number'),
      onPack: (pack, made) =>
        this.#uploader.submit(
          pack,
          () => {
            for (const move of made) moves.add(move)
          },
          signal,
        ),
    })
    return this.#copier
  }

  /**
   * Read copies back, and wait until they are safe.
   *
   * @returns why they are not safe: then they are given up, so that they stand in the way of nothing
   * @throws {BadCopyError}
   */
  async settleCopies(
    copier: PackCopier,
    source: StretchSource,
    signal: AbortSignal,
  ): Promise<NotSafeError | undefined> {
    try {
      await copier.flush()
      await copier.verify(source)
      await this.#uploader.settle(signal)
      return undefined
    } catch (error) {
      if (error instanceof NotSafeError) {
        await this.#giveUpCopies()
        return error
      }
      throw error
    }
  }

  async #giveUpCopies(): Promise<void> {
    const { database, packs, moves, spool } = this.#parts
    await this.#uploader.letGo()
    for (const target of inTransaction(database, () => moves.giveUp(packs))) {
      await spool.remove(target)
    }
  }

  #sink(signal: AbortSignal): ContentSink {
    const { settings, spool } = this.#parts
    this.#content = new ContentSink(
      {
        spool,
        nextPackNumber: () => settings.next('pack number'),
        find: (digest) => this.#fresh.find(digest),
        onSealed: (content) => this.#fresh.add(content),
        onPack: (pack) =>
          this.#uploader.submit(pack, () => this.#fresh.record(pack.number), signal),
      },
      this.#options.readKeys,
    )
    return this.#content
  }

  /** A pack that never became safe is gone from the spool: nothing rests on it any more. */
  #forgetLost(pack: PackRow): void {
    const { database, contents, packs, log } = this.#parts
    log.warn('spooled pack lost', { pack: pack.number })
    inTransaction(database, () => {
      contents.forgetPack(pack.number)
      packs.remove(pack.number)
    })
  }
}
