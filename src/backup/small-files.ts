/**
 * Small files: most of a laptop's files, read and prepared many at a time.
 *
 * A batch is read in one go and becomes objects in one trip to a worker, while the batch before it is
 * being written. What is not simple (changed meanwhile, unreadable, another size, a database) is left to the file
 * reader, which takes one at a time.
 */

import type { Xattr } from '../../protocol/file-extras.ts'
import { assert } from '../base/assert.ts'
import { Mutex } from '../base/mutex.ts'
import type { codecs } from '../codec/codecs.ts'
import {
  SMALL_SIZE_MAX,
  type PreparedOriginals,
  type SmallOriginals,
} from '../codec/small-originals.ts'
import type { CodecRun, Compute } from '../ports/compute.ts'
import type { Files, FileStatus } from '../ports/files.ts'
import type { SafeSources } from '../source/safe-sources.ts'
import { blockSizeFor } from './delta-policy.ts'

const BATCH_COUNT_MAX = 256
const BATCH_SIZE_MAX = 2 * 1024 * 1024

export interface SmallFilesParts {
  readonly files: Pick<Files, 'readSmall'>
  readonly compute: Compute<typeof codecs>
  readonly sources?: Pick<SafeSources, 'claims'> | undefined
}

/** A file to be read. */
export interface SmallItem {
  readonly path: Uint8Array
  /** Bytes, as the scan saw it; up to `SMALL_SIZE_MAX`. */
  readonly size: number
}

/** A file as one object, prepared. */
export interface PreparedFile {
  readonly status: FileStatus
  readonly xattrs: readonly Xattr[]
  /** SHA-256 of its bytes. */
  readonly digest: Uint8Array
  readonly signature: Uint8Array | undefined
  /** Header and body as they will be encrypted, and the SHA-256 of that. */
  readonly plain: Uint8Array
  readonly plainDigest: Uint8Array
}

/** @returns whether a batch of these has room for one more */
export function hasRoom(items: readonly SmallItem[], size: number): boolean {
  const total = items.reduce((sum, item) => sum + item.size, size)
  return items.length < BATCH_COUNT_MAX && total <= BATCH_SIZE_MAX
}

export class SmallFiles {
  readonly #parts: SmallFilesParts
  readonly #turns = new Mutex()
  #run: CodecRun<SmallOriginals, PreparedOriginals> | undefined
  /** Bytes read from the person's files. */
  bytesRead = 0

  constructor(parts: SmallFilesParts) {
    this.#parts = parts
  }

  /** @returns for each item its object, `undefined` for what must be read by itself */
  async read(items: readonly SmallItem[]): Promise<(PreparedFile | undefined)[]> {
    assert(
      items.every(({ size }) => size <= SMALL_SIZE_MAX),
      'only small files make a batch',
    )
    const { bytes, files } = await this.#parts.files.readSmall(
      items.map(({ path, size }) => ({ path, size })),
    )
    const read = items.flatMap((item, index) => {
      const file = files[index]
      if (file === undefined) return []
      const own = bytes.subarray(file.offset, file.offset + item.size)
      if (this.#parts.sources?.claims(item.path, own) === true) return []
      return [{ ...item, ...file, index }]
    })
    const wanted = read.map(({ offset, size }) => {
      this.bytesRead += size
      return { offset, size, blockSize: blockSizeFor(size) }
    })
    const prepared = await this.#prepare({ bytes, files: wanted })

    const results: (PreparedFile | undefined)[] = items.map(() => undefined)
    let plainEnd = 0
    for (const [order, { index, status, xattrs }] of read.entries()) {
      const file = prepared.files[order]
      assert(file !== undefined, 'every file asked for is prepared')
      const digestAt = order * 64
      results[index] = {
        status,
        xattrs,
        digest: prepared.digests.subarray(digestAt, digestAt + 32),
        signature: file.signature,
        plain: prepared.plains.subarray(plainEnd, plainEnd + file.plainSize),
        plainDigest: prepared.digests.subarray(digestAt + 32, digestAt + 64),
      }
      plainEnd += file.plainSize
    }
    return results
  }

  /** End the run in the worker. */
  close(): void {
    this.#run?.cancel()
    this.#run = undefined
  }

  #prepare(input: SmallOriginals): Promise<PreparedOriginals> {
    return this.#turns.run(async () => {
      this.#run ??= await this.#parts.compute.open('smallOriginals', {})
      const [prepared] = await this.#run.push(input)
      assert(prepared !== undefined, 'one batch gives one result')
      return prepared
    })
  }
}
