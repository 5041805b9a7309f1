/** Vectors of caps: the bytes are the text. */

import { fromUtf8, utf8 } from '../../protocol/bytes.ts'
import { decodeCap, encodeCap, requireCap, type Cap } from '../../protocol/cap.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import { issueCertificate } from '../../protocol/keys.ts'
import { packId, packIdToBytes } from '../../protocol/manifest.ts'
import { encodeTypedText } from '../../protocol/typed-text.ts'
import { person, START, vaultPapers } from '../protocol/people.ts'
import { sample, type Fields, type Scenario } from './format.ts'

/** @param fields - `wanted`, where one type of cap is asked for */
export function decode(bytes: Uint8Array, { wanted }: Fields): Cap {
  const text = fromUtf8(bytes)
  if (wanted === 'read' || wanted === 'repair' || wanted === 'verify') {
    return requireCap(text, wanted)
  }
  return decodeCap(text)
}

const { keys, vault, certificate } = vaultPapers(1)
const repairer = person(9)
const repairCertificate = issueCertificate(keys.vaultKey, {
  device: deviceIdFromBytes(repairer.key.publicKey),
  epoch: 1,
  issuedAt: START,
  role: 'repair',
})
const pack = packId(utf8('pack'))

const read = encodeCap({ type: 'read', vault, readSecret: keys.readSecret })
const repairCap: Cap = {
  type: 'repair',
  vault,
  ledgerKey: keys.ledgerKey,
  repairSeed: repairer.key.seed,
  certificate: repairCertificate,
}
const repair = encodeCap(repairCap)
const verify = encodeCap({ type: 'verify', packs: [pack] })

const readBody = { vault: keys.vaultKey.publicKey, readSecret: keys.readSecret }
const repairBody = {
  vault: keys.vaultKey.publicKey,
  ledgerKey: keys.ledgerKey,
  repairSeed: repairer.key.seed,
  certificate: repairCertificate,
}

export const scenarios: readonly Scenario[] = [
  one('read', 'success', 'a read cap', read),
  one('repair', 'success', 'a repair cap', repair),
  one('verify', 'success', 'a verify cap of one pack', verify),
  one('read-in-capitals', 'success', 'as small letters', read.toUpperCase()),
  one('read-wrapped', 'success', 'white space is ignored', `${read.slice(0, 40)}\r\n ${read.slice(40)}\n`),

  one('read-for-repair', 'CapTooWeakError', 'no certified key in it (K07)', read, 'repair'),
  one('repair-for-read', 'CapTooWeakError', 'no key that reads in it (K07, K08)', repair, 'read'),
  one('verify-for-repair', 'CapTooWeakError', 'K07', verify, 'repair'),
  one('verify-for-verify', 'success', 'K07', verify, 'verify'),
  one('invite-for-any', 'CapTooWeakError', 'no cap at all', encodeTypedText('invite', utf8('x'))),

  one('one-letter-changed', 'BadChecksumError', 'the last', changeLast(read)),
  one('two-letters-swapped', 'BadChecksumError', 'a slip of the hand', `${read.slice(0, 30)}${read[31]}${read[30]}${read.slice(32)}`),
  one('cut-short', 'BadChecksumError', 'half of it', read.slice(0, 60)),
  one('renamed', 'BadChecksumError', 'the type is under the checksum', read.replace('read', 'verify')),
  one('of-a-later-version', 'VersionError', 'cairn:read:2', read.replace(':1', ':2')),
  one('of-an-unknown-type', 'FormatError', 'cairn:write:', read.replace('read', 'write')),
  one('empty', 'FormatError', 'no text', ''),
  one('read-with-an-unknown-field', 'FormatError', 'checksum right', typed('read', { ...readBody, more: 1 })),
  one('read-with-a-secret-of-31-bytes', 'FormatError', 'below', typed('read', { ...readBody, readSecret: sample(31) })),
  one('read-with-a-secret-of-33-bytes', 'FormatError', 'above', typed('read', { ...readBody, readSecret: sample(33) })),
  one('repair-with-a-device-certificate', 'FormatError', 'another role', typed('repair', { ...repairBody, certificate })),
  one('repair-with-another-key', 'FormatError', 'not the certified one', typed('repair', { ...repairBody, repairSeed: sample(32) })),
  one('repair-of-another-vault', 'FormatError', 'not the issuer', typed('repair', { ...repairBody, vault: sample(32) })),
  one('verify-of-no-pack', 'FormatError', 'at least one', typed('verify', [])),
  one('verify-of-half-a-pack-id', 'FormatError', '36 bytes', typed('verify', [packIdToBytes(pack).slice(0, 18)])),
]

function one(name: string, expect: string, comment: string, text: string, wanted?: string): Scenario {
  const scenario = { name, expect, comment, bytes: utf8(text) }
  return wanted === undefined ? scenario : { ...scenario, fields: { wanted } }
}

function typed(type: Cap['type'], body: unknown): string {
  return encodeTypedText(type, encodeCbor(body))
}

/** Another letter that leaves the spare bits of base32 alone. */
function changeLast(text: string): string {
  return `${text.slice(0, -2)}${text.at(-2) === 'b' ? 'c' : 'b'}${text.slice(-1)}`
}
