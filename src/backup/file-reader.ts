/**
 * The file reader: one file becomes a new version, as a delta where that is clearly smaller, as an
 * original otherwise.
 *
 * All that is known of a version (digest, chunks or delta, signature) comes from one pass over the
 * file. Each further attempt is a pass of its own: when a delta turns out too large, when a file of
 * the same size is stored as a chain and turns out to be another, or when the file changed while it
 * was read.
 */

import type { Version, VersionLabel } from '../../protocol/tree.ts'
import type { Hole, Xattr } from '../../protocol/file-extras.ts'
import { sha256 } from '../../protocol/hash.ts'
import { assert } from '../base/assert.ts'
import { FilesError } from '../base/errors.ts'
import { formatBytes } from '../base/size-words.ts'
import { CHAIN_LENGTH_LIMIT } from '../history/chain-bounds.ts'
import { codecs, type FileDigest, type OriginalOutput } from '../codec/codecs.ts'
import type {
  Codec,
  CodecInput,
  CodecOutput,
  CodecParams,
  CodecRun,
  Compute,
} from '../ports/compute.ts'
import type { Clock } from '../ports/clock.ts'
import type { FileReader as OpenFile, Files, FileStatus } from '../ports/files.ts'
import type { SafeSources } from '../source/safe-sources.ts'
import type { EntryRow } from '../store/entries.ts'
import type { Signatures } from '../store/signatures.ts'
import type { DeltaBuffer } from './delta-buffer.ts'
import { copyFile } from './file-copy.ts'
import type { ObjectWriter, Slot } from './object-writer.ts'
import { HOLES_ASKED } from './file-details.ts'
import { blockSizeFor, isDeltaWorth, mayBeDelta } from './delta-policy.ts'
import { racyForMs } from './racy.ts'
import { isSameState } from './same-state.ts'

/** Bytes asked of the system at a time. */
const READ_SIZE = 1024 * 1024

/** Files up to this are worked on here: a trip to a worker would cost more. */
const INLINE_SIZE_MAX = 256 * 1024

/** Attempts at a file that changes while it is read; then it is copied. */
const ATTEMPTS_MAX = 2

/** Zeros of holes in one file: an hour's work and more. */
const HOLES_SIZE_MAX = 2 ** 40

/** Holes that are added up of a file that is larger than that. */
const HOLES_LOOKED_AT = 100_000

/** What reading one file gave. */
export interface ReadVersion {
  readonly status: FileStatus
  readonly label: VersionLabel
  /** Whether the file held still while it was read, or at last while its copy was. */
  readonly isCalm: boolean
  readonly digest: Uint8Array
  readonly size: number
  readonly signature: Uint8Array | undefined
  readonly content: ReadContent
  readonly xattrs: readonly Xattr[]
  /** Up to `HOLES_ASKED`. */
  readonly holes: readonly Hole[]
  /** What kept something beside the content from being read. */
  readonly trouble?: FilesError | undefined
}

export type ReadContent =
  /** Byte for byte the newest version. */
  | { readonly type: 'unchanged' }
  /** Byte for byte the newest version of another path, which is stored as a chain; original first. */
  | { readonly type: 'copy'; readonly of: EntryRow; readonly chain: readonly Version[] }
  /** `sizes`: bytes of the file in each object */
  | {
      readonly type: 'original'
      readonly slots: readonly Slot[]
      readonly sizes: readonly number[]
    }
  | { readonly type: 'delta'; readonly slots: readonly Slot[] }

export interface FileReaderParts {
  readonly clock: Clock
  readonly files: Files
  /** Who knows a kind of file decides its bytes. */
  readonly sources?: Pick<SafeSources, 'open'> | undefined
  readonly compute: Compute<typeof codecs>
  readonly writer: Pick<ObjectWriter, 'write' | 'writeContent'>
  readonly signatures: Signatures
  readonly deltaBuffer: DeltaBuffer
  /** Called before each piece of a file is read: a heartbeat within large files. */
  readonly onRead: () => void
  /** A file up to this, bytes, is copied if it does not hold still. */
  readonly copySizeMax: number
  /** The keyed id that stands for these bytes in local state. */
  readonly contentId: (digest: Uint8Array) => Uint8Array
  /** Whether some file of this size is stored as a chain of deltas. */
  readonly hasChainedOfSize: (size: number) => boolean
  readonly findContent: (content: Uint8Array) => EntryRow | undefined
  /** The newest version of a path with all it rests on; `undefined` if that cannot be read. */
  readonly chainOf: (entry: EntryRow) => Promise<readonly Version[] | undefined>
}

