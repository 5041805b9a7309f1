/** Vectors of invite codes: the bytes are the text. */

import { fromUtf8, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import {
  codeIdentity,
  decodeInviteCode,
  encodeInviteCode,
  type InviteCode,
} from '../../protocol/invite-code.ts'
import { peerIdOf } from '../../protocol/keys.ts'
import { encodeTypedText } from '../../protocol/typed-text.ts'
import { DAY, founder, grid, person, START } from '../protocol/people.ts'
import { sample, type Scenario } from './format.ts'

/** @returns the code, and the identity to dial as */
export function decode(bytes: Uint8Array): unknown {
  const code = decodeInviteCode(fromUtf8(bytes))
  return { ...code, dialAs: peerIdOf(codeIdentity(code.id).publicKey) }
}

const code: InviteCode = {
  grid,
  inviter: founder.peer,
  id: sample(16, 1),
  secret: sample(16, 2),
  expiresAt: START + DAY,
  addresses: ['/ip4/192.0.2.1/tcp/4280'],
}
const good = encodeInviteCode(code)
const { publicKey } = founder.key
const fields = [publicKey, null, code.id, code.secret, code.expiresAt, code.addresses]

export const scenarios: readonly Scenario[] = [
  one('by-the-founder', 'success', 'whose key is the grid’s', good),
  one('by-another-peer', 'success', 'named', encodeInviteCode({ ...code, inviter: person(1).peer })),
  one('in-capitals', 'success', 'as a QR code holds it', good.toUpperCase()),
  one('wrapped', 'success', 'as a mail program leaves it', good.replaceAll(/(.{40})/g, '$1\r\n')),
  one('one-letter-changed', 'BadChecksumError', 'in the middle', `${good.slice(0, 99)}${good[99] === 'b' ? 'c' : 'b'}${good.slice(100)}`),
  one('cut-short', 'BadChecksumError', 'half of it', good.slice(0, 120)),
  one('of-a-later-version', 'VersionError', 'cairn:join:2', good.replace(':1', ':2')),
  one('an-open-invite', 'CapTooWeakError', 'another kind of text', encodeTypedText('invite', utf8('x'))),
  one('a-cap', 'CapTooWeakError', 'no invite (K07)', encodeTypedText('read', utf8('x'))),
  one('with-four-addresses', 'success', 'the most', changed(5, ['/a', '/b', '/c', '/d'])),
  one('with-five-addresses', 'FormatError', 'above', changed(5, ['/a', '/b', '/c', '/d', '/e'])),
  one('without-addresses', 'FormatError', 'nowhere to dial', changed(5, [])),
  one('with-an-address-above-the-limit', 'FormatError', '257 bytes', changed(5, [`/${'x'.repeat(256)}`])),
  one('with-a-secret-of-15-bytes', 'FormatError', 'below', changed(3, sample(15))),
  one('with-an-id-of-17-bytes', 'FormatError', 'above', changed(2, sample(17))),
  one('with-an-end-before-1970', 'FormatError', 'below', changed(4, -1)),
  one('with-a-place-too-many', 'FormatError', 'places are fixed', encodeTypedText('join', encodeCbor([...fields, 1]))),
  one('with-a-place-too-few', 'FormatError', 'places are fixed', encodeTypedText('join', encodeCbor(fields.slice(0, 5)))),
  one('empty', 'FormatError', 'no text', ''),
]

function one(name: string, expect: string, comment: string, text: string): Scenario {
  return { name, expect, comment, bytes: utf8(text) }
}

function changed(place: number, value: unknown): string {
  return encodeTypedText('join', encodeCbor(fields.with(place, value as null)))
}
