/** Vectors of rosters: statements one by one, and which members follow from several. */

import { ByteReader, ByteWriter, concat, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { sign } from '../../protocol/keys.ts'
import { openStatement, Roster } from '../../protocol/roster.ts'
import { DAY, founder, grid, person, says, START, vaultPapers } from '../protocol/people.ts'
import { flip, sample, type Fields, type Scenario } from './format.ts'

/**
 * @param fields - `now` (milliseconds since 1970), where the bytes are several statements, each after
 *   its length as u32, and their members are asked for; without it, one statement
 */
export function decode(bytes: Uint8Array, { now }: Fields): unknown {
  if (now === undefined) return openStatement(bytes)
  const roster = new Roster(grid)
  for (const reader = new ByteReader(bytes); reader.remaining > 0; ) {
    roster.add(reader.take(reader.u32()))
  }
  return roster.members(Number(now))
}

const [ann, bob, cat] = [person(1), person(2), person(3)] as const
const invite = person(50)
const { vault, keys, recovery } = vaultPapers(1)
const T = START
const fields = {
  version: 1,
  grid: founder.key.publicKey,
  type: 'admit',
  subject: ann.key.publicKey,
  role: 'peer',
  issuer: founder.key.publicKey,
  issuedAt: T,
}
const good = make()

const annIn = says(founder, ann, { type: 'admit', role: 'peer', issuedAt: T })
const bobIn = says(ann, bob, { type: 'admit', role: 'peer', issuedAt: T + 10 })
const annOut = says(founder, ann, { type: 'remove', issuedAt: T + 20 })
const catLate = says(ann, cat, { type: 'admit', role: 'peer', issuedAt: T + 30 })
const annAgain = says(founder, ann, { type: 'admit', role: 'peer', issuedAt: T + 40 })
const inviteIn = says(founder, invite, {
  type: 'admit',
  role: 'invite',
  quota: 100,
  issuedAt: T,
  expiresAt: T + DAY,
})
const byInvite = says(invite, cat, {
  type: 'admit',
  role: 'device',
  vault,
  quota: 1e12,
  issuedAt: T - DAY,
})
const deviceOfInvite = says(invite, cat, { type: 'admit', role: 'device', vault, issuedAt: T + 1 })
const sentAway = says(founder, cat, { type: 'remove', issuedAt: T + 5 })
const backByInvite = says(invite, cat, { type: 'admit', role: 'device', vault, issuedAt: T + 9 })
const inviteLater = says(founder, bob, { type: 'admit', role: 'invite', issuedAt: T + 6, expiresAt: T + DAY })
const backByLater = says(bob, cat, { type: 'admit', role: 'device', vault, issuedAt: T + 9 })
const recoveryIn = says(founder, recovery, { type: 'admit', role: 'recovery', vault, issuedAt: T })
const other = vaultPapers(2)
const otherRecoveryIn = says(founder, other.recovery, { type: 'admit', role: 'recovery', vault: other.vault, issuedAt: T })
const claim = { type: 'admit', role: 'device', vault: other.vault, quota: 1, name: 'mine', domain: 'a trap', issuedAt: T + 50 } as const
const claims = [says(other.recovery, ann, claim), says(other.recovery, bob, claim)]
const deviceIn = says(founder, bob, { type: 'admit', role: 'device', vault, issuedAt: T + 10 })
const deviceOut = says(recovery, bob, { type: 'remove', issuedAt: T + 60 })
const annAway = says(ann, ann, { type: 'presence', issuedAt: T + 1, awayUntil: T + DAY })
const annBack = says(ann, ann, { type: 'presence', issuedAt: T + 2 })
const bobAway = says(bob, bob, { type: 'presence', issuedAt: T + 11, awayUntil: T + DAY, isLeaving: true })
const byRecovery = says(recovery, bob, { type: 'admit', role: 'device', vault, issuedAt: T + 1 })

export const scenarios: readonly Scenario[] = [
  one('admit-a-peer', 'success', 'with nothing more', good),
  one('admit-with-everything', 'success', 'all optional fields', make({ role: 'device', vault: keys.vaultKey.publicKey, quota: 50e9, name: 'Ann’s laptop', domain: 'Ann’s house', addresses: ['/ip4/192.0.2.1/tcp/4001'], expiresAt: T + DAY })),
  one('addresses', 'success', 'by their owner', says(ann, ann, { type: 'addresses', issuedAt: T, addresses: ['/a'] })),
  one('remove', 'success', 'a removal', annOut),
  one('presence', 'success', 'here, and not leaving', presence({})),
  one('presence-away', 'success', 'for a month', presence({ awayUntil: T + 30 * DAY })),
  one('presence-away-at-the-limit', 'success', '90 days', presence({ awayUntil: T + 90 * DAY })),
  one('presence-away-above-the-limit', 'FormatError', '90 days and a millisecond', presence({ awayUntil: T + 90 * DAY + 1 })),
  one('presence-away-in-the-past', 'FormatError', 'before it was said', presence({ awayUntil: T - 1 })),
  one('presence-leaving', 'success', 'for good', presence({ isLeaving: true })),
  one('presence-not-leaving', 'FormatError', 'said by leaving it out', presence({ isLeaving: false })),
  one('presence-by-another', 'FormatError', 'only the owner announces it', presence({ subject: bob.key.publicKey })),
  one('presence-with-addresses', 'FormatError', 'not a field of presence', presence({ addresses: [] })),
  one('addresses-by-another', 'FormatError', 'only their owner announces them', make({ type: 'addresses', role: undefined, addresses: [] })),
  one('remove-with-a-role', 'FormatError', 'not a field of removals', make({ type: 'remove' })),
  one('admit-without-a-role', 'FormatError', 'each admission has one', make({ role: undefined })),
  one('admit-with-an-unknown-role', 'FormatError', 'no such role', make({ role: 'king' })),
  one('unknown-type', 'FormatError', 'no such type', make({ type: 'bless', role: undefined })),
  one('device-without-a-vault', 'FormatError', 'whose would it be', make({ role: 'device' })),
  one('peer-with-a-vault', 'success', 'of whoever lends it', make({ vault: sample(32) })),
  one('invite-with-a-vault', 'FormatError', 'invites have none', make({ role: 'invite', vault: sample(32), expiresAt: T + DAY })),
  one('invite-without-an-end', 'FormatError', 'invites end', make({ role: 'invite' })),
  one('quota-negative', 'FormatError', 'below', make({ quota: -1 })),
  one('quota-at-the-limit', 'success', '2^53 − 1', make({ quota: Number.MAX_SAFE_INTEGER })),
  one('quota-above-the-limit', 'FormatError', '2^53', make({ quota: 2n ** 53n })),
  one('name-at-the-limit', 'success', '64 bytes', make({ name: 'é'.repeat(32) })),
  one('name-above-the-limit', 'FormatError', '65 bytes in 33 characters', make({ name: `${'é'.repeat(32)}x` })),
  one('addresses-above-the-limit', 'FormatError', '17', make({ addresses: Array.from({ length: 17 }, () => '/a') })),
  one('with-an-unknown-field', 'FormatError', 'fields are fixed', make({ more: 1 })),
  one('version-2-inside', 'FormatError', 'unknown', make({ version: 2 })),
  one('of-a-later-version', 'VersionError', 'cairnro2', flip(good, 7, 3)),
  one('signed-by-another', 'WrongSignerError', 'H05', make({}, ann)),
  one('signed-for-a-head', 'WrongSignerError', 'H05', make({}, founder, 'cairnhd1')),
  one('signature-with-a-bit-flipped', 'WrongSignerError', 'H05', flip(good, 50)),
  one('subject-with-a-bit-flipped', 'WrongSignerError', 'the last byte is of the subject', flip(good, -1)),
  one('cut-short', 'FormatError', 'half', good.slice(0, 90)),

  set('members-of-a-new-grid', 'the founder', []),
  set('members-by-a-chain', 'the founder admits Ann, Ann admits Bob', [bobIn, annIn]),
  set('members-without-a-ground', 'Bob’s issuer is nobody', [bobIn]),
  set('members-after-a-removal', 'what Ann said before it holds, what she said after does not', [annOut, catLate, bobIn, annIn]),
  set('members-after-a-return', 'Ann’s later words hold again', [annAgain, annOut, catLate, bobIn, annIn]),
  set('members-by-an-invite', 'behind its clock; the quota is the invite’s', [byInvite, inviteIn]),
  set('members-when-an-invite-ended', 'the invite is gone, whom it admitted stays', [byInvite, inviteIn], T + DAY),
  set('members-who-are-away', 'the newest presence', [annAway, annBack, annIn, bobIn, bobAway]),
  set('members-who-came-back', 'presence from before a removal is void', [annAway, annOut, annAgain]),
  set('members-by-an-invite-that-says-too-much', '64 of 70 admissions count', [inviteIn, ...Array.from({ length: 70 }, (_, index) => says(invite, person(60 + index), { type: 'admit', role: 'peer', issuedAt: T + 1 + index }))], T + 100),
  set('members-without-the-founder', 'it left', [annIn, says(founder, founder, { type: 'remove', issuedAt: T + 1 })]),
  set('members-by-a-recovery', 'a new device of the vault', [byRecovery, recoveryIn]),
  set('members-sent-away-before-their-invite', 'an invite from before brings nobody back', [inviteIn, deviceOfInvite, sentAway, backByInvite]),
  set('members-sent-away-and-asked-anew', 'an invite from after does', [inviteIn, deviceOfInvite, sentAway, inviteLater, backByLater]),
  set('members-that-another-vault-claims', 'peers said what they are', [annIn, deviceIn, recoveryIn, otherRecoveryIn, ...claims]),
  set('members-after-a-claimed-device-was-removed', 'its own vault may', [annIn, deviceIn, recoveryIn, otherRecoveryIn, ...claims, deviceOut]),
]

function one(name: string, expect: string, comment: string, bytes: Uint8Array): Scenario {
  return { name, expect, comment, bytes }
}

function set(name: string, comment: string, said: readonly Uint8Array[], now = T + 100): Scenario {
  const writer = new ByteWriter()
  for (const statement of said) writer.u32(statement.length).put(statement)
  return { name, expect: 'success', comment, bytes: writer.finish(), fields: { now: `${now}` } }
}

function presence(changes: object): Uint8Array {
  const { key } = ann
  const own = { type: 'presence', role: undefined, issuer: key.publicKey }
  return make({ ...own, ...changes }, ann)
}

function make(changes: object = {}, signer = founder, tag = 'cairnro1'): Uint8Array {
  const all = Object.entries({ ...fields, ...changes }).filter(([, value]) => value !== undefined)
  const body = encodeCbor(Object.fromEntries(all))
  return concat(utf8('cairnro1'), sign(signer.key, tag, body), body)
}