export interface FileSecrets {
  readonly cutKey: Uint8Array
  readonly contentSecret: Uint8Array
}

type Content = Omit<ReadVersion, 'status' | 'label' | 'isCalm' | 'xattrs' | 'holes' | 'trouble'>

export interface FileToRead {
  /** The path as the last snapshot has it. */
  readonly known: EntryRow | undefined
  /** The file is known to change all the time: it is copied at once. */
  readonly isHot?: boolean
  /** Gives what was read already under another name. */
  readonly linked?: (status: FileStatus) => Promise<ReadVersion | undefined>
}

/** A file, or a copy of it. */
type ContentSource = Pick<OpenFile, 'read'>

export class FileReader {
  readonly #parts: FileReaderParts
  readonly #secrets: FileSecrets
  /** Bytes read from the person's files. */
  bytesRead = 0
  /** Bytes of the file under way read in this attempt. */
  bytesOfFile = 0

  constructor(parts: FileReaderParts, { cutKey, contentSecret }: FileSecrets) {
    this.#parts = parts
    this.#secrets = { cutKey, contentSecret }
  }

  /**
   * @throws {FilesError} the file cannot be read, or is gone, or is no regular file any more
   */
  async read(
    path: Uint8Array,
    { known, isHot = false, linked = async () => undefined }: FileToRead,
    signal: AbortSignal,
  ): Promise<ReadVersion> {
    const safe = await this.#readSafe(path, known, signal)
    if (safe !== undefined) return safe
    const file = await this.#parts.files.open(path)
    try {
      if (isHot) {
        const status = await file.status()
        await assertReadable(file, status)
        return (await linked(status)) ?? (await this.#readCopy(file, known, undefined, signal))
      }
      for (let attempt = 1; ; attempt += 1) {
        const before = await this.#settled(file, signal)
        if (before.kind !== 'file') throw new FilesError('EINVAL', 'not a regular file any more')
        await assertReadable(file, before)
        const same = await linked(before)
        if (same !== undefined) return same
        const content = await this.#attempt(file, before, known, signal)
        const more = await seeMore(file)
        const after = await file.status()
        const isCalm = isSameState(before, after) && content.size === after.size
        const label = attempt === 1 ? 'stable' : 'retried'
        if (isCalm) return { ...content, ...more, status: after, label, isCalm }
        // What was read is what is kept, and the label says that it may never have been whole.
        const fuzzy = { ...content, ...more, status: after, label: 'fuzzy', isCalm } as const
        if (attempt === ATTEMPTS_MAX) return await this.#readCopy(file, known, fuzzy, signal)
      }
    } finally {
      await file.close()
      await this.#parts.deltaBuffer.reset()
    }
  }

  /** @returns undefined if no adapter has the file's bytes */
  async #readSafe(
    path: Uint8Array,
    known: EntryRow | undefined,
    signal: AbortSignal,
  ): Promise<ReadVersion | undefined> {
    for (;;) {
      const source = await this.#parts.sources?.open(path, signal)
      if (source === undefined) return undefined
      try {
        const isNew = known !== undefined && source.isNew?.(known) === true
        const base = isNew ? { ...known, chainLength: CHAIN_LENGTH_LIMIT } : known
        const content = await this.#attempt(source, await source.status(), base, signal)
        const status = source.recorded
        if (!(await source.isWhole())) continue
        const xattrs = await this.#parts.files.xattrs(path)
        return { ...content, xattrs, holes: [], status, label: 'app-consistent', isCalm: true }
      } finally {
        await source.close()
        await this.#parts.deltaBuffer.reset()
      }
    }
  }

