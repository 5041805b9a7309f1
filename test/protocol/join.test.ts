import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { utf8 } from '../../protocol/bytes.ts'
import { encodeCap } from '../../protocol/cap.ts'
import { FormatError } from '../../protocol/errors.ts'
import {
  codeIdentity,
  decodeInviteCode,
  encodeInviteCode,
  type InviteCode,
} from '../../protocol/invite-code.ts'
import { openInviteText } from '../../protocol/invite-text.ts'
import {
  decodeWish,
  encodeWish,
  isJoinProof,
  isSameWish,
  joinProof,
  joinWords,
  type Wish,
} from '../../protocol/join.ts'
import { packId } from '../../protocol/manifest.ts'
import { BadChecksumError, CapTooWeakError, encodeTypedText } from '../../protocol/typed-text.ts'
import { bitsToWords } from '../../protocol/words.ts'

import { everyBitFlipped } from './flips.ts'
import { foreignError } from './fuzz.ts'
import { DAY, founder, grid, person, START, vaultPapers } from './people.ts'

const code: InviteCode = {
  grid,
  inviter: person(7).peer,
  id: new Uint8Array(16).fill(1),
  secret: new Uint8Array(16).fill(2),
  expiresAt: START + DAY,
  addresses: ['/ip4/192.0.2.1/tcp/4280', '/ip6/2001:db8::7/tcp/4280'],
}
const ofAnn = vaultPapers(1)
const peerWish: Wish = { as: 'peer', peer: person(3).peer, name: 'Ann’s NAS', addresses: ['/a'] }
const deviceWish: Wish = {
  as: 'device',
  device: ofAnn.device.peer,
  recovery: ofAnn.recovery.peer,
  vault: ofAnn.vault,
  certificate: ofAnn.certificate,
}

describe('invite codes', () => {
  const text = encodeInviteCode(code)

  it('come out as they went in, as a QR code holds them too', () => {
    expect(text).toMatch(/^cairn:join:1[a-z2-7]+$/)
    expect(decodeInviteCode(text)).toEqual(code)
    expect(decodeInviteCode(` ${text.toUpperCase()}\n`)).toEqual(code)
    expect(openInviteText(text)).toEqual({ kind: 'code', code })
    const ofFounder = { ...code, inviter: founder.peer }
    expect(decodeInviteCode(encodeInviteCode(ofFounder))).toEqual(ofFounder)
  })

  it('are short enough for a QR code that a phone reads: 395 letters are version 10', () => {
    expect(text.length).toBeLessThanOrEqual(395)
  })

  it('with any letter changed are refused, and never shown', () => {
    for (let at = 0; at < text.length; at += 5) {
      const changed = text.slice(0, at) + (text[at] === 'b' ? 'c' : 'b') + text.slice(at + 1)
      expect(() => decodeInviteCode(changed)).toThrow(FormatError)
      expect(() => decodeInviteCode(changed)).not.toThrow(text.slice(30, 50))
    }
    expect(() => decodeInviteCode(text.slice(0, -5))).toThrow(BadChecksumError)
  })

  it('are not caps (K07)', () => {
    const cap = encodeCap({ type: 'verify', packs: [packId(utf8('one'))] })
    expect(() => decodeInviteCode(cap)).toThrow(CapTooWeakError)
    expect(() => openInviteText(cap)).toThrow(CapTooWeakError)
  })

  it('bound their fields', () => {
    for (const other of [
      { ...code, id: new Uint8Array(15) },
      { ...code, secret: new Uint8Array(17) },
      { ...code, addresses: [] },
      { ...code, addresses: ['/a', '/b', '/c', '/d', '/e'] },
      { ...code, expiresAt: -1 },
    ]) {
      expect(() => encodeInviteCode(other)).toThrow(FormatError)
    }
  })

  it('give an identity to dial as that does not follow from the secret', () => {
    expect(codeIdentity(code.id)).toEqual(codeIdentity(code.id.slice()))
    expect(codeIdentity(code.id)).not.toEqual(codeIdentity(code.secret))
  })

  it('throw nothing but FormatErrors, even with a right checksum', async () => {
    const decode = (payload: Uint8Array) => decodeInviteCode(encodeTypedText('join', payload))
    expect(await foreignError(decode, [utf8('x')], 300)).toBeUndefined()
  })
})

describe('wishes', () => {
  it('come out as they went in', () => {
    for (const wish of [peerWish, deviceWish]) expect(decodeWish(encodeWish(wish))).toEqual(wish)
  })

  it('of a device need its vault’s certificate: nobody comes in as another’s vault', () => {
    const other = vaultPapers(2)
    for (const wish of [
      { ...deviceWish, vault: other.vault },
      { ...deviceWish, device: other.device.peer },
      { ...deviceWish, certificate: other.certificate },
    ]) {
      expect(() => encodeWish(wish)).toThrow(FormatError)
    }
  })

  it('are the same where they would admit the same', () => {
    expect(isSameWish(peerWish, { ...peerWish, name: 'another', addresses: [] })).toBe(true)
    expect(isSameWish(peerWish, { ...peerWish, vault: ofAnn.vault })).toBe(false)
    expect(isSameWish(peerWish, { ...peerWish, peer: person(4).peer })).toBe(false)
    expect(isSameWish(peerWish, deviceWish)).toBe(false)
  })

  it('throw nothing but FormatErrors', async () => {
    const samples = [encodeWish(peerWish), encodeWish(deviceWish)]
    expect(await foreignError(decodeWish, samples, 300)).toBeUndefined()
  })
})

describe('proofs', () => {
  const wish = encodeWish(peerWish)
  const proof = joinProof(code, wish)

  it('hold for the very invite, wish and secret, and for nothing else', () => {
    expect(isJoinProof(code, wish, proof)).toBe(true)
    for (const changed of everyBitFlipped(proof))
      expect(isJoinProof(code, wish, changed)).toBe(false)
    expect(isJoinProof(code, encodeWish(deviceWish), proof)).toBe(false)
    for (const other of [
      { ...code, secret: code.id },
      { ...code, id: code.secret },
      { ...code, inviter: founder.peer },
    ]) {
      expect(isJoinProof(other, wish, proof)).toBe(false)
    }
    expect(isJoinProof(code, wish, proof.slice(1))).toBe(false)
  })
})

describe('words', () => {
  it('are six of the list, the same on both sides', () => {
    const words = joinWords(code, peerWish)
    expect(words).toHaveLength(6)
    const received = decodeWish(encodeWish({ ...peerWish, addresses: ['/moved'] }))
    expect(joinWords({ ...decodeInviteCode(encodeInviteCode(code)) }, received)).toEqual(words)
  })

  it('are others for whoever else has the code', () => {
    const words = joinWords(code, peerWish).join(' ')
    expect(joinWords(code, { ...peerWish, peer: person(9).peer }).join(' ')).not.toBe(words)
    expect(joinWords({ ...code, secret: code.id }, peerWish).join(' ')).not.toBe(words)
    expect(joinWords({ ...code, inviter: founder.peer }, peerWish).join(' ')).not.toBe(words)
  })

  it('take eleven bits each, the first bits first', () => {
    expect(bitsToWords(Uint8Array.of(0, 0, 0), 2)).toEqual(['abandon', 'abandon'])
    expect(bitsToWords(Uint8Array.of(0xff, 0xe0, 0x04), 2)).toEqual(['zoo', 'ability'])
    expect(() => bitsToWords(new Uint8Array(2), 2)).toThrow(FormatError)
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 9, maxLength: 9 }), (bits) => {
        expect(bitsToWords(bits, 6)).toHaveLength(6)
      }),
    )
  })
})
