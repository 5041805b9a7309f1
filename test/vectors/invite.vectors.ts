/** Vectors of invites: the bytes are the text. */

import { fromUtf8, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { decodeInvite, encodeInvite, INVITE_PEERS_MAX, type Invite } from '../../protocol/invite.ts'
import { encodeTypedText } from '../../protocol/typed-text.ts'
import { DAY, founder, grid, person, says, START } from '../protocol/people.ts'
import { sample, type Scenario } from './format.ts'

export function decode(bytes: Uint8Array): Invite {
  return decodeInvite(fromUtf8(bytes))
}

const holder = person(50)
const expiresAt = START + 7 * DAY
const admission = says(founder, holder, { type: 'admit', role: 'invite', issuedAt: START, expiresAt })
const friend = says(founder, person(1), { type: 'admit', role: 'peer', issuedAt: START })
const good = encodeInvite({
  grid,
  statements: [admission, friend],
  addresses: [{ peer: founder.peer, multiaddrs: ['/ip4/192.0.2.1/tcp/4001'] }],
  secret: holder.key.seed,
  expiresAt,
})
const address = [founder.key.publicKey, ['/a']]
const fields = {
  grid: founder.key.publicKey,
  statements: [admission],
  addresses: [address],
  secret: holder.key.seed,
  expiresAt,
}

export const scenarios: readonly Scenario[] = [
  one('plain', 'success', 'with two statements', good),
  one('wrapped', 'success', 'as a mail program leaves it', good.replaceAll(/(.{72})/g, '$1\r\n')),
  one('in-capitals', 'success', 'as small letters', good.toUpperCase()),
  one('one-letter-changed', 'BadChecksumError', 'in the middle', `${good.slice(0, 99)}${good[99] === 'b' ? 'c' : 'b'}${good.slice(100)}`),
  one('cut-short', 'BadChecksumError', 'half of it', good.slice(0, 300)),
  one('of-a-later-version', 'VersionError', 'cairn:invite:2', good.replace(':1', ':2')),
  one('a-cap', 'CapTooWeakError', 'no invite (K07)', encodeTypedText('read', utf8('x'))),
  one('not-its-admission', 'FormatError', 'only a friend’s', typed({ statements: [friend] })),
  one('of-another-grid', 'FormatError', 'the statements are not its', typed({ grid: person(1).key.publicKey })),
  one('with-another-secret', 'FormatError', 'not admitted', typed({ secret: sample(32) })),
  one('with-a-secret-of-31-bytes', 'FormatError', 'below', typed({ secret: sample(31) })),
  one('with-no-statement', 'FormatError', 'below', typed({ statements: [] })),
  one('with-a-broken-statement-beside', 'success', 'it counts for nothing', typed({ statements: [admission, sample(50)] })),
  one('with-peers-at-the-limit', 'success', '64', typed({ addresses: Array.from({ length: INVITE_PEERS_MAX }, () => address) })),
  one('with-peers-above-the-limit', 'FormatError', '65', typed({ addresses: Array.from({ length: INVITE_PEERS_MAX + 1 }, () => address) })),
  one('with-an-end-before-1970', 'FormatError', 'below', typed({ expiresAt: -1 })),
  one('with-an-unknown-field', 'FormatError', 'fields are fixed', typed({ more: 1 })),
  one('empty', 'FormatError', 'no text', ''),
]

function one(name: string, expect: string, comment: string, text: string): Scenario {
  return { name, expect, comment, bytes: utf8(text) }
}

function typed(changes: object): string {
  return encodeTypedText('invite', encodeCbor({ ...fields, ...changes }))
}
