/** Vectors of accounts and credits: docs/formats/account.md. The field `document` says which. */

import { openAccount, openCredit } from '../../protocol/account.ts'
import { concat, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { deviceIdFromBytes, vaultIdToBytes } from '../../protocol/ids.ts'
import { issueCertificate, sign, type CertificateRole } from '../../protocol/keys.ts'
import { TIME_MAX } from '../../protocol/limits.ts'
import { publicKeyOf } from '../../protocol/peer-id.ts'
import { DAY, person, START, vaultPapers } from '../protocol/people.ts'
import { flip, sample, type Fields, type Scenario } from './format.ts'

export function decode(bytes: Uint8Array, fields: Fields): unknown {
  return fields['document'] === 'account' ? openAccount(bytes) : openCredit(bytes)
}

const { keys, vault, device, certificate } = vaultPapers(1)
const other = vaultPapers(2)
const friend = person(7)
const SAFE_MAX = Number.MAX_SAFE_INTEGER

const accountFields = {
  vault: vaultIdToBytes(vault),
  peer: publicKeyOf(friend.peer),
  bytesHeld: 12_000_000_000,
  byteDays: 300_000_000_000,
  since: START,
  until: START + 30 * DAY,
  capacity: 100_000_000_000,
}
const first = account()
const creditFields = {
  account: first,
  certificate,
  bytes: 9_000_000_000,
  passed: 41,
  failed: 0,
  issuedAt: START + 30 * DAY,
}
const vouched = credit()

export const scenarios: readonly Scenario[] = [
  of('account', 'of-a-month', 'success', '12 GB held, 10 GB on average', first),
  of('account', 'just-begun', 'success', 'no time has passed', account({ byteDays: 0, until: START })),
  of('account', 'at-the-limits', 'success', 'the largest numbers', account({ bytesHeld: SAFE_MAX, byteDays: SAFE_MAX, capacity: SAFE_MAX, since: 0, until: TIME_MAX })),
  of('account', 'that-ends-before-it-begins', 'FormatError', 'since after until', account({ until: START - 1 })),
  of('account', 'held-2-to-53', 'FormatError', 'not a safe integer', account({ bytesHeld: 2n ** 53n })),
  of('account', 'held-negative', 'FormatError', 'fewer than none', account({ bytesHeld: -1 })),
  of('account', 'until-above-the-limit', 'FormatError', 'no date', account({ until: TIME_MAX + 1 })),
  of('account', 'of-a-vault-of-31-bytes', 'FormatError', 'below', account({ vault: sample(31) })),
  of('account', 'with-an-unknown-field', 'FormatError', 'fields are fixed', account({ more: 1 })),
  of('account', 'signed-by-the-device', 'WrongSignerError', 'nobody vouches for itself in another’s name', account({}, device.key)),
  of('account', 'signed-for-a-receipt', 'WrongSignerError', 'the tag of another purpose', account({}, friend.key, 'cairnrc1')),
  of('account', 'with-a-bit-flipped', 'WrongSignerError', 'in the last byte', flip(first, -1, 1)),
  of('account', 'cut', 'FormatError', 'too short', first.slice(0, -1)),
  of('account', 'with-a-byte-more', 'FormatError', 'nothing may follow', concat(first, Uint8Array.of(0))),
  of('account', 'of-a-later-version', 'VersionError', 'cairnar2', flip(first, 7, 3)),
  of('account', 'too-long', 'FormatError', '513 bytes', concat(first, sample(513 - first.length))),
  of('credit', 'below-the-account', 'success', '9 of 10 GB', vouched),
  of('credit', 'of-all-of-it', 'success', 'what the peer claims', credit({ bytes: 10_000_000_000 })),
  of('credit', 'of-a-byte-more', 'FormatError', 'more than the peer claims', credit({ bytes: 10_000_000_001 })),
  of('credit', 'of-nothing', 'success', 'no trust', credit({ bytes: 0, passed: 0, failed: 2 })),
  of('credit', 'upon-a-forged-account', 'WrongSignerError', 'not the peer’s signature', credit({ account: account({}, device.key) })),
  of('credit', 'signed-by-another-device', 'WrongSignerError', 'of another vault', credit({}, other.device.key)),
  of('credit', 'certificate-of-another-vault', 'FormatError', 'the account is about ours', credit({ certificate: other.certificate }, other.device.key)),
  of('credit', 'certificate-to-release', 'FormatError', 'a prune key vouches for nothing', credit({ certificate: certify('prune') })),
  of('credit', 'certificate-with-a-bit-flipped', 'WrongSignerError', 'the vault did not sign that', credit({ certificate: flip(certificate, 30) })),
  of('credit', 'with-an-unknown-field', 'FormatError', 'fields are fixed', credit({ more: 1 })),
  of('credit', 'with-a-bit-flipped', 'WrongSignerError', 'in the signature', flip(vouched, 20)),
  of('credit', 'that-is-an-account', 'FormatError', 'other first bytes', first),
  of('credit', 'of-a-later-version', 'VersionError', 'cairncr2', flip(vouched, 7, 3)),
  of('credit', 'too-long', 'FormatError', '1,281 bytes', concat(vouched, sample(1281 - vouched.length))),
]

function of(document: string, name: string, expect: string, comment: string, bytes: Uint8Array): Scenario {
  return { name: `${document}-${name}`, expect, comment, bytes, fields: { document } }
}

function account(changes: object = {}, signer = friend.key, tag = 'cairnar1'): Uint8Array {
  const body = encodeCbor({ ...accountFields, ...changes })
  return concat(utf8('cairnar1'), sign(signer, tag, body), body)
}

function credit(changes: object = {}, signer = device.key): Uint8Array {
  const body = encodeCbor({ ...creditFields, ...changes })
  return concat(utf8('cairncr1'), sign(signer, 'cairncr1', body), body)
}

function certify(role: CertificateRole): Uint8Array {
  return issueCertificate(keys.vaultKey, { device: deviceIdFromBytes(device.key.publicKey), epoch: 1, issuedAt: START, role })
}
