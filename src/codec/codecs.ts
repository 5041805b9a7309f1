/**
 * The codecs of the Compute port: what runs in a worker, as synchronous state machines.
 *
 * Inputs and outputs are plain objects, numbers, text and byte arrays, so that they can cross between
 * threads. Outputs own their buffers; inputs are handed over. A file is read once: everything that
 * is to be known of its bytes comes from one pass of one codec.
 */

import { createHash } from 'node:crypto'

import { ByteWriter, equal } from '../../protocol/bytes.ts'
import type { Manifest } from '../../protocol/manifest.ts'
import { release } from '../base/release.ts'
import type { Codec } from '../ports/compute.ts'
import { Appended, type AppendedParams } from './appended.ts'
import { Chunker, gearTable } from './chunker.ts'
import { makeContentObject, type ContentObject } from './content-object.ts'
import { decodePack, encodePack, type EncodedPack } from './encode-pack.ts'
import type { Code, Piece } from './erasure.ts'
import { openContent } from './open-content.ts'
import { openFiles } from './open-files.ts'
import { DeltaMaker } from './rdiff-delta.ts'
import { parseSignature, SignatureMaker } from './rdiff-signature.ts'
import { RenewedSignature } from './renewed-signature.ts'
import { reseal } from './reseal.ts'
import { hashedSize, openSha256, type OpenHash, type ResumableHash } from './resumable-sha256.ts'
import { smallOriginals, type PreparedOriginals, type SmallOriginals } from './small-originals.ts'

/** What is known of a file's content once all of it has passed. */
export interface FileDigest {
  readonly size: number
  /** SHA-256 of the whole */
  readonly digest: Uint8Array
}

export interface DigestParams {
  /** of the signature to make; null for none */
  readonly blockSize: number | null
  /** whether the hash is to be gone on with one day */
  readonly isResumable: boolean
}

export interface DigestOutput extends FileDigest {
  readonly signature: Uint8Array | undefined
  /** of the hash over the whole, if that was asked for */
  readonly state: Uint8Array | undefined
}

export interface OriginalParams {
  /** the vault's key for chunk boundaries */
  readonly cutKey: Uint8Array
  /** of the signature to make; null for none */
  readonly blockSize: number | null
  /** what object keys are made from */
  readonly contentSecret: Uint8Array
  /** whether the hash is to be gone on with one day */
  readonly isResumable?: boolean
}

export type OriginalOutput =
  | ({
      readonly type: 'object'
      /** bytes of the file in it */ readonly size: number
    } & ContentObject)
  | ({
      readonly type: 'end'
      readonly signature: Uint8Array | undefined
      /** of the hash over the whole, if that was asked for */
      readonly state: Uint8Array | undefined
    } & FileDigest)

export interface DeltaParams {
  /** of the version that the delta is to be made against */
  readonly signature: Uint8Array
  /** of the signature to make of the new file */
  readonly blockSize: number
  /** of the hash over the old version, or of any beginning of it */
  readonly state?: Uint8Array | undefined
}

export type DeltaOutput =
  | {
      readonly type: 'delta'
      readonly bytes: Uint8Array
      /** how many bytes of the file no old block matched, so far: stop early when they are too many */
      readonly literalSize: number
    }
  | ({
      readonly type: 'end'
      readonly signature: Uint8Array
      readonly literalSize: number
      /** bytes of the whole delta */
      readonly deltaSize: number
      /** of the hash over the whole; only where the file goes on from the `state` that was given */
      readonly state: Uint8Array | undefined
    } & FileDigest)

export type AppendedOutput =
  | { readonly type: 'delta'; readonly bytes: Uint8Array }
  | ({
      readonly type: 'end'
      readonly signature: Uint8Array
      readonly state: Uint8Array
    } & FileDigest)
  /** The end of the old version is not where it was: nothing that was given is of use. */
  | { readonly type: 'other' }

/** A pack at the beginning of its buffer, which is handed over whole. */
export interface PackBytes {
  readonly bytes: Uint8Array
  /** Of the pack; what is behind it is nothing. */
  readonly size: number
}

/**
 * For each codec's name: how it is made.
 *
 * @param openHash - for hashes that are gone on with: ours, or the system's, which gives the same
 */