  /**
   * Copy the file, and read the copy.
   *
   * @param fuzzy - what there is if no copy can be had; if absent, the file is read once as it is
   */
  async #readCopy(
    file: OpenFile,
    known: EntryRow | undefined,
    fuzzy: ReadVersion | undefined,
    signal: AbortSignal,
  ): Promise<ReadVersion> {
    const onRead = (size: number): void => {
      this.bytesOfFile = size
      this.#parts.onRead()
    }
    const sizeMax = this.#parts.copySizeMax
    const copy = await copyFile(this.#parts.files, file, { sizeMax, onRead }, signal)
    if (copy === undefined) {
      if (fuzzy !== undefined) return fuzzy
      const before = await file.status()
      const content = await this.#attempt(file, before, known, signal)
      const more = await seeMore(file)
      const status = await file.status()
      const isCalm = isSameState(before, status) && content.size === status.size
      return { ...content, ...more, status, label: isCalm ? 'stable' : 'fuzzy', isCalm }
    }
    try {
      const status = { ...copy.status, size: copy.size }
      const content = await this.#attempt(copy, status, known, signal)
      const more = await seeMore(file)
      const isCalm = isSameState(copy.status, await file.status())
      return { ...content, ...more, status, label: copy.isCalm ? 'copied' : 'fuzzy', isCalm }
    } finally {
      await copy.close()
    }
  }

  /**
   * A file that changed just now may change again within the same tick of its clock, and look the same: what
   * is read after the tick is safe from that.
   */
  async #settled(file: OpenFile, signal: AbortSignal): Promise<FileStatus> {
    const { clock } = this.#parts
    const status = await file.status()
    const ms = racyForMs(status.ctime, clock.now())
    if (ms === 0) return status
    await clock.sleep(ms, signal)
    return await file.status()
  }

  async #attempt(
    file: ContentSource,
    status: FileStatus,
    known: EntryRow | undefined,
    signal: AbortSignal,
  ): Promise<Content> {
    const base =
      known?.content === undefined ? undefined : this.#parts.signatures.get(known.content)
    if (base !== undefined && known !== undefined && mayBeDelta(known, status.size)) {
      const delta = await this.#delta(file, status, { known, signature: base }, signal)
      if (delta !== undefined) return delta
    }
    if (status.size > 0 && this.#parts.hasChainedOfSize(status.size)) {
      const copy = await this.#copy(file, status, known, signal)
      if (copy !== undefined) return copy
    }
    return this.#original(file, status, known, signal)
  }

  /** @returns undefined if the delta is not clearly smaller than the file */
  async #delta(
    file: ContentSource,
    status: FileStatus,
    base: { known: EntryRow; signature: Uint8Array },
    signal: AbortSignal,
  ): Promise<Content | undefined> {
    const { deltaBuffer, writer } = this.#parts
    const blockSize = blockSizeFor(status.size)
    if (blockSize === null) return undefined
    await deltaBuffer.reset()
    const params = { signature: base.signature, blockSize }
    const run = await this.#open('delta', params, status.size)
    try {
      for await (const bytes of this.#blocks(file, status.size, signal)) {
        for (const output of await run.push(bytes)) {
          if (output.type !== 'delta') continue
          await deltaBuffer.append(output.bytes)
          if (!isDeltaWorth(deltaBuffer.size, status.size)) return undefined
        }
      }
      for (const output of await run.close()) {
        if (output.type === 'delta') {
          await deltaBuffer.append(output.bytes)
          continue
        }
        const { size, digest, signature } = output
        const known = { size, digest, signature }
        if (this.#isUnchanged(base.known, digest))
          return { ...known, content: { type: 'unchanged' } }
        const isWorth =
          isDeltaWorth(deltaBuffer.size, size) &&
          mayBeDelta(base.known, size, { deltaSize: deltaBuffer.size })
        if (!isWorth) return undefined
        const slots: Slot[] = []
        for await (const part of deltaBuffer.parts()) {
          slots.push(await writer.write('delta', part, sha256(part)))
        }
        return { ...known, content: { type: 'delta', slots } }
      }
      return undefined
    } finally {
      run.cancel()
    }
  }

  /** @returns undefined if no path's newest version has these bytes as a chain */
  async #copy(
    file: ContentSource,
    status: FileStatus,
    known: EntryRow | undefined,
    signal: AbortSignal,
  ): Promise<Content | undefined> {
    const run = await this.#open('digest', {}, status.size)
    let end: FileDigest | undefined
    try {
      for await (const bytes of this.#blocks(file, status.size, signal)) await run.push(bytes)
      end = (await run.close())[0]
    } finally {
      run.cancel()
    }
    assert(end !== undefined, 'a digest ends with a digest')
    if (this.#isUnchanged(known, end.digest)) {
      return { ...end, signature: undefined, content: { type: 'unchanged' } }
    }
    const of = this.#parts.findContent(this.#parts.contentId(end.digest))
    if (of === undefined || of.chainLength === 0) return undefined
    const chain = await this.#parts.chainOf(of)
    if (chain === undefined) return undefined
    return { ...end, signature: undefined, content: { type: 'copy', of, chain } }
  }

  async #original(
    file: ContentSource,
    status: FileStatus,
    known: EntryRow | undefined,
    signal: AbortSignal,
  ): Promise<Content> {
    const blockSize = blockSizeFor(status.size)
    const run = await this.#open('original', { ...this.#secrets, blockSize }, status.size)
    const { writer } = this.#parts
    const slots: Slot[] = []
    const sizes: number[] = []
    const write = async (outputs: readonly OriginalOutput[]) => {
      for (const output of outputs) {
        if (output.type !== 'object') continue
        sizes.push(output.size)
        slots.push(await writer.writeContent(output))
      }
    }
    let outputs: readonly OriginalOutput[] = []
    try {
      for await (const bytes of this.#blocks(file, status.size, signal)) {
        // While a worker is busy with this block, what it made of the one before is written.
        const pushed = run.push(bytes)
        // A failure is told when its turn comes.
        pushed.catch(() => undefined)
        await write(outputs)
        outputs = await pushed
      }
      await write(outputs)
      for (const output of await run.close()) {
        if (output.type === 'object') {
          sizes.push(output.size)
          slots.push(await writer.writeContent(output))
          continue
        }
        const { size, digest, signature } = output
        const isUnchanged = this.#isUnchanged(known, digest)
        const content: ReadContent = isUnchanged
          ? { type: 'unchanged' }
          : { type: 'original', slots, sizes }
        return { size, digest, signature, content }
      }
    } finally {
      run.cancel()
    }
    return assert(false, 'an original ends with its digest') as never
  }

  /** Small files are worked on here. */
  async #open<Name extends keyof typeof codecs>(
    codec: Name,
    params: CodecParams<(typeof codecs)[Name]>,
    size: number,
  ): Promise<CodecRun<CodecInput<(typeof codecs)[Name]>, CodecOutput<(typeof codecs)[Name]>>> {
    if (size > INLINE_SIZE_MAX) return this.#parts.compute.open(codec, params)
    const make = codecs[codec] as (params: unknown) => Codec<never, never>
    return runInline(make(params))
  }

  /**
   * The file's bytes in order; while one block is worked on, the next is being read.
   *
   * @param size - as the file said before: what asks for the right amount, and bounds nothing
   */
  async *#blocks(
    file: ContentSource,
    size: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    let next = readBlock(file, 0, size)
    try {
      for (let offset = 0; ;) {
        signal.throwIfAborted()
        this.bytesOfFile = offset
        this.#parts.onRead()
        const { bytes, isEnd } = await next
        // Whoever takes the bytes may move them to a worker: afterwards they have no length any more.
        offset += bytes.length
        this.bytesRead += bytes.length
        if (!isEnd) {
          next = readBlock(file, offset, size)
          // A failure is told when its turn comes.
          next.catch(() => undefined)
        }
        if (bytes.length > 0) yield bytes
        if (isEnd) return
      }
    } finally {
      await next.catch(() => undefined)
    }
  }

  #isUnchanged(known: EntryRow | undefined, digest: Uint8Array): boolean {
    if (known?.content === undefined) return false
    const id = this.#parts.contentId(digest)
    return known.content.every((byte, index) => byte === id[index])
  }
}

