/** Vectors of peer files: the bytes are the typed text; the field `passphrase` opens it. */

import { fromUtf8, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import {
  decodePeerFile,
  encodePeerFile,
  PEER_FILE_RANDOM_SIZE,
  type PeerFile,
} from '../../protocol/peer-file.ts'
import { encodeTypedText } from '../../protocol/typed-text.ts'
import { founder, grid, person, says, START } from '../protocol/people.ts'
import { sample, type Fields, type Scenario } from './format.ts'

export function decode(bytes: Uint8Array, { passphrase }: Fields): PeerFile {
  return decodePeerFile(fromUtf8(bytes), passphrase)
}

const ann = person(1)
const file: PeerFile = {
  seed: ann.key.seed,
  grid,
  statements: [says(founder, ann, { type: 'admit', role: 'peer', issuedAt: START })],
  listen: ['/ip4/0.0.0.0/tcp/4280'],
}
const random = sample(PEER_FILE_RANDOM_SIZE, 3)
// The least work, so that a reader of its own is tested quickly.
const sealed = encodePeerFile(file, { passphrase: 'correct horse', random, work: 14 })
const body = encodeCbor({
  seed: file.seed,
  grid: founder.key.publicKey,
  statements: file.statements,
  listen: file.listen,
})

export const scenarios: readonly Scenario[] = [
  one('open', 'success', 'no passphrase', encodePeerFile(file)),
  one('sealed', 'success', 'with its passphrase', sealed, 'correct horse'),
  one('sealed-passphrase-decomposed', 'success', 'é as two characters', encodePeerFile(file, { passphrase: 'é', random, work: 14 }), 'e\u0301'),
  one('sealed-wrong-passphrase', 'WrongPassphraseError', 'K01', sealed, 'correct horsf'),
  one('sealed-no-passphrase', 'PassphraseNeededError', 'none given', sealed),
  one('sealed-work-13', 'FormatError', 'below', typed({ lock: { salt: sample(16), work: 13 }, body: sample(60) }), 'x'),
  one('sealed-work-21', 'FormatError', 'above: nothing is computed', typed({ lock: { salt: sample(16), work: 21 }, body: sample(60) }), 'x'),
  one('sealed-body-of-other-bytes', 'WrongPassphraseError', 'says no more', typed({ lock: { salt: sample(16), work: 14 }, body: sample(60) }), 'x'),
  one('one-letter-changed', 'BadChecksumError', 'in the middle', `${sealed.slice(0, 99)}${sealed[99] === 'b' ? 'c' : 'b'}${sealed.slice(100)}`),
  one('an-invite-code', 'CapTooWeakError', 'another kind of text', encodeTypedText('join', utf8('x'))),
  one('body-with-an-unknown-field', 'FormatError', 'fields are fixed', typed({ lock: null, body: encodeCbor({ more: 1 }) })),
  one('lock-missing', 'FormatError', 'is null where there is none', typed({ body })),
  one('seed-short', 'FormatError', '31 bytes', typed({ lock: null, body: encodeCbor({ seed: sample(31), grid: sample(32), statements: [], listen: [] }) })),
]

function one(
  name: string,
  expect: string,
  comment: string,
  text: string,
  passphrase?: string,
): Scenario {
  const scenario = { name, expect, comment, bytes: utf8(text) }
  return passphrase === undefined ? scenario : { ...scenario, fields: { passphrase } }
}

function typed(payload: object): string {
  return encodeTypedText('peer', encodeCbor(payload))
}