export const makeCodecs = (openHash: OpenHash) => ({
  /** A file's bytes → objects of its chunks, then its digest and signature. */
  original(params: OriginalParams): Codec<Uint8Array, OriginalOutput> {
    const chunker = new Chunker(gearTable(params.cutKey))
    const toObject = (chunk: Uint8Array): OriginalOutput => {
      const size = chunk.length
      const object = makeContentObject(chunk, params.contentSecret)
      release(chunk)
      return { type: 'object', size, ...object }
    }
    const resumable = params.isResumable === true ? openHash() : undefined
    const whole = new Whole(resumable)
    const signature = params.blockSize === null ? undefined : new WholeSignature(params.blockSize)
    return {
      push(bytes) {
        whole.push(bytes)
        signature?.push(bytes)
        return chunker.push(bytes).map(toObject)
      },
      close() {
        const rest = chunker.close().map(toObject)
        const state = resumable?.save()
        return [...rest, { type: 'end', ...whole.close(), signature: signature?.close(), state }]
      },
    }
  },

  /**
   * A file's bytes → its delta, in parts, then its digest and signature.
   *
   * @throws {BadSignatureError}
   */
  delta(params: DeltaParams): Codec<Uint8Array, DeltaOutput> {
    const old = parseSignature(params.signature)
    const signature = new RenewedSignature(old, params.blockSize)
    const maker = new DeltaMaker(old, {
      onCopy: (offset, start, length) => signature.onCopy(offset, start, length),
    })
    const whole = new Whole()
    const grown = params.state === undefined ? undefined : new Grown(params.state, openHash)
    let deltaSize = 0
    const toDelta = (bytes: Uint8Array) => {
      deltaSize += bytes.length
      return { type: 'delta', bytes, literalSize: maker.literalSize } as const
    }
    return {
      push(bytes) {
        whole.push(bytes)
        grown?.push(bytes)
        signature.push(bytes)
        const parts = maker.push(bytes)
        signature.advance(maker.toldSize)
        return parts.map(toDelta)
      },
      close() {
        const rest = maker.close().map(toDelta)
        const { literalSize } = maker
        const known = whole.close()
        const state = grown?.close(known.digest)
        const end = { ...known, signature: signature.close(), literalSize, deltaSize, state }
        return [...rest, { type: 'end', ...end }]
      },
    }
  },

  /**
   * The end of a file that only grew, from a little before its old end on → its delta, in parts, then digest and
   * signature of the whole. What it grew from is trusted (src/codec/appended.ts).
   *
   * @throws {BadSignatureError}
   */
  appended(params: AppendedParams): Codec<Uint8Array, AppendedOutput> {
    const appended = new Appended(params, openHash)
    const toDelta = (bytes: Uint8Array) => ({ type: 'delta', bytes }) as const
    let isOther = false
    return {
      push(bytes) {
        if (isOther) return []
        const parts = appended.push(bytes)
        isOther = parts === undefined
        return parts === undefined ? [{ type: 'other' }] : parts.map(toDelta)
      },
      close() {
        const end = isOther ? undefined : appended.close()
        if (end === undefined) return isOther ? [] : [{ type: 'other' }]
        const { parts, ...known } = end
        return [...parts.map(toDelta), { type: 'end', ...known }]
      },
    }
  },

  /** The bytes of many small files → their objects, ready to be sealed. */
  smallOriginals(_params: Record<string, never>): Codec<SmallOriginals, PreparedOriginals> {
    return smallOriginals()
  },

  /** A file's bytes → nothing, then its digest and what the next version is made from. */
  digest({ blockSize, isResumable }: DigestParams): Codec<Uint8Array, DigestOutput> {
    const resumable = isResumable ? openHash() : undefined
    const whole = new Whole(resumable)
    const signature = blockSize === null ? undefined : new WholeSignature(blockSize)
    return {
      push(bytes) {
        whole.push(bytes)
        signature?.push(bytes)
        return []
      },
      close() {
        const state = resumable?.save()
        return [{ ...whole.close(), signature: signature?.close(), state }]
      },
    }
  },

  /**
   * Packs → their pieces and manifests, one for each.
   *
   * @throws {FormatError} as {@link encodePack} does
   */
  encodePack(params: Code & { readonly leafSize: number }): Codec<PackBytes, EncodedPack> {
    return {
      push({ bytes, size }) {
        const encoded = encodePack(bytes.subarray(0, size), params)
        release(bytes)
        return [encoded]
      },
      close: () => [],
    }
  },

  /**
   * Pieces of the manifest's pack → the pack.
   *
   * @throws {FormatError} as {@link decodePack} does
   */
  decodePack(params: { readonly manifest: Manifest }): Codec<readonly Piece[], Uint8Array> {
    return { push: (pieces) => [decodePack(params.manifest, pieces)], close: () => [] }
  },

  openContent,
  openFiles,
  reseal,
})

/** The codecs, with nothing of the system in them. */
export const codecs = makeCodecs(openSha256)

/** The size and digest of what passes. */
class Whole {
  readonly #hash: { update: (bytes: Uint8Array) => unknown; digest: () => Uint8Array }
  #size = 0

  constructor(resumable?: ResumableHash) {
    this.#hash = resumable ?? createHash('sha256')
  }

  push(bytes: Uint8Array): void {
    this.#hash.update(bytes)
    this.#size += bytes.length
  }

  close(): FileDigest {
    return { size: this.#size, digest: new Uint8Array(this.#hash.digest()) }
  }
}

/** The signature of what passes, in one array. */
class WholeSignature {
  readonly #maker: SignatureMaker
  readonly #writer = new ByteWriter()

  constructor(blockSize: number) {
    this.#maker = new SignatureMaker({ blockSize })
  }

  push(bytes: Uint8Array): void {
    for (const part of this.#maker.push(bytes)) this.#writer.put(part)
  }

  close(): Uint8Array {
    for (const part of this.#maker.close()) this.#writer.put(part)
    return this.#writer.finish()
  }
}

/** What a file has behind the bytes that a hash was put aside after, hashed on from there. */
class Grown {
  readonly #hash: ResumableHash
  /** Bytes that were hashed already. */
  #before: number

  constructor(state: Uint8Array, openHash: OpenHash) {
    this.#before = hashedSize(state) ?? 0
    this.#hash = openHash(state)
  }

  push(bytes: Uint8Array): void {
    const more = bytes.subarray(Math.min(this.#before, bytes.length))
    this.#before -= bytes.length - more.length
    this.#hash.update(more)
  }

  /** @returns the state; nothing if the file, of that digest, is not those bytes with more behind them */
  close(digest: Uint8Array): Uint8Array | undefined {
    const state = this.#hash.save()
    return this.#before === 0 && equal(this.#hash.digest(), digest) ? state : undefined
  }
}
