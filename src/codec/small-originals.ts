/**
 * Small originals: many small files at once, each becoming one object ready to be sealed.
 *
 * For each file what the codec `original` and `preparePlain` would make of it, in one trip to a
 * worker for all of them.
 */

import { ByteWriter, concat } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import type { Codec } from '../ports/compute.ts'
import { SignatureMaker } from './rdiff-signature.ts'
import { preparePlain } from './seal.ts'

/** Larger files are cut and worked on one by one. */
export const SMALL_SIZE_MAX = 256 * 1024

export interface SmallOriginals {
  /** The contents of all files. */
  readonly bytes: Uint8Array
  readonly files: readonly {
    /** Where this file's bytes lie. */
    readonly offset: number
    readonly size: number
    /** Of the signature to make; null for none. */
    readonly blockSize: number | null
  }[]
}

export interface PreparedOriginals {
  /** The plain forms of all files (docs/formats/object.md), one after the other. */
  readonly plains: Uint8Array
  /** For each file in order. */
  readonly files: readonly {
    readonly plainSize: number
    readonly signature: Uint8Array | undefined
  }[]
  /** For each file the SHA-256 of its bytes, then of its plain form: 64 bytes. */
  readonly digests: Uint8Array
}

export function smallOriginals(): Codec<SmallOriginals, PreparedOriginals> {
  return { push: (input) => [prepareAll(input)], close: () => [] }
}

function prepareAll({ bytes, files }: SmallOriginals): PreparedOriginals {
  const plains: Uint8Array[] = []
  const digests: Uint8Array[] = []
  const results = files.map(({ offset, size, blockSize }) => {
    const body = bytes.subarray(offset, offset + size)
    const { plain, digest } = preparePlain('content', body)
    plains.push(plain)
    digests.push(sha256(body), digest)
    const signature = blockSize === null ? undefined : signatureOf(body, blockSize)
    return { plainSize: plain.length, signature }
  })
  return { plains: concat(...plains), digests: concat(...digests), files: results }
}

function signatureOf(body: Uint8Array, blockSize: number): Uint8Array {
  const maker = new SignatureMaker({ blockSize })
  const writer = new ByteWriter()
  for (const part of [...maker.push(body), ...maker.close()]) writer.put(part)
  return writer.finish()
}
