/** Vectors of releases and cancels. */

import { concat, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { sha256 } from '../../protocol/hash.ts'
import { SEQUENCE_MAX } from '../../protocol/head.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import { issueCertificate, sign, type CertificateRole, type SigningKey } from '../../protocol/keys.ts'
import { PACK_ID_SIZE } from '../../protocol/manifest.ts'
import { openRelease, RELEASE_PACKS_MAX, RELEASE_SIZE_MAX, type OpenedRelease } from '../../protocol/release.ts'
import { START, vaultPapers } from '../protocol/people.ts'
import { flip, sample, type Scenario } from './format.ts'

export function decode(bytes: Uint8Array): OpenedRelease {
  return openRelease(bytes)
}

const { keys, device, certificate } = vaultPapers(1)
const other = vaultPapers(2)
const packs = names(3)
const fields = {
  certificate: certify('prune'),
  kind: 'release',
  sequence: 7,
  headId: sha256(utf8('the seventh head')),
  packs,
}
const first = make()

export const scenarios: readonly Scenario[] = [
  one('three-packs', 'success', 'that the seventh head does without', first),
  one('one-pack', 'success', 'the least', make({ packs: names(1) })),
  one('packs-at-the-limit', 'success', '1,024', make({ packs: names(RELEASE_PACKS_MAX) })),
  one('packs-above-the-limit', 'FormatError', '1,025', make({ packs: names(RELEASE_PACKS_MAX + 1) })),
  one('no-packs', 'FormatError', 'a release says what it releases', make({ packs: [] })),
  one('cancel', 'success', 'of three packs', make({ kind: 'cancel' })),
  one('cancel-of-all', 'success', 'no pack is named', make({ kind: 'cancel', packs: [] })),
  one('of-an-unknown-kind', 'FormatError', 'neither release nor cancel', make({ kind: 'keep' })),
  one('pack-twice', 'FormatError', 'each once', make({ packs: [...names(1), ...names(1)] })),
  one('packs-out-of-order', 'FormatError', 'by their bytes', make({ packs: packs.toReversed() })),
  one('pack-of-35-bytes', 'FormatError', 'below', make({ packs: names(1).map((name) => name.slice(1)) })),
  one('pack-of-another-kind-of-cid', 'FormatError', 'no manifest', make({ packs: [sample(PACK_ID_SIZE)] })),

  one('sequence-0', 'FormatError', 'no head', make({ sequence: 0 })),
  one('sequence-at-the-limit', 'success', '2^43 − 1', make({ sequence: SEQUENCE_MAX })),
  one('sequence-above-the-limit', 'FormatError', '2^43', make({ sequence: SEQUENCE_MAX + 1 })),
  one('head-id-of-31-bytes', 'FormatError', 'below', make({ headId: sample(31) })),
  one('with-an-unknown-field', 'FormatError', 'fields are fixed', make({ more: 1 })),

  one('signed-by-the-device', 'WrongSignerError', 'forged with a laptop’s key', make({}, device.key)),
  one('signed-by-another-vault', 'WrongSignerError', 'its prune key', make({}, other.keys.pruneKey)),
  one('signed-by-the-vault-key', 'WrongSignerError', 'which certifies and signs nothing else', make({}, keys.vaultKey)),
  one('certificate-of-the-device', 'FormatError', 'a device may not release', make({ certificate }, device.key)),
  one('certificate-for-repairs', 'FormatError', 'a helper may not release', make({ certificate: certify('repair') })),
  one('certificate-by-another-vault', 'success', 'a release of that vault: whose it is, the peer compares', make({ certificate: certify('prune', keys.pruneKey, other.keys.vaultKey) })),
  one('certificate-with-a-bit-flipped', 'WrongSignerError', 'the vault did not sign that', make({ certificate: flip(fields.certificate, 30) })),
  one('signed-for-a-head', 'WrongSignerError', 'the tag of another purpose', make({}, keys.pruneKey, 'cairnhd1')),
  one('signature-with-a-bit-flipped', 'WrongSignerError', 'in its first half', flip(first, 20)),
  one('body-with-a-bit-flipped', 'WrongSignerError', 'the last byte is part of the head’s sequence', flip(first, -1, 1)),
  one('cut-in-the-signature', 'FormatError', 'too short', first.slice(0, 50)),
  one('cut-in-the-body', 'FormatError', 'too short', first.slice(0, -1)),
  one('with-a-byte-more', 'FormatError', 'nothing may follow', concat(first, Uint8Array.of(0))),
  one('of-a-later-version', 'VersionError', 'cairnrl2', flip(first, 7, 3)),
  one('of-another-kind-of-document', 'FormatError', 'a certificate', certificate),
  one('too-long', 'FormatError', '40,961 bytes', concat(first, sample(RELEASE_SIZE_MAX + 1 - first.length))),
]

function one(name: string, expect: string, comment: string, bytes: Uint8Array): Scenario {
  return { name, expect, comment, bytes }
}

function make(changes: object = {}, signer = keys.pruneKey, tag = 'cairnrl1'): Uint8Array {
  const body = encodeCbor({ ...fields, ...changes })
  return concat(utf8('cairnrl1'), sign(signer, tag, body), body)
}

function certify(role: CertificateRole, key: SigningKey = keys.pruneKey, by = keys.vaultKey): Uint8Array {
  return issueCertificate(by, { device: deviceIdFromBytes(key.publicKey), epoch: 1, issuedAt: START, role })
}

/** Names of packs, ascending. */
function names(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => {
    const digest = new Uint8Array(32).fill(9)
    new DataView(digest.buffer).setUint32(0, index)
    return concat(Uint8Array.of(0x01, 0x71, 0x12, 0x20), digest)
  })
}
