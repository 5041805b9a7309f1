/** Vectors of keys: what follows from a root, from a read secret; peer ids; certificates. */

import { concat, fromUtf8, toHex, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { EPOCH_MAX } from '../../protocol/certificate.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import {
  deriveReadKeys,
  deriveVaultKeys,
  issueCertificate,
  openCertificate,
  parsePeerId,
  peerIdOf,
  publicKeyOf,
  sign,
} from '../../protocol/keys.ts'
import { person, START, vaultPapers } from '../protocol/people.ts'
import { flip, sample, type Fields, type Scenario } from './format.ts'

/** @returns by the field `what`: derived keys, the key in a peer id, or an opened certificate */
export function decode(bytes: Uint8Array, { what }: Fields): unknown {
  if (what === 'root') return vaultKeys(bytes)
  if (what === 'read-secret') return deriveReadKeys(bytes)
  if (what === 'peer-id') return publicKeyOf(parsePeerId(fromUtf8(bytes)))
  return openCertificate(bytes)
}

const papers = vaultPapers(1)
const vaultKey = papers.keys.vaultKey
const device = deviceIdFromBytes(papers.device.key.publicKey)
const subject = { device, epoch: 1, issuedAt: START }
const peer = utf8(papers.device.peer)

export const scenarios: readonly Scenario[] = [
  one('root', 'root-of-zeros', 'success', 'all keys of one root', new Uint8Array(32)),
  one('root', 'root-counting-up', 'success', 'bytes 0 to 31', sample(32).map((_, index) => index)),
  one('root', 'root-of-31-bytes', 'FormatError', 'a root is 32 bytes', new Uint8Array(31)),
  one('root', 'root-of-33-bytes', 'FormatError', 'a root is 32 bytes', new Uint8Array(33)),
  one('read-secret', 'read-secret', 'success', 'all keys of a reader', sample(32)),
  one('read-secret', 'read-secret-empty', 'FormatError', '32 bytes', new Uint8Array(0)),

  one('peer-id', 'peer-id', 'success', 'the text of an Ed25519 peer id is its key', peer),
  one('peer-id', 'peer-id-with-a-slip', 'FormatError', 'a letter outside base58', flip(peer, 20, 0x80 ^ 0xff)),
  one('peer-id', 'peer-id-of-an-rsa-key', 'FormatError', 'a hash, not a key', utf8('QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC')),
  one('peer-id', 'peer-id-empty', 'FormatError', 'no text', new Uint8Array(0)),

  certificate('for-a-device', 'success', 'a first device', papers.certificate),
  certificate('for-a-repairer', 'success', 'a key that may only repair', issueCertificate(vaultKey, { ...subject, role: 'repair' })),
  certificate('for-pruning', 'success', 'a key that may release and do nothing else', issueCertificate(vaultKey, { ...subject, role: 'prune' })),
  certificate('of-the-last-epoch', 'success', 'the limit', issueCertificate(vaultKey, { ...subject, epoch: EPOCH_MAX })),
  certificate('of-epoch-0', 'FormatError', 'below the limit', certificateBytes({ epoch: 0 })),
  certificate('above-the-last-epoch', 'FormatError', 'above the limit', certificateBytes({ epoch: EPOCH_MAX + 1 })),
  certificate('with-a-time-of-2-to-the-64', 'FormatError', 'above the limit', certificateBytes({ issuedAt: 2n ** 64n - 1n })),
  certificate('with-a-negative-time', 'FormatError', 'below the limit', certificateBytes({ issuedAt: -1 })),
  certificate('with-an-unknown-role', 'FormatError', 'none that we know', certificateBytes({ role: 'admin' })),
  certificate('with-an-unknown-field', 'FormatError', 'fields are fixed', certificateBytes({ more: 1 })),
  certificate('signed-by-its-subject', 'WrongSignerError', 'not by the vault (H05)', certificateBytes({}, person(1))),
  certificate('signed-for-a-head', 'WrongSignerError', 'the tag of another purpose (H05)', certificateBytes({}, undefined, 'cairnhd1')),
  certificate('with-a-bit-flipped-in-the-signature', 'WrongSignerError', 'H05', flip(papers.certificate, 40)),
  certificate('with-a-bit-flipped-in-the-body', 'WrongSignerError', 'the last byte is part of the vault id', flip(papers.certificate, -1)),
  certificate('of-a-later-version', 'VersionError', 'cairnct2', flip(papers.certificate, 7, 3)),
  certificate('cut-in-the-signature', 'FormatError', 'H05', papers.certificate.slice(0, 70)),
  certificate('with-a-byte-more', 'FormatError', 'nothing may follow', concat(papers.certificate, Uint8Array.of(0))),
]

function one(what: string, name: string, expect: string, comment: string, bytes: Uint8Array): Scenario {
  return { name, expect, comment, bytes, fields: { what } }
}

function certificate(name: string, expect: string, comment: string, bytes: Uint8Array): Scenario {
  return one('certificate', `certificate-${name}`, expect, comment, bytes)
}

function certificateBytes(
  changes: object,
  signer = { key: vaultKey },
  tag = 'cairnct1',
): Uint8Array {
  const key = papers.device.key.publicKey
  const fields = { vault: vaultKey.publicKey, key, role: 'device', epoch: 1, issuedAt: START }
  const body = encodeCbor({ ...fields, ...changes })
  return concat(utf8('cairnct1'), sign(signer.key, tag, body), body)
}

function vaultKeys(root: Uint8Array): unknown {
  const keys = deriveVaultKeys(root)
  return {
    vaultId: toHex(keys.vaultKey.publicKey),
    vaultSeed: keys.vaultKey.seed,
    recoverySeed: keys.recoveryKey.seed,
    recoveryPeer: peerIdOf(keys.recoveryKey.publicKey),
    pruneSeed: keys.pruneKey.seed,
    readSecret: keys.readSecret,
    ledgerKey: keys.ledgerKey,
  }
}
