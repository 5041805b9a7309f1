/**
 * Companions: a database and the files beside it enter a snapshot together.
 *
 * The scan sees files one by one: a log that grew while its database's own file did not, or a file that is
 * made for the snapshot and was never on disk. Before and while the queue is drained, what belongs
 * together is put together.
 */

import { concat, equal, toHex, utf8 } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { toEntryStatus } from '../base/entry-status.ts'
import type { FileTime } from '../ports/files.ts'
import { fromKey, pathToKey, toPath } from '../source/path.ts'
import type { SafeSources } from '../source/safe-sources.ts'
import type { Companion } from '../source/adapters/source-adapter.ts'
import type { Contents } from '../store/contents.ts'
import type { Entries } from '../store/entries.ts'
import type { Queue, QueueRow } from '../store/queue.ts'

export interface CompanionsParts {
  readonly sources?: SafeSources | undefined
  readonly queue: Queue
  readonly entries: Entries
  readonly contents: Pick<Contents, 'id'>
}

export interface CompanionsOptions {
  /** Whether a path belongs to what is backed up. */
  readonly isCovered: (path: Uint8Array) => boolean
}

/** A companion to be read. */
export interface CompanionRow {
  readonly row: QueueRow
  /** Its change time as it was known before its database was read. */
  readonly ctime: FileTime | undefined
}

export class Companions {
  readonly #parts: CompanionsParts
  readonly #options: CompanionsOptions
  readonly #kept = new Set<string>()

  constructor(parts: CompanionsParts, options: CompanionsOptions) {
    this.#parts = parts
    this.#options = options
  }

  /** Queue each database that only its companions show to have changed. */
  async pair(): Promise<void> {
    const { sources, queue } = this.#parts
    if (sources === undefined) return
    for (const { key } of queue.beside()) await this.#keepOrDrop(sources, key)
    for (const suffix of sources.suffixes.map(utf8)) {
      for (const row of queue.endingIn(suffix, 'waiting')) await this.#pairBase(sources, row)
    }
    for (const suffix of sources.madeSuffixes.map(utf8)) {
      for (const { key } of queue.endingIn(suffix, 'gone')) {
        const base = await this.#baseKey(sources, key)
        if (base === undefined) continue
        // It is missing on disk because it was made for a snapshot, not because somebody removed it.
        queue.drop(key)
        // What an earlier run made of it is forgotten with the row, so both are made again.
        const queued = queue.get(base)
        if (queued?.state === 'done') queue.addBeside(base, queued.status)
      }
    }
  }

  /** @returns the companions that must be read now that their database was; each is queued */
  async *with(path: Uint8Array): AsyncGenerator<CompanionRow> {
    const { sources, queue, entries } = this.#parts
    for (const companion of (await sources?.companions(path)) ?? []) {
      const key = pathToKey(companion.path)
      if (!this.#options.isCovered(companion.path) || this.#isAsKept(key, companion)) continue
      const status = toEntryStatus(companion.status)
      if (status === undefined) continue
      const before = queue.get(key)?.status ?? entries.get(key)
      queue.addBeside(key, status)
      this.#kept.add(toHex(key))
      const row = queue.get(key)
      if (row !== undefined) yield { row, ctime: before?.ctime }
    }
  }

  /** @returns whether a row was read with its database already */
  wasKept(key: Uint8Array): boolean {
    return this.#kept.size > 0 && this.#kept.has(toHex(key))
  }

  /** A row of an earlier run is of use as long as that is which it was added for. */
  async #keepOrDrop(sources: SafeSources, key: Uint8Array): Promise<void> {
    const { queue } = this.#parts
    const others = sources.suffixes.map((suffix) => concat(key, utf8(suffix)))
    const base = await this.#baseKey(sources, key)
    if (base !== undefined) others.push(base)
    if (!others.some((other) => queue.get(other) !== undefined)) queue.drop(key)
  }

  async #pairBase(sources: SafeSources, row: QueueRow): Promise<void> {
    const { queue, entries } = this.#parts
    const key = await this.#baseKey(sources, row.key)
    if (key === undefined) return
    const queued = queue.get(key)
    if (queued?.state === 'waiting') return
    const status = queued?.status ?? entries.get(key)
    if (status !== undefined) queue.addBeside(key, status)
    // The database is no part of this backup, so its journal is all there is of it.
    else sources.leave(toPath(fromKey(row.key)))
  }

  async #baseKey(sources: SafeSources, key: Uint8Array): Promise<Uint8Array | undefined> {
    const base = await sources.baseOf(toPath(fromKey(key)))
    return base === undefined ? undefined : pathToKey(base)
  }

  /** @returns whether the snapshot has no bytes of it, as it should be, or will have none */
  #isAsKept(key: Uint8Array, { isEmpty }: Companion): boolean {
    if (!isEmpty) return false
    const { queue, entries, contents } = this.#parts
    if (queue.get(key)?.state === 'waiting') return true
    const content = entries.get(key)?.content
    return content !== undefined && equal(content, contents.id(sha256(new Uint8Array(0))))
  }
}
