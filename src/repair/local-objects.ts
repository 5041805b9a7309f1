/**
 * Local objects: sealed objects made again from the files that they were made of.
 *
 * A file whose size and time of change are as the backupdb has them is believed; any other is read as well,
 * and what an object's key or the file's digest prove to be the same counts all the same. Memory holds a batch of contents
 * and of objects, 4 MiB each, or one object where that is larger.
 */

import { equal } from '../../protocol/bytes.ts'
import { assert } from '../base/assert.ts'
import { FilesError } from '../base/errors.ts'
import { unfilled } from '../codec/buffers.ts'
import type { codecs } from '../codec/codecs.ts'
import type { LocalContents, Resealed } from '../codec/reseal.ts'
import { objectKeyBytes } from '../codec/seal.ts'
import type { CodecRun, Compute } from '../ports/compute.ts'
import type { Files, FileStatus } from '../ports/files.ts'
import { fromKey, toPath } from '../source/path.ts'
import type { Contents } from '../store/contents.ts'
import type { Entries } from '../store/entries.ts'
import type { FilePart, LocalFile, NotedObject } from './local-content.ts'

const BATCH_COUNT_MAX = 256
const BATCH_SIZE_MAX = 4 * 1024 * 1024

/** Whole files up to this are read many at once, bytes. */
const SMALL_SIZE_MAX = 256 * 1024

const DIGEST_SIZE = 32
const SECRET_SIZE = 32

export interface LocalObjectsParts {
  readonly files: Pick<Files, 'open' | 'readSmall'>
  readonly compute: Compute<typeof codecs>
  readonly entries: Pick<Entries, 'get'>
  readonly contents: Pick<Contents, 'id'>
}

/** An object that was made again. */
export interface RemadeObject {
  readonly object: NotedObject
  /** A view, good until the next one is asked for. */
  readonly sealed: Uint8Array
  /** `sure`: its key or its digest says that the content is the same. */
  readonly sureness: 'likely' | 'sure'
}

/** An object, and one stretch of a file that may be its content. */
interface Try {
  readonly object: NotedObject
  readonly part: FilePart
}

/** What was read of a file, and whether it stood still and is as the backupdb has it. */
interface Read extends Try {
  readonly bytes: Uint8Array
  readonly isCalm: boolean
}

/**
 * @param contentSecret - what object keys are made from
 * @returns those objects that the files still give, in no particular order
 */
export async function* remakeObjects(
  parts: LocalObjectsParts,
  contentSecret: Uint8Array,
  objects: readonly NotedObject[],
  signal: AbortSignal,
): AsyncGenerator<RemadeObject> {
  const run = await parts.compute.open('reseal', { contentSecret })
  try {
    let left = objects
    for (let source = 0; left.length > 0; source += 1) {
      const tries = left.flatMap((object): Try[] => {
        const part = object.parts[source]
        return part === undefined ? [] : [{ object, part }]
      })
      const remade = new Set<NotedObject>()
      for (const batch of batches(tries)) {
        signal.throwIfAborted()
        for (const one of await resealBatch(parts, run, await readBatch(parts, batch))) {
          remade.add(one.object)
          yield one
        }
      }
      left = tries.flatMap(({ object }) => (remade.has(object) ? [] : [object]))
    }
    await run.close()
  } finally {
    run.cancel()
  }
}

async function resealBatch(
  parts: LocalObjectsParts,
  run: CodecRun<LocalContents, Resealed>,
  reads: readonly Read[],
): Promise<RemadeObject[]> {
  if (reads.length === 0) return []
  const bytes = unfilled(reads.reduce((sum, read) => sum + read.bytes.length, 0))
  const keys = new Uint8Array(reads.length * SECRET_SIZE)
  let at = 0
  for (const [index, read] of reads.entries()) {
    bytes.set(read.bytes, at)
    at += read.bytes.length
    keys.set(objectKeyBytes(read.object.key), index * SECRET_SIZE)
  }
  const sizes = reads.map((read) => read.bytes.length)
  const lengths = reads.map(({ object }) => object.length)
  const [resealed] = await run.push({ bytes, sizes, lengths, keys })
  assert(resealed !== undefined, 'one batch gives one result')
  return [...remadeOf(parts, reads, resealed)]
}

