/** Vectors of heads. The sealed fields are made with a fixed nonce, only here. */

import { concat, fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { sha256 } from '../../protocol/hash.ts'
import {
  HEAD_FIELD_SIZE_MAX,
  openHead,
  openLedger,
  openRoot,
  sealLedger,
  sealRoot,
  SEQUENCE_MAX,
} from '../../protocol/head.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import { deriveReadKeys, issueCertificate, sign } from '../../protocol/keys.ts'
import { packId } from '../../protocol/manifest.ts'
import { person, START, vaultPapers } from '../protocol/people.ts'
import { flip, sample, type Fields, type Scenario } from './format.ts'

/** @param fields - `headKey` or `ledgerKey`, to open what the head names as well */
export function decode(bytes: Uint8Array, { headKey, ledgerKey }: Fields): unknown {
  const head = openHead(bytes)
  if (headKey !== undefined) return openRoot(head, fromHex(headKey))
  if (ledgerKey !== undefined) return openLedger(head, fromHex(ledgerKey))
  return head
}

const { keys, vault, certificate, device } = vaultPapers(1)
const { headKey, ledgerKey } = deriveReadKeys(keys.readSecret)
const place = { vault, sequence: 1, nonce: sample(24) }
const reference = {
  pack: 12,
  offset: 34,
  length: 567,
  key: { type: 'raw', secret: sample(32, 8) },
} as const
const pointer = { pack: packId(utf8('pack')), offset: 0, length: 900, key: sample(32, 9) }
const fields = {
  certificate,
  sequence: 1,
  previous: null,
  root: sealRoot(reference, headKey, place),
  ledger: sealLedger(pointer, ledgerKey, place),
  writtenAt: START,
}
const previous = sha256(utf8('the head before'))
const first = make()
const [repairCertificate, pruneCertificate] = (['repair', 'prune'] as const).map((role) =>
  issueCertificate(keys.vaultKey, {
    device: deviceIdFromBytes(device.key.publicKey),
    epoch: 1,
    issuedAt: START,
    role,
  }),
)

export const scenarios: readonly Scenario[] = [
  one('first', 'success', 'a vault’s first head', first),
  one('second', 'success', 'with the id of the one before', make({ sequence: 2, previous })),
  one('root-opened', 'success', 'by a reader', first, { headKey: toHex(headKey) }),
  one('ledger-opened', 'success', 'by a reader or a repairer', first, { ledgerKey: toHex(ledgerKey) }),
  one('root-opened-by-a-repairer', 'SealedFieldError', 'K08', first, { headKey: toHex(ledgerKey) }),
  one('root-of-another-sequence', 'SealedFieldError', 'the place is bound', make({ sequence: 2, previous }), { headKey: toHex(headKey) }),
  one('root-and-ledger-swapped', 'SealedFieldError', 'the field is bound', make({ root: fields.ledger }), { headKey: toHex(ledgerKey) }),

  one('sequence-0', 'FormatError', 'below (H04)', make({ sequence: 0 })),
  one('sequence-negative', 'FormatError', 'below (H04)', make({ sequence: -1 })),
  one('sequence-at-the-limit', 'success', '2^43 − 1', make({ sequence: SEQUENCE_MAX, previous })),
  one('sequence-above-the-limit', 'FormatError', '2^43 (H04)', make({ sequence: SEQUENCE_MAX + 1, previous })),
  one('sequence-2-to-the-53', 'FormatError', 'no safe integer (H04)', make({ sequence: 2n ** 53n, previous })),
  one('sequence-2-to-the-64-less-1', 'FormatError', 'H04', make({ sequence: 2n ** 64n - 1n, previous })),
  one('first-with-a-previous', 'FormatError', 'there is none before the first', make({ previous })),
  one('previous-of-31-bytes', 'FormatError', 'below', make({ sequence: 2, previous: previous.slice(1) })),
  one('root-at-the-limit', 'success', '512 bytes', make({ root: sample(HEAD_FIELD_SIZE_MAX) })),
  one('root-above-the-limit', 'FormatError', '513 bytes', make({ root: sample(HEAD_FIELD_SIZE_MAX + 1) })),
  one('ledger-empty', 'FormatError', 'below', make({ ledger: sample(0) })),
  one('with-an-unknown-field', 'FormatError', 'fields are fixed', make({ more: 1 })),
  one('without-a-time', 'FormatError', 'fields are all there', make({ writtenAt: null })),

  one('signed-by-another-key', 'WrongSignerError', 'H05', make({}, person(77))),
  one('signed-for-a-receipt', 'WrongSignerError', 'the tag of another purpose (H05)', make({}, device, 'cairnrc1')),
  one('signature-with-a-bit-flipped', 'WrongSignerError', 'H05', flip(first, 20)),
  one('signature-with-the-order-added', 'WrongSignerError', 'RFC 8032 wants S < L (H05)', malleated(first)),
  one('body-with-a-bit-flipped', 'WrongSignerError', 'in the sealed root', flip(first, 100)),
  one('certificate-with-a-bit-flipped', 'WrongSignerError', 'the vault did not sign that', make({ certificate: flip(certificate, 30) })),
  one('certificate-for-repairs', 'FormatError', 'such a key signs no heads', make({ certificate: repairCertificate })),
  one('certificate-for-pruning', 'FormatError', 'such a key signs no heads', make({ certificate: pruneCertificate })),
  one('cut-in-the-signature', 'FormatError', 'H05', first.slice(0, 50)),
  one('cut-in-the-body', 'FormatError', 'H05', first.slice(0, -1)),
  one('with-a-byte-more', 'FormatError', 'nothing may follow', concat(first, Uint8Array.of(0))),
  one('of-a-later-version', 'VersionError', 'cairnhd2', flip(first, 7, 3)),
  one('of-another-kind', 'FormatError', 'a certificate', certificate),
  one('too-long', 'FormatError', '2,049 bytes', concat(first, sample(2049 - first.length))),
]

function one(name: string, expect: string, comment: string, bytes: Uint8Array, more?: Fields): Scenario {
  return { name, expect, comment, bytes, ...(more === undefined ? {} : { fields: more }) }
}

function make(changes: object = {}, signer = device, tag = 'cairnhd1'): Uint8Array {
  const body = encodeCbor({ ...fields, ...changes })
  return concat(utf8('cairnhd1'), sign(signer.key, tag, body), body)
}

/** The order of the group added to S, the second half of the signature, a little-endian number. */
function malleated(bytes: Uint8Array): Uint8Array {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const scalar = bytes.slice(40, 72).toReversed()
  const sum = BigInt(`0x${toHex(scalar)}`) + order
  const changed = fromHex(sum.toString(16).padStart(64, '0')).toReversed()
  return concat(bytes.subarray(0, 40), changed, bytes.subarray(72))
}
