import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { concat, toHex, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { FormatError, VersionError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import { peerIdOf, sign, signingKeyFromSeed } from '../../protocol/keys.ts'
import {
  gridIdFromBytes,
  openStatement,
  Roster,
  signStatement,
  STATEMENTS_MAX,
  WORDS_PER_DELEGATE_MAX,
  WORDS_PER_PEER_MAX,
  type Member,
  type Statement,
} from '../../protocol/roster.ts'
import { WrongSignerError } from '../../protocol/signed.ts'

import { everyBitFlipped } from './flips.ts'
import { foreignError } from './fuzz.ts'
import { DAY, founder, grid, person, says, START, vaultPapers, type Person } from './people.ts'

const [ann, bob, cat, dan] = [person(1), person(2), person(3), person(4)] as const
const invite = person(50)
const ofAnn = vaultPapers(1)
const T = START
const NOW = START + 30 * DAY

describe('statements', () => {
  const statement: Statement = {
    version: 1,
    grid,
    type: 'admit',
    subject: ann.peer,
    role: 'device',
    vault: ofAnn.vault,
    quota: 50e9,
    name: 'Ann’s laptop',
    domain: 'Ann’s house',
    addresses: ['/ip4/192.0.2.1/tcp/4001'],
    issuer: founder.peer,
    issuedAt: T,
    expiresAt: T + DAY,
  }
  const bytes = signStatement(statement, founder.key)

  it('come out as they went in', () => {
    expect(openStatement(bytes)).toEqual(statement)
    for (const saying of [
      { type: 'remove', issuedAt: T },
      { type: 'addresses', issuedAt: T, addresses: [] },
      { type: 'presence', issuedAt: T },
      { type: 'presence', issuedAt: T, awayUntil: T + 90 * DAY, isLeaving: true },
      { type: 'admit', issuedAt: T, role: 'peer' },
      { type: 'admit', issuedAt: T, role: 'peer', vault: ofAnn.vault },
      { type: 'admit', issuedAt: T, role: 'invite', expiresAt: T + DAY },
    ] as const) {
      const parties = { subject: founder.peer, issuer: founder.peer }
      const whole: Statement = { version: 1, grid, ...parties, ...saying }
      expect(openStatement(signStatement(whole, founder.key))).toEqual(whole)
    }
  })

  it('with any bit flipped are refused', () => {
    for (const changed of everyBitFlipped(bytes)) {
      expect(() => openStatement(changed)).toThrow(FormatError)
    }
  })

  it('H05: are signed by their issuer and for this purpose', () => {
    expect(() => signStatement(statement, ann.key)).toThrow(FormatError)
    const body = bytes.subarray(72)
    for (const signature of [
      sign(ann.key, 'cairnro1', body),
      sign(founder.key, 'cairnhd1', body),
    ]) {
      expect(() => openStatement(concat(utf8('cairnro1'), signature, body))).toThrow(
        WrongSignerError,
      )
    }
  })

  it('have the fields of their type and no others', () => {
    const { role: _role, ...roleless } = statement
    const { vault: _vault, ...vaultless } = statement
    const { expiresAt: _end, ...endless } = vaultless
    const bad: Statement[] = [
      roleless,
      vaultless,
      { ...statement, role: 'invite' },
      { ...vaultless, role: 'recovery' },
      { ...endless, role: 'invite' },
      { ...statement, type: 'remove' },
      { ...statement, type: 'addresses', subject: founder.peer },
      { ...statement, quota: -1 },
      { ...statement, issuedAt: 2 ** 53 },
      { ...statement, name: 'x'.repeat(65) },
      { ...statement, addresses: Array.from({ length: 17 }, () => '/a') },
      { ...statement, addresses: ['x'.repeat(257)] },
    ]
    for (const other of bad) expect(() => signStatement(other, founder.key)).toThrow(FormatError)
  })

  it('about addresses and presence come from their owner', () => {
    expect(() => says(founder, ann, { type: 'addresses', issuedAt: T, addresses: [] })).toThrow(
      FormatError,
    )
    expect(() => says(founder, ann, { type: 'presence', issuedAt: T })).toThrow(FormatError)
  })

  it('say that somebody is away for 90 days at most, and never in the past', () => {
    for (const awayUntil of [T - 1, T + 90 * DAY + 1]) {
      expect(() => says(ann, ann, { type: 'presence', issuedAt: T, awayUntil })).toThrow(
        FormatError,
      )
    }
  })

  it('of a later version say so', () => {
    const later = bytes.slice()
    later[7] = 0x32
    expect(() => openStatement(later)).toThrow(VersionError)
  })

  it('throw nothing but FormatErrors', async () => {
    expect(await foreignError(openStatement, [bytes], 500)).toBeUndefined()
    const body = encodeCbor({ type: 'admit' })
    const signed = concat(utf8('cairnro1'), sign(ann.key, 'cairnro1', body), body)
    expect(() => openStatement(signed)).toThrow(FormatError)
  })
})

describe('a roster', () => {
  it('has its founder from the start', () => {
    const roster = new Roster(grid)
    expect(roster.members(NOW)).toEqual([
      { peer: founder.peer, role: 'peer', addresses: [], isLeaving: false },
    ])
    expect(roster.isAdmitted(ann.peer, NOW)).toBe(false)
  })

  it('says whether a statement changed it, and is silent about what is none', () => {
    const roster = new Roster(grid)
    const admission = admit(founder, ann)
    expect(roster.add(admission)).toBe(true)
    expect(roster.add(admission)).toBe(false)
    expect(roster.add(utf8('nonsense'))).toBe(false)
    expect(new Roster(gridIdFromBytes(ann.key.publicKey)).add(admission)).toBe(false)
    expect(roster.statements()).toEqual([admission])
  })

  it('has a digest that strangers’ words do not change', () => {
    const roster = rosterOf(admit(founder, ann))
    const digest = roster.digest()
    const early = admit(dan, cat)
    expect(roster.add(early)).toBe(true)
    roster.add(says(dan, dan, { type: 'addresses', issuedAt: T, addresses: ['/a'] }))
    expect(roster.isOfUse(early)).toBe(false)
    expect(roster.digest()).toEqual(digest)
    roster.add(admit(ann, dan))
    expect(roster.isOfUse(early)).toBe(true)
    expect(roster.digest()).toEqual(rosterOf(...roster.statements()).digest())
    expect(roster.digest()).not.toEqual(digest)
  })

  it('has a digest that changes with each statement', () => {
    const roster = new Roster(grid)
    const digests = [roster.digest()]
    for (const statement of [admit(founder, ann), admit(ann, bob), remove(ann, bob)]) {
      roster.add(statement)
      digests.push(roster.digest())
      expect(roster.digest()).toEqual(rosterOf(...roster.statements()).digest())
    }
    expect(new Set(digests.map(toHex)).size).toBe(4)
  })

  it('admits whom a peer admits, however far from the founder', () => {
    const roster = rosterOf(admit(founder, ann), admit(ann, bob), admit(bob, cat))
    expect(roster.isAdmitted(cat.peer, NOW)).toBe(true)
    expect(rosterOf(admit(ann, bob), admit(bob, cat)).members(NOW)).toHaveLength(1)
  })

  it('does not admit whom only a device, or nobody, admits', () => {
    const device = says(founder, ann, {
      type: 'admit',
      role: 'device',
      vault: ofAnn.vault,
      issuedAt: T,
    })
    expect(rosterOf(device, admit(ann, bob)).isAdmitted(bob.peer, NOW)).toBe(false)
    expect(rosterOf(admit(ann, ann)).isAdmitted(ann.peer, NOW)).toBe(false)
    expect(rosterOf(admit(ann, bob), admit(bob, ann)).members(NOW)).toHaveLength(1)
  })

  it('takes a word as said once its issuer is admitted as what that takes', () => {
    const early = [admitDevice(founder, ann), admit(ann, bob, T + 1)]
    expect(rosterOf(...early).isAdmitted(bob.peer, NOW)).toBe(false)
    expect(rosterOf(...early, admit(founder, ann, T + 5)).isAdmitted(bob.peer, NOW)).toBe(true)
    // Effective with Ann's admission at T + 5, so a removal at T + 3 is before it, one at T + 5 not.
    for (const [at, isAdmitted] of [
      [T + 3, true],
      [T + 5, false],
    ] as const) {
      const roster = rosterOf(...early, admit(founder, ann, T + 5), remove(founder, bob, at))
      expect(roster.isAdmitted(bob.peer, NOW)).toBe(isAdmitted)
    }
  })

  it('knows a member as it was admitted', () => {
    const roster = rosterOf(
      says(founder, ann, {
        type: 'admit',
        role: 'device',
        vault: ofAnn.vault,
        quota: 5e9,
        issuedAt: T,
        name: 'Ann',
        domain: 'a house',
        addresses: ['/old'],
      }),
    )
    const known: Member = {
      peer: ann.peer,
      role: 'device',
      vault: ofAnn.vault,
      quota: 5e9,
      name: 'Ann',
      domain: 'a house',
      addresses: ['/old'],
      isLeaving: false,
    }
    expect(roster.member(ann.peer, NOW)).toEqual(known)
  })

  it('keeps the newest addresses only, whichever came last', () => {
    const announcements = [3, 1, 2].map((day) =>
      says(ann, ann, { type: 'addresses', issuedAt: T + day * DAY, addresses: [`/day/${day}`] }),
    )
    const roster = rosterOf(admit(founder, ann), ...announcements)
    expect(roster.member(ann.peer, NOW)?.addresses).toEqual(['/day/3'])
    expect(roster.statements()).toHaveLength(2)
  })

  it('keeps the newest presence only, until its owner is removed', () => {
    const away = says(ann, ann, { type: 'presence', issuedAt: T + 2, awayUntil: T + 9 * DAY })
    const back = says(ann, ann, { type: 'presence', issuedAt: T + 3 })
    const leaves = says(ann, ann, { type: 'presence', issuedAt: T + 4, isLeaving: true })
    const known = (...more: Uint8Array[]) =>
      rosterOf(admit(founder, ann), ...more).member(ann.peer, NOW)
    expect(known(away)).toMatchObject({ awayUntil: T + 9 * DAY, isLeaving: false })
    expect(known(back, away)).not.toHaveProperty('awayUntil')
    expect(known(leaves, back)).toMatchObject({ isLeaving: true })
    expect(rosterOf(leaves, away, back).statements()).toHaveLength(1)
    const again = [remove(ann, ann, T + 5), admit(founder, ann, T + 6)]
    expect(known(leaves, ...again)).toMatchObject({ isLeaving: false })
  })

  it('gives the time for news that take the place of others, even by a clock that was ahead', () => {
    const roster = rosterOf(
      admit(founder, ann),
      says(ann, ann, { type: 'presence', issuedAt: NOW + 400 * DAY }),
    )
    expect(roster.newsTime('presence', ann.peer, NOW)).toBe(NOW + 400 * DAY + 1)
    expect(roster.newsTime('addresses', ann.peer, NOW)).toBe(NOW)
    roster.add(remove(founder, ann, NOW + DAY))
    expect(roster.newsTime('addresses', ann.peer, NOW)).toBe(NOW + DAY + 1)
  })

  it('knows whose peer it is, which makes the peer no device of that vault', () => {
    const lent = says(founder, ann, {
      type: 'admit',
      role: 'peer',
      vault: ofAnn.vault,
      quota: 5,
      issuedAt: T,
    })
    const device = admitDevice(ofAnn.recovery, cat, T + 1)
    const recovery = says(founder, ofAnn.recovery, {
      type: 'admit',
      role: 'recovery',
      vault: ofAnn.vault,
      issuedAt: T,
    })
    const roster = rosterOf(lent, recovery, device)
    expect(roster.member(ann.peer, NOW)).toMatchObject({ role: 'peer', vault: ofAnn.vault })
    expect(roster.member(cat.peer, NOW)).not.toHaveProperty('quota')
    // What a peer's vault removes is a device only: the peer stays.
    roster.add(remove(ofAnn.recovery, ann))
    expect(roster.isAdmitted(ann.peer, NOW)).toBe(true)
  })

  it('says the highest role of somebody with several', () => {
    const device = says(founder, ann, {
      type: 'admit',
      role: 'device',
      vault: ofAnn.vault,
      quota: 7,
      issuedAt: T + 9,
    })
    expect(rosterOf(admit(founder, ann), device).member(ann.peer, NOW)).toMatchObject({
      role: 'peer',
      vault: ofAnn.vault,
      quota: 7,
    })
  })

  it('is full at 1,024 statements, after strangers’ words are forgotten', () => {
    const roster = rosterOf(admit(founder, ann))
    for (let day = 1; day < STATEMENTS_MAX; day += 1) {
      expect(roster.add(admit(dan, cat, T + day))).toBe(true)
    }
    expect(roster.statements()).toHaveLength(STATEMENTS_MAX)
    expect(roster.add(admit(ann, bob))).toBe(true)
    expect(roster.statements()).toHaveLength(2)
    for (let day = 1; day <= STATEMENTS_MAX - 2; day += 1) roster.add(admit(founder, cat, T + day))
    expect(roster.add(admit(ann, dan))).toBe(false)
    expect(roster.statements()).toHaveLength(STATEMENTS_MAX)
  })

  it('is not filled by one inviter: of its words only the first so many count', () => {
    for (const [issuer, ground, most] of [
      [ann, admit(founder, ann), WORDS_PER_PEER_MAX],
      [invite, says(founder, invite, asInvite), WORDS_PER_DELEGATE_MAX],
    ] as const) {
      const phantoms = Array.from({ length: most + 20 }, (_, index) =>
        admit(issuer, phantom(index), T + 1 + index),
      )
      const one = rosterOf(ground, ...phantoms)
      const other = rosterOf(...phantoms.toReversed(), ground)
      expect(one.members(T)).toEqual(other.members(T))
      const admitted = phantoms.map((_, index) => one.isAdmitted(phantom(index).peer, T))
      expect(admitted.filter(Boolean)).toHaveLength(most)
      expect(admitted.lastIndexOf(true)).toBe(most - 1)
      // The founder is not bound, and goes on.
      expect(one.add(admit(founder, bob))).toBe(true)
      expect(one.isAdmitted(bob.peer, NOW)).toBe(true)
    }
  })

  it('makes room for others by forgetting what one inviter said too much', () => {
    const roster = rosterOf(says(founder, invite, asInvite))
    for (let index = 1; index < STATEMENTS_MAX; index += 1) {
      roster.add(admit(invite, phantom(index)))
    }
    expect(roster.statements()).toHaveLength(STATEMENTS_MAX)
    expect(roster.add(admit(founder, bob))).toBe(true)
    expect(roster.statements()).toHaveLength(WORDS_PER_DELEGATE_MAX + 2)
  })

  it('is left by its founder when the founder says so, and by nobody else’s word', () => {
    const leaves = remove(founder, founder, T + 5)
    const roster = rosterOf(admit(founder, ann), leaves)
    expect(roster.isAdmitted(founder.peer, NOW)).toBe(false)
    expect(roster.members(NOW).map(({ peer }) => peer)).toEqual([ann.peer])
    roster.add(admit(founder, founder, T + 6))
    expect(roster.member(founder.peer, NOW)).toMatchObject({ role: 'peer' })
  })
})

describe('removal', () => {
  it('ends admissions from before, and not those from after', () => {
    const removal = remove(founder, ann, T + 5)
    for (const [at, isAdmitted] of [
      [T + 4, false],
      [T + 5, false],
      [T + 6, true],
    ] as const) {
      expect(rosterOf(removal, admit(founder, ann, at)).isAdmitted(ann.peer, NOW)).toBe(isAdmitted)
    }
  })

  it('is for peers, of anybody but the founder', () => {
    const base = [admit(founder, ann), admit(founder, bob)]
    expect(rosterOf(...base, remove(ann, bob)).isAdmitted(bob.peer, NOW)).toBe(false)
    expect(rosterOf(...base, remove(ann, founder)).isAdmitted(founder.peer, NOW)).toBe(true)
    expect(rosterOf(...base, remove(dan, bob)).isAdmitted(bob.peer, NOW)).toBe(true)
  })

  it('ends the right to say more, and not what was said before', () => {
    const base = [admit(founder, ann), remove(founder, ann, T + 5)]
    expect(rosterOf(...base, admit(ann, bob, T + 4)).isAdmitted(bob.peer, NOW)).toBe(true)
    expect(rosterOf(...base, admit(ann, bob, T + 6)).isAdmitted(bob.peer, NOW)).toBe(false)
    expect(rosterOf(...base, admit(ann, ann, T + 6)).isAdmitted(ann.peer, NOW)).toBe(false)
    expect(
      rosterOf(...base, admit(founder, bob), remove(ann, bob, T + 6)).members(NOW),
    ).toHaveLength(2)
  })

  it('of each other is decided by time', () => {
    const base = [admit(founder, ann), admit(founder, bob)]
    const roster = rosterOf(...base, remove(ann, bob, T + 2), remove(bob, ann, T + 1))
    expect(roster.isAdmitted(bob.peer, NOW)).toBe(true)
    expect(roster.isAdmitted(ann.peer, NOW)).toBe(false)
  })

  it('that would undo its own ground is not in force', () => {
    // Bob removes Ann as of a time before Ann admitted him; he only could say so afterwards.
    const roster = rosterOf(
      admit(founder, ann, T + 50),
      admit(ann, bob, T + 500),
      remove(bob, ann, T),
    )
    expect(roster.isAdmitted(bob.peer, NOW)).toBe(true)
    expect(roster.isAdmitted(ann.peer, NOW)).toBe(false)
  })

  it('can be undone, even after one by a clock far ahead', () => {
    const roster = rosterOf(
      admit(founder, ann),
      admit(founder, bob),
      remove(bob, ann, NOW + 400 * DAY),
    )
    expect(roster.isAdmitted(ann.peer, NOW)).toBe(false)
    expect(roster.issueTime(ann.peer, NOW)).toBe(NOW + 400 * DAY + 1)
    roster.add(admit(founder, ann, roster.issueTime(ann.peer, NOW)))
    expect(roster.isAdmitted(ann.peer, NOW)).toBe(true)
    expect(roster.issueTime(cat.peer, NOW)).toBe(NOW)
  })

  it('of oneself is leaving', () => {
    expect(rosterOf(admit(founder, ann), remove(ann, ann)).isAdmitted(ann.peer, NOW)).toBe(false)
    const device = admitDevice(founder, ofAnn.device)
    expect(rosterOf(device, remove(ofAnn.device, ofAnn.device)).members(NOW)).toHaveLength(1)
  })
})

describe('an invite', () => {
  const invitation = says(founder, invite, {
    type: 'admit',
    role: 'invite',
    quota: 100,
    issuedAt: T,
    expiresAt: T + 7 * DAY,
  })

  it('brings back nobody whom others removed since it was made; whoever left by itself it does', () => {
    const base = [invitation, admitDevice(invite, ann, T + 1)]
    const again = admitDevice(invite, ann, T + 9)
    const sentAway = rosterOf(...base, remove(founder, ann, T + 5), again)
    expect(sentAway.isAdmitted(ann.peer, NOW)).toBe(false)
    const left = rosterOf(...base, remove(ann, ann, T + 5), again)
    expect(left.isAdmitted(ann.peer, NOW)).toBe(true)
    const byPeer = rosterOf(...base, remove(founder, ann, T + 5), admitDevice(founder, ann, T + 9))
    expect(byPeer.isAdmitted(ann.peer, NOW)).toBe(true)
  })

  it('admits devices, recovery identities and peers, but no further invites', () => {
    const roster = rosterOf(
      invitation,
      admitDevice(invite, ann),
      says(invite, ofAnn.recovery, {
        type: 'admit',
        role: 'recovery',
        vault: ofAnn.vault,
        issuedAt: T,
      }),
      admit(invite, bob),
      says(invite, cat, { type: 'admit', role: 'invite', issuedAt: T, expiresAt: T + DAY }),
    )
    expect(roster.isAdmitted(ann.peer, NOW)).toBe(true)
    expect(roster.isAdmitted(ofAnn.recovery.peer, NOW)).toBe(true)
    expect(roster.isAdmitted(bob.peer, NOW)).toBe(true)
    expect(roster.isAdmitted(cat.peer, T)).toBe(false)
  })

  it('is worth nothing for what is said after its end, and keeps what was said before', () => {
    const early = rosterOf(invitation, admitDevice(invite, ann, T + 7 * DAY - 1))
    expect(early.isAdmitted(ann.peer, NOW)).toBe(true)
    expect(early.isAdmitted(invite.peer, T + 7 * DAY - 1)).toBe(true)
    expect(early.isAdmitted(invite.peer, T + 7 * DAY)).toBe(false)
    const late = rosterOf(invitation, admitDevice(invite, ann, T + 7 * DAY))
    expect(late.isAdmitted(ann.peer, T)).toBe(false)
  })

  it('works for a friend whose clock is behind', () => {
    const roster = rosterOf(invitation, admitDevice(invite, ann, T - DAY))
    expect(roster.isAdmitted(ann.peer, NOW)).toBe(true)
  })

  it('gives no more quota than it was given', () => {
    for (const [asked, given] of [
      [1e12, 100],
      [60, 60],
      [undefined, 100],
    ] as const) {
      const saying = asked === undefined ? {} : { quota: asked }
      const roster = rosterOf(invitation, admitDevice(invite, ann, T, saying))
      expect(roster.member(ann.peer, NOW)?.quota).toBe(given)
    }
  })

  it('does not change what a peer said of somebody', () => {
    const roster = rosterOf(
      invitation,
      says(founder, ann, { type: 'admit', role: 'peer', domain: 'a house', issuedAt: T }),
      says(invite, ann, { type: 'admit', role: 'peer', domain: 'a trap', issuedAt: T + 9 }),
      remove(invite, ann, T + 9),
    )
    expect(roster.member(ann.peer, NOW)).toMatchObject({ role: 'peer', domain: 'a house' })
  })

  it('is over when it is removed', () => {
    const roster = rosterOf(
      invitation,
      remove(founder, invite, T + 5),
      admitDevice(invite, ann, T + 6),
    )
    expect(roster.members(T)).toHaveLength(1)
  })
})

describe('a recovery identity', () => {
  const base = [
    admitDevice(founder, ofAnn.device, T, { quota: 100 }),
    says(founder, ofAnn.recovery, {
      type: 'admit',
      role: 'recovery',
      vault: ofAnn.vault,
      issuedAt: T,
    }),
  ]

  it('admits a new device of its vault, within the vault’s quota', () => {
    const roster = rosterOf(...base, admitDevice(ofAnn.recovery, cat, T + 1, { quota: 1e15 }))
    expect(roster.member(cat.peer, NOW)).toMatchObject({ vault: ofAnn.vault, quota: 100 })
  })

  it('admits nobody else', () => {
    const other = vaultPapers(2).vault
    const roster = rosterOf(
      ...base,
      admitDevice(ofAnn.recovery, cat, T + 1, { vault: other }),
      admit(ofAnn.recovery, dan),
    )
    expect(roster.isAdmitted(cat.peer, NOW)).toBe(false)
    expect(roster.isAdmitted(dan.peer, NOW)).toBe(false)
  })

  it('removes a lost device of its vault, and nobody else', () => {
    const roster = rosterOf(
      ...base,
      admit(founder, bob),
      remove(ofAnn.recovery, ofAnn.device),
      remove(ofAnn.recovery, bob),
    )
    expect(roster.isAdmitted(ofAnn.device.peer, NOW)).toBe(false)
    expect(roster.isAdmitted(bob.peer, NOW)).toBe(true)
    expect(roster.isAdmitted(ofAnn.recovery.peer, NOW)).toBe(true)
  })
})

describe('a recovery identity of another vault', () => {
  const ofBob = vaultPapers(2)
  const recoveryOf = ({ vault, recovery }: typeof ofAnn) =>
    says(founder, recovery, { type: 'admit', role: 'recovery', vault, issuedAt: T })
  const base = [
    recoveryOf(ofAnn),
    recoveryOf(ofBob),
    admit(founder, cat),
    admitDevice(founder, ofAnn.device, T + 1),
  ]
  const claim = (subject: Person, issuedAt = T) =>
    admitDevice(ofBob.recovery, subject, issuedAt, {
      vault: ofBob.vault,
      quota: 1,
      name: 'mine',
      domain: 'a trap',
      addresses: ['/trap'],
    })

  it('adds nothing to what a peer said of somebody', () => {
    const claimed = rosterOf(...base, claim(cat), claim(ofAnn.device, T + 9))
    for (const { peer } of [cat, ofAnn.device]) {
      expect(claimed.member(peer, NOW)).toEqual(rosterOf(...base).member(peer, NOW))
    }
  })

  it('keeps nobody from being removed by the recovery identity of their own vault', () => {
    const byPeer = rosterOf(
      ...base,
      claim(ofAnn.device),
      remove(ofAnn.recovery, ofAnn.device, T + DAY),
    )
    expect(byPeer.isAdmitted(ofAnn.device.peer, NOW)).toBe(false)
    const byRecovery = rosterOf(
      ...base,
      admitDevice(ofAnn.recovery, dan, T + 1),
      claim(dan, T + 2),
      remove(ofAnn.recovery, dan, T + DAY),
    )
    expect(byRecovery.member(dan.peer, NOW)).toMatchObject({ vault: ofBob.vault })
  })

  it('removes nobody from their own vault', () => {
    const roster = rosterOf(
      ...base,
      admitDevice(ofAnn.recovery, dan, T + 1),
      claim(dan, T + 2),
      claim(ofAnn.device, T + 2),
      remove(ofBob.recovery, dan, T + DAY),
      remove(ofBob.recovery, ofAnn.device, T + DAY),
    )
    for (const { peer } of [dan, ofAnn.device]) {
      expect(roster.member(peer, NOW)).toMatchObject({ role: 'device', vault: ofAnn.vault })
    }
  })
})

describe('rosters of the same statements', () => {
  const people = [founder, ann, bob, cat, dan, ofAnn.recovery]
  const someone = fc.constantFrom(...people)
  const time = fc.nat(6).map((hours) => T + hours)
  const anyStatement = fc.oneof(
    { weight: 3, arbitrary: fc.tuple(someone, someone, time).map(([a, b, t]) => admit(a, b, t)) },
    { weight: 2, arbitrary: fc.tuple(someone, someone, time).map(([a, b, t]) => remove(a, b, t)) },
    fc.tuple(someone, someone, time).map(([a, b, t]) => admitDevice(a, b, t)),
    fc.tuple(someone, someone, time, fc.constantFrom('recovery', 'invite')).map(([a, b, t, role]) =>
      says(a, b, {
        type: 'admit',
        role,
        issuedAt: t,
        expiresAt: t + 3,
        ...(role === 'recovery' ? { vault: ofAnn.vault } : {}),
      }),
    ),
    fc
      .tuple(someone, time)
      .map(([a, t]) => says(a, a, { type: 'addresses', issuedAt: t, addresses: [`/${t}`] })),
    fc
      .tuple(someone, time)
      .map(([a, t]) => says(a, a, { type: 'presence', issuedAt: t, awayUntil: t + 2 })),
  )
  const scenes = fc
    .tuple(fc.array(someone, { maxLength: 3 }), fc.array(anyStatement, { maxLength: 14 }))
    .map(([admitted, said]) => [...admitted.map((member) => admit(founder, member)), ...said])
    .chain((said) =>
      fc.tuple(fc.constant(said), fc.shuffledSubarray(said, { minLength: said.length })),
    )

  it('agree, in whatever order they came, and however often', () => {
    fc.assert(
      fc.property(scenes, fc.nat(14), ([said, shuffled], cut) => {
        const one = rosterOf(...said)
        const other = new Roster(grid)
        for (const statement of shuffled.slice(0, cut)) other.add(statement)
        other.members(T) // judged in between: nothing of it may stick
        for (const statement of [...shuffled, ...said]) other.add(statement)
        expect(other.statements()).toEqual(one.statements())
        expect(other.digest()).toEqual(one.digest())
        for (const now of [T, T + 4, NOW]) expect(other.members(now)).toEqual(one.members(now))
      }),
      { numRuns: 80 },
    )
  })

  it('admit only whom a chain of admissions leads to from the founder', () => {
    fc.assert(
      fc.property(scenes, ([said]) => {
        const opened = said.map(openStatement)
        const reached = new Set<string>([founder.peer])
        for (let grew = true; grew;) {
          const before = reached.size
          for (const { type, issuer, subject } of opened) {
            if (type === 'admit' && reached.has(issuer)) reached.add(subject)
          }
          grew = reached.size > before
        }
        for (const { peer } of rosterOf(...said).members(T)) expect(reached).toContain(peer)
      }),
      { numRuns: 50 },
    )
  })
})

const asInvite = { type: 'admit', role: 'invite', issuedAt: T, expiresAt: T + 7 * DAY } as const

/** Somebody who was never there. */
function phantom(index: number): Person {
  const key = signingKeyFromSeed(sha256(utf8(`phantom ${index}`)))
  return { key, peer: peerIdOf(key.publicKey) }
}

function rosterOf(...statements: readonly Uint8Array[]): Roster {
  const roster = new Roster(grid)
  for (const statement of statements) roster.add(statement)
  return roster
}

function admit(issuer: Person, subject: Person, issuedAt = T): Uint8Array {
  return says(issuer, subject, { type: 'admit', role: 'peer', issuedAt })
}

function admitDevice(
  issuer: Person,
  subject: Person,
  issuedAt = T,
  saying: Partial<Statement> = {},
): Uint8Array {
  const admission = { type: 'admit', role: 'device', vault: ofAnn.vault, issuedAt } as const
  return says(issuer, subject, { ...admission, ...saying })
}

function remove(issuer: Person, subject: Person, issuedAt = T + DAY): Uint8Array {
  return says(issuer, subject, { type: 'remove', issuedAt })
}
