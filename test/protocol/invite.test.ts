import { describe, expect, it } from 'vitest'

import { utf8 } from '../../protocol/bytes.ts'
import { CapTooWeakError, encodeCap } from '../../protocol/cap.ts'
import { FormatError } from '../../protocol/errors.ts'
import {
  decodeInvite,
  encodeInvite,
  INVITE_PEERS_MAX,
  inviteIdentity,
  type Invite,
} from '../../protocol/invite.ts'
import { packId } from '../../protocol/manifest.ts'
import { gridIdFromBytes } from '../../protocol/roster.ts'
import { BadChecksumError, encodeTypedText } from '../../protocol/typed-text.ts'

import { foreignError } from './fuzz.ts'
import { DAY, founder, grid, person, says, START } from './people.ts'

const holder = person(50)
const admission = says(founder, holder, {
  type: 'admit',
  role: 'invite',
  issuedAt: START,
  expiresAt: START + 7 * DAY,
})
const friend = says(founder, person(1), { type: 'admit', role: 'peer', issuedAt: START })
const invite: Invite = {
  grid,
  statements: [admission, friend],
  addresses: [
    { peer: founder.peer, multiaddrs: ['/ip4/192.0.2.1/tcp/4001', '/dns4/example.org/tcp/4001'] },
    { peer: person(1).peer, multiaddrs: [] },
  ],
  secret: holder.key.seed,
  expiresAt: START + 7 * DAY,
}

describe('invites', () => {
  const text = encodeInvite(invite)

  it('come out as they went in', () => {
    expect(text).toMatch(/^cairn:invite:1[a-z2-7]+$/)
    expect(decodeInvite(text)).toEqual(invite)
    expect(decodeInvite(`${text.toUpperCase().replaceAll(/(.{70})/g, '$1\n')}\n`)).toEqual(invite)
    expect(inviteIdentity(invite)).toBe(holder.peer)
  })

  it('with any character changed are refused, and never shown', () => {
    for (let at = 0; at < text.length; at += 7) {
      const changed = text.slice(0, at) + (text[at] === 'b' ? 'c' : 'b') + text.slice(at + 1)
      expect(() => decodeInvite(changed)).toThrow(FormatError)
      expect(() => decodeInvite(changed)).not.toThrow(text.slice(30, 50))
    }
    expect(() => decodeInvite(text.slice(0, -9))).toThrow(BadChecksumError)
  })

  it('K07: are not caps', () => {
    const cap = encodeCap({ type: 'verify', packs: [packId(utf8('one'))] })
    expect(() => decodeInvite(cap)).toThrow(CapTooWeakError)
  })

  it('whose statements do not admit them are refused', () => {
    for (const other of [
      { ...invite, statements: [friend] },
      { ...invite, secret: person(51).key.seed },
      { ...invite, grid: gridIdFromBytes(person(51).key.publicKey) },
    ]) {
      expect(() => encodeInvite(other)).toThrow(FormatError)
    }
  })

  it('bound their fields', () => {
    const many = Array.from({ length: INVITE_PEERS_MAX + 1 }, () => ({
      peer: founder.peer,
      multiaddrs: [],
    }))
    for (const other of [
      { ...invite, addresses: many },
      { ...invite, statements: [] },
      { ...invite, secret: new Uint8Array(31) },
      { ...invite, expiresAt: -1 },
    ]) {
      expect(() => encodeInvite(other)).toThrow(FormatError)
    }
    expect(
      decodeInvite(encodeInvite({ ...invite, addresses: many.slice(1) })).addresses,
    ).toHaveLength(INVITE_PEERS_MAX)
  })

  it('throw nothing but FormatErrors, even with a right checksum', async () => {
    expect(await foreignError(decodePayload, [utf8('x'), admission], 200)).toBeUndefined()
  })
})

function decodePayload(payload: Uint8Array): Invite {
  return decodeInvite(encodeTypedText('invite', payload))
}
