/**
 * Small files, restored in batches: fetched together, opened by one call of a worker, written by one
 * call of another. A file by itself would cost several times as much.
 */

import { FILE_EXTRA } from '../../protocol/file-extras.ts'
import { OBJECT_OVERHEAD } from '../../protocol/object.ts'
import { assert } from '../base/assert.ts'
import { CairnError } from '../base/errors.ts'
import { Mutex } from '../base/mutex.ts'
import { unfilled } from '../codec/buffers.ts'
import type { codecs } from '../codec/codecs.ts'
import {
  openSealedFiles,
  packSealedFiles,
  type OpenedFiles,
  type SealedFile,
  type SealedFiles,
} from '../codec/open-files.ts'
import type { SealedSource } from '../history/objects.ts'
import type { CodecRun, Compute } from '../ports/compute.ts'
import type { Target } from './target.ts'
import type { WantedEntry } from './wanted.ts'

/** Largest file that is restored in a batch, bytes: it is in memory some four times. */
const FILE_SIZE_MAX = 512 * 1024

/** A batch is full from here on; bytes sealed and open together. */
const BATCH_SIZE = 2 * 1024 * 1024
const BATCH_COUNT = 256

const BY_ITSELF: readonly number[] = [FILE_EXTRA.linked, FILE_EXTRA.holes]

/** Bytes of files that are opened right here: to start a worker costs as much processor time. */
const INLINE_SIZE = 4 * 1024 * 1024

export interface SmallFilesParts {
  readonly source: SealedSource
  readonly compute: Compute<typeof codecs>
  readonly target: Target
}

/** What became of a file. `unopened`: the bytes at hand are not its content; others may be. */
export type Restored = 'restored' | 'unopened' | CairnError

/** A file that fits a batch. */
export interface SmallEntry {
  readonly found: WantedEntry
  readonly file: SealedFile
}

/** @returns nothing for what is no file, is large, or is not whole in itself */
export function smallEntry(found: WantedEntry): SmallEntry | undefined {
  const { span, version } = found.entry
  if (span.what.kind !== 'file' || version?.content.type !== 'original') return undefined
  // What was sparse, or one of several names, takes more than a batch can do.
  if (span.attributes.extra.some(({ type }) => BY_ITSELF.includes(type))) return undefined
  const { size, digest, content } = version
  const { depth, references } = content.parts
  if (depth > 0 || size > FILE_SIZE_MAX) return undefined
  const file = { references, size, digest }
  // Whoever wrote the tree must not get more room than the file's own size.
  return sealedSize(file) <= size + references.length * OBJECT_OVERHEAD
    ? { found, file }
    : undefined
}

/** Files gathered until they are worth a call. */
export class SmallFilesBatch {
  readonly entries: SmallEntry[] = []
  #size = 0

  add(entry: SmallEntry): void {
    this.entries.push(entry)
    this.#size += sealedSize(entry.file) + entry.file.size
  }

  get isFull(): boolean {
    return this.#size >= BATCH_SIZE || this.entries.length >= BATCH_COUNT
  }
}

export class SmallFiles {
  readonly #parts: SmallFilesParts
  readonly #turns = new Mutex()
  #size = 0
  #run: CodecRun<SealedFiles, OpenedFiles> | undefined

  constructor(parts: SmallFilesParts) {
    this.#parts = parts
  }

  /** @returns what became of each, in order */
  async restore(entries: readonly SmallEntry[]): Promise<Restored[]> {
    const sealed = unfilled(entries.reduce((sum, { file }) => sum + sealedSize(file), 0))
    const troubles = await this.#fetch(entries, sealed)
    const { bytes, offsets } = await this.#open(
      entries.map(({ file }) => file),
      sealed,
    )
    const opened = entries.flatMap(({ found, file }, index) => {
      const offset = offsets[index] ?? -1
      if (offset < 0 || troubles[index] !== undefined) return []
      const { attributes } = found.entry.span
      return [{ index, names: found.target, attributes, offset, size: file.size }]
    })
    const results: Restored[] = entries.map((_, index) => troubles[index] ?? 'unopened')
    const failures = await this.#parts.target.smallFiles(opened, bytes)
    for (const [at, { index }] of opened.entries()) results[index] = failures[at] ?? 'restored'
    return results
  }

  /** End the run in the worker. */
  close(): void {
    this.#run?.cancel()
    this.#run = undefined
  }

  /** All are asked for before any is waited for: what they share is fetched once. */
  #fetch(
    entries: readonly SmallEntry[],
    sealed: Uint8Array,
  ): Promise<readonly (CairnError | undefined)[]> {
    let at = 0
    return Promise.all(
      entries.map(({ file: { references } }) =>
        troubleOf(
          references.map((reference) => {
            at += reference.length
            const place = sealed.subarray(at - reference.length, at)
            return this.#parts.source.readSealed(reference, place)
          }),
        ),
      ),
    )
  }

  #open(files: readonly SealedFile[], sealed: Uint8Array): Promise<OpenedFiles> {
    return this.#turns.run(async () => {
      this.#size += sealed.length
      const batch = packSealedFiles(files, sealed)
      if (this.#size <= INLINE_SIZE) return openSealedFiles(batch)
      this.#run ??= await this.#parts.compute.open('openFiles', {})
      const [opened] = await this.#run.push(batch)
      assert(opened !== undefined, 'one batch gives one result')
      return opened
    })
  }
}

function sealedSize({ references }: SealedFile): number {
  return references.reduce((sum, { length }) => sum + length, 0)
}

/** @returns the first trouble, once all have come to their end */
async function troubleOf(steps: readonly Promise<void>[]): Promise<CairnError | undefined> {
  const ends = await Promise.allSettled(steps)
  const failed = ends.find((end) => end.status === 'rejected')
  if (failed === undefined) return undefined
  if (failed.reason instanceof CairnError) return failed.reason
  throw failed.reason
}
