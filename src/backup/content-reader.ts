/**
 * The content reader: bytes become the content of a version, as a delta where that is clearly smaller, as an
 * original otherwise.
 *
 * All that is known of a version (digest, chunks or delta, signature) comes from one pass over the
 * bytes. Each further attempt is a pass of its own: when a delta turns out too large, or when a file of
 * the same size is stored as a chain and turns out to be another.
 *
 * Of a file that only grew the end alone may be asked for: then what was stored of it before is trusted
 * (docs/adr/0093-quick.md).
 */

import type { Version } from '../../protocol/tree.ts'
import { sha256 } from '../../protocol/hash.ts'
import { assert } from '../base/assert.ts'
import {
  codecs,
  type DigestOutput,
  type DigestParams,
  type OriginalOutput,
} from '../codec/codecs.ts'
import { signatureHead } from '../codec/rdiff-signature.ts'
import { hashedSize, openSha256 } from '../codec/resumable-sha256.ts'
import type {
  Codec,
  CodecInput,
  CodecOutput,
  CodecParams,
  CodecRun,
  Compute,
} from '../ports/compute.ts'
import type { FileReader as OpenFile, FileStatus, FileTime } from '../ports/files.ts'
import type { EntryRow } from '../store/entries.ts'
import type { Signatures, Tail } from '../store/signatures.ts'
import type { DeltaBuffer } from './delta-buffer.ts'
import type { ObjectWriter, Slot } from './object-writer.ts'
import { blockSizeFor, isDeltaWorth, mayBeDelta } from './delta-policy.ts'

/** Bytes asked of the system at a time. */
const READ_SIZE = 1024 * 1024

/** Files up to this are worked on here: a trip to a worker would cost more. */
const INLINE_SIZE_MAX = 256 * 1024

/**
 * Files from this size on can be gone on with from their ends, where they only grow. Smaller ones are read in no
 * time, and are signed in blocks of other sizes.
 */
export const GROWN_SIZE_MIN = 1024 * 1024

/** Of an original, which is all that a version brought, so much of its end stands for it. */
const END_SIZE = 1024 * 1024

/** A version that brought less than this is compared with more than it brought. */
const CHECKED_SIZE_MIN = 64 * 1024

/** What one pass over a file gave. */
export interface FileContent {
  readonly digest: Uint8Array
  readonly size: number
  readonly signature: Uint8Array | undefined
  /** From where the next version goes on if the file only grows. */
  readonly tail?: Tail | undefined
  readonly content: ReadContent
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

export interface ContentReaderParts {
  readonly compute: Compute<typeof codecs>
  readonly writer: Pick<ObjectWriter, 'write' | 'writeContent'>
  readonly signatures: Signatures
  readonly deltaBuffer: DeltaBuffer
  /** Called before each piece of a file is read: a heartbeat within large files. */
  readonly onRead: () => void
  /** Told before that how much was read in this pass. */
  readonly onBytes: (size: number) => void
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

/** A file, or a copy of it. */
type ContentSource = Pick<OpenFile, 'read'>

export class ContentReader {
  readonly #parts: ContentReaderParts
  readonly #secrets: FileSecrets
  /** Bytes read from the person's files. */
  bytesRead = 0

  constructor(parts: ContentReaderParts, { cutKey, contentSecret }: FileSecrets) {
    this.#parts = parts
    this.#secrets = { cutKey, contentSecret }
  }

