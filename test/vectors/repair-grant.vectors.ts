/** Vectors of repair grants. */

import { concat, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import { issueCertificate, sign, type CertificateRole, type SigningKey } from '../../protocol/keys.ts'
import { TIME_MAX } from '../../protocol/limits.ts'
import {
  openRepairGrant,
  REPAIR_GRANT_MS_MAX,
  REPAIR_GRANT_SIZE_MAX,
  type OpenedRepairGrant,
} from '../../protocol/repair-grant.ts'
import { DAY, person, START, vaultPapers } from '../protocol/people.ts'
import { flip, sample, type Scenario } from './format.ts'

export function decode(bytes: Uint8Array): OpenedRepairGrant {
  return openRepairGrant(bytes)
}

const { keys, device, certificate } = vaultPapers(1)
const other = vaultPapers(2)
const repairer = person(30)
const helper = person(40)
const fields = {
  certificate: certify('repair'),
  peer: helper.key.publicKey,
  issuedAt: START,
  expiresAt: START + DAY,
}
const first = make()

export const scenarios: readonly Scenario[] = [
  one('for-a-day', 'success', 'a helper may look after the vault until tomorrow', first),
  one('for-a-millisecond', 'success', 'the least', make({ expiresAt: START + 1 })),
  one('for-no-time', 'FormatError', 'it ends when it begins', make({ expiresAt: START })),
  one('ends-before-it-begins', 'FormatError', 'times are in order', make({ expiresAt: START - 1 })),
  one('for-31-days', 'success', 'the limit', make({ expiresAt: START + REPAIR_GRANT_MS_MAX })),
  one('for-longer', 'FormatError', 'a millisecond above 31 days', make({ expiresAt: START + REPAIR_GRANT_MS_MAX + 1 })),
  one('at-the-end-of-time', 'success', 'the limit of both times', make({ issuedAt: TIME_MAX - 1, expiresAt: TIME_MAX })),
  one('after-the-end-of-time', 'FormatError', 'above the limit', make({ issuedAt: TIME_MAX, expiresAt: TIME_MAX + 1 })),
  one('with-a-negative-time', 'FormatError', 'below the limit', make({ issuedAt: -1, expiresAt: 5 })),
  one('peer-of-31-bytes', 'FormatError', 'a public key is 32 bytes', make({ peer: sample(31) })),
  one('with-an-unknown-field', 'FormatError', 'fields are fixed', make({ more: 1 })),
  one('for-nobody', 'FormatError', 'who may show it is always named', make({ peer: null })),

  one('signed-by-the-helper', 'WrongSignerError', 'nobody grants to himself', make({}, helper.key)),
  one('signed-by-the-device', 'WrongSignerError', 'forged with a laptop’s key', make({}, device.key)),
  one('signed-by-the-vault-key', 'WrongSignerError', 'which certifies and signs nothing else', make({}, keys.vaultKey)),
  one('certificate-of-the-device', 'FormatError', 'a device needs no grant and gives none', make({ certificate }, device.key)),
  one('certificate-for-pruning', 'FormatError', 'the prune key does not repair', make({ certificate: certify('prune') })),
  one('certificate-by-another-vault', 'success', 'a grant of that vault: whose it is, the peer compares', make({ certificate: certify('repair', repairer.key, other.keys.vaultKey) })),
  one('certificate-with-a-bit-flipped', 'WrongSignerError', 'the vault did not sign that', make({ certificate: flip(fields.certificate, 30) })),
  one('signed-for-a-release', 'WrongSignerError', 'the tag of another purpose', make({}, repairer.key, 'cairnrl1')),
  one('signature-with-a-bit-flipped', 'WrongSignerError', 'in its first half', flip(first, 20)),
  one('body-with-a-bit-flipped', 'WrongSignerError', 'the last byte is part of the certificate', flip(first, -1)),
  one('cut-in-the-signature', 'FormatError', 'too short', first.slice(0, 50)),
  one('cut-in-the-body', 'FormatError', 'too short', first.slice(0, -1)),
  one('with-a-byte-more', 'FormatError', 'nothing may follow', concat(first, Uint8Array.of(0))),
  one('of-a-later-version', 'VersionError', 'cairnrg2', flip(first, 7, 3)),
  one('of-another-kind-of-document', 'FormatError', 'a certificate', certificate),
  one('too-long', 'FormatError', '1,025 bytes', concat(first, sample(REPAIR_GRANT_SIZE_MAX + 1 - first.length))),
]

function one(name: string, expect: string, comment: string, bytes: Uint8Array): Scenario {
  return { name, expect, comment, bytes }
}

function make(changes: object = {}, signer = repairer.key, tag = 'cairnrg1'): Uint8Array {
  const body = encodeCbor({ ...fields, ...changes })
  return concat(utf8('cairnrg1'), sign(signer, tag, body), body)
}

function certify(role: CertificateRole, key: SigningKey = repairer.key, by = keys.vaultKey): Uint8Array {
  return issueCertificate(by, { device: deviceIdFromBytes(key.publicKey), epoch: 1, issuedAt: START, role })
}
