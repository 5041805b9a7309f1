/** Vectors of receipts. */

import { concat, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { openReceipt, type Receipt } from '../../protocol/head.ts'
import { sign } from '../../protocol/keys.ts'
import { person, START, vaultPapers } from '../protocol/people.ts'
import { flip, sample, type Scenario } from './format.ts'

export function decode(bytes: Uint8Array): Receipt {
  return openReceipt(bytes)
}

const peer = person(30)
const fields = {
  vault: vaultPapers(1).keys.vaultKey.publicKey,
  sequence: 7,
  headId: sample(32),
  receivedAt: START,
  peer: peer.key.publicKey,
}
const good = make()

export const scenarios: readonly Scenario[] = [
  one('plain', 'success', 'a peer keeps the seventh head', good),
  one('at-time-0', 'success', 'a peer without a clock', make({ receivedAt: 0 })),
  one('at-the-last-time', 'success', 'the limit of dates', make({ receivedAt: 8.64e15 })),
  one('above-the-last-time', 'FormatError', 'above', make({ receivedAt: 8.64e15 + 1 })),
  one('before-1970', 'FormatError', 'below', make({ receivedAt: -1 })),
  one('sequence-0', 'FormatError', 'below (H04)', make({ sequence: 0 })),
  one('sequence-above-the-limit', 'FormatError', '2^43 (H04)', make({ sequence: 2 ** 43 })),
  one('head-id-of-33-bytes', 'FormatError', 'above', make({ headId: sample(33) })),
  one('with-an-unknown-field', 'FormatError', 'fields are fixed', make({ more: 1 })),
  one('signed-by-another-peer', 'WrongSignerError', 'H05', make({}, person(31))),
  one('signed-for-a-head', 'WrongSignerError', 'H05', make({}, peer, 'cairnhd1')),
  one('signature-with-a-bit-flipped', 'WrongSignerError', 'H05', flip(good, 71)),
  one('peer-with-a-bit-flipped', 'WrongSignerError', 'another key', make({ peer: flip(fields.peer, 3) })),
  one('peer-that-is-no-key', 'WrongSignerError', 'no point of the curve', make({ peer: sample(32, 2) })),
  one('cut-short', 'FormatError', 'H05', good.slice(0, 100)),
  one('of-a-later-version', 'VersionError', 'cairnrc2', flip(good, 7, 3)),
  one('empty', 'FormatError', 'no bytes', sample(0)),
]

function one(name: string, expect: string, comment: string, bytes: Uint8Array): Scenario {
  return { name, expect, comment, bytes }
}

function make(changes: object = {}, signer = peer, tag = 'cairnrc1'): Uint8Array {
  const body = encodeCbor({ ...fields, ...changes })
  return concat(utf8('cairnrc1'), sign(signer.key, tag, body), body)
}