  /**
   * @param source - a file, or what stands for it
   * @param known - the path as the last snapshot has it
   */
  async read(
    file: ContentSource,
    status: FileStatus,
    known: EntryRow | undefined,
    signal: AbortSignal,
  ): Promise<FileContent> {
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

  /**
   * Read the end of a file that only grew, and trust the rest to be what was stored of it.
   *
   * What the newest version brought is compared with its signature: the bytes that were appended last, or the last
   * `END_SIZE` bytes of an original. A change before them goes unseen.
   *
   * @returns undefined where the file must be read: it did more than grow, or too little is known of it
   */
  async readGrown(
    file: ContentSource,
    status: FileStatus,
    known: EntryRow | undefined,
    signal: AbortSignal,
  ): Promise<FileContent | undefined> {
    const base = known && this.#grownFrom(known, status)
    if (known === undefined || base === undefined) return undefined
    const { deltaBuffer } = this.#parts
    await deltaBuffer.reset()
    const { signature, state, from, size } = base
    const run = await this.#open('appended', { signature, state, from }, status.size - from)
    const seen: ContentSource = {
      read: (offset, length) => file.read(offset, Math.min(length, status.size - offset)),
    }
    try {
      for await (const bytes of this.#blocks(seen, status.size, signal, from)) {
        for (const output of await run.push(bytes)) {
          if (output.type === 'other') return undefined
          if (output.type === 'delta') await deltaBuffer.append(output.bytes)
        }
      }
      for (const output of await run.close()) {
        if (output.type === 'other') return undefined
        if (output.type === 'delta') {
          await deltaBuffer.append(output.bytes)
          continue
        }
        const read = { size: output.size, digest: output.digest, signature: output.signature }
        if (output.size < status.size) return undefined
        if (output.size === size) return { ...read, content: { type: 'unchanged' } }
        if (!mayBeDelta(known, output.size, { deltaSize: deltaBuffer.size })) return undefined
        const slots = await this.#writeDelta()
        const tail = { from: size, state: output.state }
        return { ...read, tail, content: { type: 'delta', slots } }
      }
      return undefined
    } finally {
      run.cancel()
    }
  }

  /** @returns what the file can be gone on with from; undefined where it must be read */
  #grownFrom(
    known: EntryRow,
    status: FileStatus,
  ): { signature: Uint8Array; state: Uint8Array; from: number; size: number } | undefined {
    if (known.content === undefined || known.inode !== status.inode) return undefined
    const tail = this.#parts.signatures.tail(known.content)
    const size = tail && hashedSize(tail.state)
    if (tail === undefined || size === undefined || size < GROWN_SIZE_MIN) return undefined
    if (!mayBeDelta(known, status.size)) return undefined
    // What was written to and did not grow is no file that things are appended to.
    const isTouched = status.size === size && !isSameTime(known.mtime, status.mtime)
    if (status.size < size || isTouched) return undefined
    if (!isDeltaWorth(status.size - size, status.size)) return undefined
    if (!this.#isUnchanged(known, openSha256(tail.state).digest())) return undefined
    const signature = this.#parts.signatures.get(known.content)
    if (signature === undefined) return undefined
    const { blockSize } = signatureHead(signature)
    if (blockSize !== blockSizeFor(status.size)) return undefined
    const from = Math.max(0, Math.min(tail.from, size - CHECKED_SIZE_MIN))
    return { signature, state: tail.state, from: from - (from % blockSize), size }
  }

  /** @returns undefined if the delta is not clearly smaller than the file */
  async #delta(
    file: ContentSource,
    status: FileStatus,
    base: { known: EntryRow; signature: Uint8Array },
    signal: AbortSignal,
  ): Promise<FileContent | undefined> {
    const { deltaBuffer } = this.#parts
    const blockSize = blockSizeFor(status.size)
    if (blockSize === null) return undefined
    await deltaBuffer.reset()
    const state = status.size < GROWN_SIZE_MIN ? undefined : this.#stateBefore(base.known)
    const params = { signature: base.signature, blockSize, state }
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
        const tail = output.state && { from: hashedSize(state!) ?? 0, state: output.state }
        const known = { size, digest, signature }
        if (this.#isUnchanged(base.known, digest))
          return { ...known, content: { type: 'unchanged' } }
        const isWorth =
          isDeltaWorth(deltaBuffer.size, size) &&
          mayBeDelta(base.known, size, { deltaSize: deltaBuffer.size })
        if (!isWorth) return undefined
        const slots = await this.#writeDelta()
        return { ...known, tail, content: { type: 'delta', slots } }
      }
      return undefined
    } finally {
      run.cancel()
    }
  }

  async #writeDelta(): Promise<Slot[]> {
    const { deltaBuffer, writer } = this.#parts
    const slots: Slot[] = []
    for await (const part of deltaBuffer.parts()) {
      slots.push(await writer.write('delta', part, sha256(part)))
    }
    return slots
  }

  /** @returns the state of a hash over the version; of one too small for that, over nothing yet */
  #stateBefore({ content, size }: EntryRow): Uint8Array | undefined {
    if (content === undefined) return undefined
    const tail = this.#parts.signatures.tail(content)
    if (tail !== undefined && hashedSize(tail.state) !== undefined) return tail.state
    return size < GROWN_SIZE_MIN ? openSha256().save() : undefined
  }

  /** @returns undefined if no path's newest version has these bytes as a chain */
  async #copy(
    file: ContentSource,
    status: FileStatus,
    known: EntryRow | undefined,
    signal: AbortSignal,
  ): Promise<FileContent | undefined> {
    const run = await this.#open('digest', nextParams(status.size), status.size)
    let end: DigestOutput | undefined
    try {
      for await (const bytes of this.#blocks(file, status.size, signal)) await run.push(bytes)
      end = (await run.close())[0]
    } finally {
      run.cancel()
    }
    assert(end !== undefined, 'a digest ends with a digest')
    const { size, digest, signature, state } = end
    const read = { size, digest, signature, tail: tailOf(size, state) }
    if (this.#isUnchanged(known, digest)) return { ...read, content: { type: 'unchanged' } }
    const of = this.#parts.findContent(this.#parts.contentId(digest))
    if (of === undefined || of.chainLength === 0) return undefined
    const chain = await this.#parts.chainOf(of)
    if (chain === undefined) return undefined
    return { ...read, content: { type: 'copy', of, chain } }
  }

  async #original(
    file: ContentSource,
    status: FileStatus,
    known: EntryRow | undefined,
    signal: AbortSignal,
  ): Promise<FileContent> {
    const params = { ...this.#secrets, ...nextParams(status.size) }
    const run = await this.#open('original', params, status.size)
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
        const { size, digest, signature, state } = output
        const tail = tailOf(size, state)
        const isUnchanged = this.#isUnchanged(known, digest)
        const content: ReadContent = isUnchanged
          ? { type: 'unchanged' }
          : { type: 'original', slots, sizes }
        return { size, digest, signature, tail, content }
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
   * @param from - where reading begins
   */
  async *#blocks(
    file: ContentSource,
    size: number,
    signal: AbortSignal,
    from = 0,
  ): AsyncGenerator<Uint8Array> {
    let next = readBlock(file, from, size)
    try {
      for (let offset = from; ;) {
        signal.throwIfAborted()
        this.#parts.onBytes(offset)
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

/** What is made of a file of this size for its next version. */
function nextParams(size: number): DigestParams {
  return { blockSize: blockSizeFor(size), isResumable: size >= GROWN_SIZE_MIN }
}

/** From where a file goes on that was read wholly. */
function tailOf(size: number, state: Uint8Array | undefined): Tail | undefined {
  return state && { from: Math.max(0, size - END_SIZE), state }
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

function isSameTime(a: FileTime, b: FileTime): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds
}