/** Content counts for more than what is beside it: that may be missing, and is told. */
async function seeMore(file: OpenFile): Promise<Pick<ReadVersion, 'xattrs' | 'holes' | 'trouble'>> {
  const holes = await file.holes(HOLES_ASKED)
  try {
    return { xattrs: await file.xattrs(), holes }
  } catch (error) {
    if (!(error instanceof FilesError)) throw error
    return { xattrs: [], holes, trouble: error }
  }
}

/**
 * Holes are not read, and yet hashed as the zeros that they are: petabytes of them would take days.
 *
 * @throws {FilesError} EFBIG
 */
async function assertReadable(file: OpenFile, { size }: FileStatus): Promise<void> {
  if (size <= HOLES_SIZE_MAX) return
  const holes = await file.holes(HOLES_LOOKED_AT)
  const total = holes.reduce((sum, hole) => sum + hole.size, 0)
  if (total <= HOLES_SIZE_MAX) return
  throw new FilesError(
    'EFBIG',
    `${formatBytes(total)} of its ${formatBytes(size)} are holes, and up to ${formatBytes(HOLES_SIZE_MAX)} ` +
      'are kept: it is left out',
  )
}

async function readBlock(
  file: ContentSource,
  offset: number,
  size: number,
): Promise<{ bytes: Uint8Array; isEnd: boolean }> {
  // One byte more than is left: a short answer then is the end, without asking again.
  const length = offset > size ? READ_SIZE : Math.min(READ_SIZE, size - offset + 1)
  const bytes = await file.read(offset, length)
  return { bytes, isEnd: bytes.length < length }
}

function runInline<Input, Output>(codec: Codec<Input, Output>): CodecRun<Input, Output> {
  return {
    push: async (input) => codec.push(input),
    close: async () => codec.close(),
    cancel: () => undefined,
  }
}