function* remadeOf(
  parts: LocalObjectsParts,
  reads: readonly Read[],
  { sealed, likeness, digests }: Resealed,
): Generator<RemadeObject> {
  let at = 0
  for (const [index, read] of reads.entries()) {
    const found = likeness[index]
    if (found === 'different') continue
    const { object } = read
    const bytes = sealed.subarray(at, at + object.length)
    at += object.length
    const digest = digests.subarray(index * DIGEST_SIZE, (index + 1) * DIGEST_SIZE)
    const sureness = found === 'same' ? 'sure' : surenessOf(parts, read, digest)
    if (sureness !== undefined) yield { object, sealed: bytes, sureness }
  }
}

/** Of an object that has another key than its content alone would give it: one of a run. */
function surenessOf(
  { entries, contents }: LocalObjectsParts,
  { part, isCalm }: Read,
  digest: Uint8Array,
): 'likely' | 'sure' | undefined {
  const { file } = part
  if (!file.isNewest) return undefined
  const known = entries.get(file.key)
  if (known === undefined || known.version !== file.version) return undefined
  const isWhole = part.size === file.size
  if (isWhole && known.content !== undefined) {
    return equal(contents.id(digest), known.content) ? 'sure' : undefined
  }
  return isCalm ? 'likely' : undefined
}

function* batches(tries: readonly Try[]): Generator<Try[]> {
  let batch: Try[] = []
  let size = 0
  for (const one of tries) {
    const isFull = batch.length >= BATCH_COUNT_MAX || size + one.part.size > BATCH_SIZE_MAX
    if (isFull && batch.length > 0) {
      yield batch
      batch = []
      size = 0
    }
    batch.push(one)
    size += one.part.size
  }
  if (batch.length > 0) yield batch
}

/** What cannot be read is left out. */
async function readBatch(parts: LocalObjectsParts, batch: readonly Try[]): Promise<Read[]> {
  const isSmall = ({ part }: Try) => part.size === part.file.size && part.size <= SMALL_SIZE_MAX
  const reads = await readWhole(parts, batch.filter(isSmall))
  // Objects of one file lie together, so each file is opened once for a batch.
  const others = Map.groupBy(
    batch.filter((one) => !isSmall(one)),
    ({ part }) => part.file,
  )
  for (const [file, tries] of others) reads.push(...(await readParts(parts, file, tries)))
  return reads
}

async function readWhole(parts: LocalObjectsParts, tries: readonly Try[]): Promise<Read[]> {
  if (tries.length === 0) return []
  const requests = tries.map(({ part: { file } }) => ({ path: pathOf(file), size: file.size }))
  const { bytes, files } = await parts.files.readSmall(requests)
  return tries.flatMap((one, index): Read[] => {
    const found = files[index]
    if (found === undefined) return []
    const { file, size } = one.part
    const content = bytes.subarray(found.offset, found.offset + size)
    return [{ ...one, bytes: content, isCalm: isAsKnown(parts, file, found.status) }]
  })
}

async function readParts(
  parts: LocalObjectsParts,
  file: LocalFile,
  tries: readonly Try[],
): Promise<Read[]> {
  const reads: Omit<Read, 'isCalm'>[] = []
  try {
    const open = await parts.files.open(pathOf(file))
    try {
      const before = await open.status()
      for (const one of tries) {
        const bytes = await open.read(one.part.offset, one.part.size)
        if (bytes.length === one.part.size) reads.push({ ...one, bytes })
      }
      const after = await open.status()
      const isCalm = isAsKnown(parts, file, before) && isAsKnown(parts, file, after)
      return reads.map((read) => ({ ...read, isCalm }))
    } finally {
      await open.close()
    }
  } catch (error) {
    if (!(error instanceof FilesError)) throw error
    return []
  }
}

/**
 * Whether size and time of change are as the backupdb has them. Owner, mode, inode and `ctime` may differ:
 * a file that was restored has its own, and to be wrong costs bytes only.
 */
function isAsKnown({ entries }: LocalObjectsParts, file: LocalFile, found: FileStatus): boolean {
  const known = entries.get(file.key)
  if (known === undefined || found.kind !== 'file' || known.size !== found.size) return false
  const { seconds, nanoseconds } = known.mtime
  return seconds === found.mtime.seconds && nanoseconds === found.mtime.nanoseconds
}

function pathOf({ key }: LocalFile): Uint8Array {
  return toPath(fromKey(key))
}
