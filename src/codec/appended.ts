/**
 * Appended bytes: the next version of a file that only grew, from its end alone.
 *
 * What is read begins a little before the old end. Up to there it is compared with the old signature; what
 * comes after is hashed on from the old version's state, signed, and becomes a delta that copies all of the old
 * version and adds the rest. So digest and signature are those of the old version's bytes *as they were
 * stored*, with the new ones behind them.
 */

import { ByteWriter, concat, equal } from '../../protocol/bytes.ts'
import { assert } from '../base/assert.ts'
import { LITERAL_MAX } from './kernels/kernels.ts'
import { DELTA_MAGIC, END_OPCODE, putCopy, putLiteralHead } from './rdiff-opcodes.ts'
import { signatureHead, SignatureMaker, type SignatureHead } from './rdiff-signature.ts'
import { hashedSize, type OpenHash, type ResumableHash } from './resumable-sha256.ts'

export interface AppendedParams {
  /** Of the old version. */
  readonly signature: Uint8Array
  /** Of a hash over the old version, which has at least a byte (src/codec/resumable-sha256.ts). */
  readonly state: Uint8Array
  /** Where reading begins: where a block of the signature does, before the end of the old version. */
  readonly from: number
}

export class Appended {
  readonly #old: Uint8Array
  readonly #head: SignatureHead
  readonly #hash: ResumableHash
  readonly #oldSize: number
  readonly #from: number
  /** Sums of what is read up to the old end. */
  readonly #check: SignatureMaker
  #checked: Uint8Array[] = []
  /** Sums of everything that is read. */
  readonly #fresh: SignatureMaker
  #sums: Uint8Array[] = []
  #writer = new ByteWriter()
  #at: number
  /** Whether the end of the old version is where it was. */
  #isSame: boolean | undefined
  /** Bytes of the delta so far. */
  deltaSize = 0

  /** @throws {BadSignatureError} */
  constructor({ signature, state, from }: AppendedParams, openHash: OpenHash) {
    this.#old = signature
    this.#head = signatureHead(signature)
    const size = hashedSize(state)
    assert(size !== undefined && from < size, 'reading begins before the end of the old version')
    assert(from % this.#head.blockSize === 0, 'reading begins where a block does')
    this.#oldSize = size
    this.#hash = openHash(state)
    this.#from = from
    this.#at = from
    this.#check = new SignatureMaker(this.#head)
    this.#fresh = new SignatureMaker(this.#head)
    this.#writer.u32(DELTA_MAGIC)
    putCopy(this.#writer, 0, size)
  }

  /** @returns parts of the delta; `undefined` once it is plain that the file did not only grow */
  push(bytes: Uint8Array): Uint8Array[] | undefined {
    const known = bytes.subarray(0, Math.max(0, this.#oldSize - this.#at))
    const added = bytes.subarray(known.length)
    this.#at += bytes.length
    if (known.length > 0) this.#checked.push(...this.#check.push(known))
    if (this.#at >= this.#oldSize && !this.#isUnchanged()) return undefined
    this.#sums.push(...this.#fresh.push(bytes))
    this.#hash.update(added)
    for (let at = 0; at < added.length; at += LITERAL_MAX) {
      const literal = added.subarray(at, at + LITERAL_MAX)
      putLiteralHead(this.#writer, literal.length)
      this.#writer.put(literal)
    }
    return this.#take()
  }

  /** @returns the rest; `undefined` if the file did not only grow */
  close():
    | {
        readonly parts: Uint8Array[]
        readonly size: number
        readonly digest: Uint8Array
        readonly signature: Uint8Array
        readonly state: Uint8Array
      }
    | undefined {
    if (this.#at < this.#oldSize || !this.#isUnchanged()) return undefined
    this.#writer.u8(END_OPCODE)
    this.#sums.push(...this.#fresh.close())
    const { size, sumsSize } = this.#head
    const before = this.#old.subarray(0, size + (this.#from / this.#head.blockSize) * sumsSize)
    const signature = concat(before, concat(...this.#sums).subarray(size))
    const state = this.#hash.save()
    return { parts: this.#take(), size: this.#at, digest: this.#hash.digest(), signature, state }
  }

  /** All bytes up to the old end were pushed. */
  #isUnchanged(): boolean {
    if (this.#isSame !== undefined) return this.#isSame
    this.#checked.push(...this.#check.close())
    const { size, sumsSize, blockSize } = this.#head
    const sums = concat(...this.#checked).subarray(size)
    this.#checked = []
    this.#isSame = equal(sums, this.#old.subarray(size + (this.#from / blockSize) * sumsSize))
    return this.#isSame
  }

  #take(): Uint8Array[] {
    if (this.#writer.size === 0) return []
    const part = this.#writer.finish()
    this.#writer = new ByteWriter()
    this.deltaSize += part.length
    return [part]
  }
}
