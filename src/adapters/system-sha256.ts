/**
 * The system's SHA-256, in a form that can be put aside: OpenSSL's own, which every Node has in it.
 *
 * Node's hash does not give its state away; OpenSSL's is a struct of its public header (openssl/sha.h), little-endian
 * here:
 *
 *     0  u32 × 8   what was chained
 *    32  u64       bits hashed, low word first
 *    40  64 bytes  what does not fill a block yet
 *   104  u32       how many bytes those are
 *   108  u32       bytes of the digest
 *
 * It runs at the speed of the processor's own instructions, eight times noble's (docs/adr/0093-quick.md). Where
 * it cannot be had, or does not give what is known of it, noble's does the work: states are the same.
 */

import { equal } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import {
  decodeHashState,
  encodeHashState,
  HASH_BLOCK_SIZE,
  WORDS,
  type HashState,
  type OpenHash,
} from '../codec/resumable-sha256.ts'
import { loadLibc } from './libc.ts'

const COUNT_OFFSET = 32
const REST_OFFSET = 40
const REST_SIZE_OFFSET = 104

/** More than it has. */
const STRUCT_SIZE = 256

const DIGEST_SIZE = 32

const functions = loadLibc(['linux', 'darwin', 'win32'], {
  SHA256_Init: { arguments: ['pointer'], return: 'i32' },
  SHA256_Update: { arguments: ['pointer', 'pointer', 'u64'], return: 'i32' },
  SHA256_Final: { arguments: ['pointer', 'pointer'], return: 'i32' },
})

/** `undefined` where the system has none that we know. */
export const openSystemSha256: OpenHash | undefined = isAsKnown() ? open : undefined

function open(saved?: Uint8Array): ReturnType<OpenHash> {
  const struct = new Uint8Array(STRUCT_SIZE)
  functions!.SHA256_Init(struct)
  if (saved !== undefined) resume(struct, decodeHashState(saved))
  return {
    update: (bytes) => {
      if (bytes.length > 0) functions!.SHA256_Update(struct, bytes, BigInt(bytes.length))
    },
    save: () => encodeHashState(stateOf(struct)),
    digest: () => {
      const digest = new Uint8Array(DIGEST_SIZE)
      functions!.SHA256_Final(digest, struct)
      return digest
    },
  }
}

function resume(struct: Uint8Array, { words, size, rest }: HashState): void {
  const view = new DataView(struct.buffer)
  for (const [index, word] of words.entries()) view.setUint32(4 * index, word, true)
  view.setBigUint64(COUNT_OFFSET, 8n * BigInt(size), true)
  struct.set(rest, REST_OFFSET)
  view.setUint32(REST_SIZE_OFFSET, rest.length, true)
}

function stateOf(struct: Uint8Array): HashState {
  const view = new DataView(struct.buffer)
  const words = Array.from({ length: WORDS }, (_, index) => view.getUint32(4 * index, true))
  const size = Number(view.getBigUint64(COUNT_OFFSET, true) / 8n)
  const restSize = view.getUint32(REST_SIZE_OFFSET, true)
  return { words, size, rest: struct.slice(REST_OFFSET, REST_OFFSET + restSize) }
}

/** Hash something in two steps, with the state written and read in between. */
function isAsKnown(): boolean {
  if (functions === undefined) return false
  const bytes = Uint8Array.from({ length: 3 * HASH_BLOCK_SIZE + 5 }, (_, index) => index)
  const half = 2 * HASH_BLOCK_SIZE - 3
  const first = open()
  first.update(bytes.subarray(0, half))
  const saved = first.save()
  if (saved.length !== COUNT_OFFSET + 8 + (half % HASH_BLOCK_SIZE)) return false
  const second = open(saved)
  second.update(bytes.subarray(half))
  return equal(second.digest(), sha256(bytes))
}
