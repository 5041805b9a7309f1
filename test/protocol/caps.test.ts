import { randomBytes } from 'node:crypto'

import { describe, expect, it } from 'vitest'

import { toHex, utf8 } from '../../protocol/bytes.ts'
import {
  BadChecksumError,
  CapTooWeakError,
  decodeCap,
  encodeCap,
  ledgerKeyOf,
  requireCap,
  VERIFY_PACKS_MAX,
  type Cap,
} from '../../protocol/cap.ts'
import { FormatError, VersionError } from '../../protocol/errors.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import { deriveReadKeys, issueCertificate } from '../../protocol/keys.ts'
import { packId } from '../../protocol/manifest.ts'
import { encodeTypedText, TYPED_TEXT_SIZE_MAX } from '../../protocol/typed-text.ts'

import { person, START, vaultPapers } from './people.ts'

const { keys, vault, certificate } = vaultPapers(1)
const repairer = person(9)
const repairCertificate = issueCertificate(keys.vaultKey, {
  device: deviceIdFromBytes(repairer.key.publicKey),
  epoch: 1,
  issuedAt: START,
  role: 'repair',
})

const read: Cap = { type: 'read', vault, readSecret: keys.readSecret }
const repair: Cap = {
  type: 'repair',
  vault,
  ledgerKey: keys.ledgerKey,
  repairSeed: repairer.key.seed,
  certificate: repairCertificate,
}
const verify: Cap = { type: 'verify', packs: [packId(utf8('one')), packId(utf8('two'))] }
const all = [read, repair, verify]

describe('caps', () => {
  it('come out as they went in, and say what they are', () => {
    for (const cap of all) {
      const text = encodeCap(cap)
      expect(text).toMatch(new RegExp(`^cairn:${cap.type}:1[a-z2-7]+$`))
      expect(decodeCap(text)).toEqual(cap)
    }
  })

  it('are read in capitals and wrapped over lines', () => {
    const text = encodeCap(read)
    const wrapped = text.replaceAll(/(.{30})/g, '$1\r\n  ')
    expect(decodeCap(`\n ${wrapped.toUpperCase()}\n`)).toEqual(read)
  })

  it('with any character changed, lost or added are refused, and never shown', () => {
    for (const cap of all) {
      const text = encodeCap(cap)
      for (let at = 0; at < text.length; at += 1) {
        const other = text[at] === 'b' ? 'c' : 'b'
        const lost = text.slice(0, at) + text.slice(at + 1)
        const added = text.slice(0, at) + other + text.slice(at)
        for (const slip of [text.slice(0, at) + other + text.slice(at + 1), lost, added]) {
          const error = failure(() => decodeCap(slip))
          expect(error.message).not.toContain(text.slice(20, 40))
        }
      }
    }
  })

  it('that were changed say so, apart from those of another version or kind', () => {
    const text = encodeCap(read)
    expect(() => decodeCap(`${text.slice(0, -1)}${text.endsWith('a') ? 'b' : 'a'}`)).toThrow(
      BadChecksumError,
    )
    expect(() => decodeCap(text.slice(0, 30))).toThrow(BadChecksumError)
    expect(() => decodeCap(text.replace(':1', ':2'))).toThrow(VersionError)
    expect(() => decodeCap(text.replace('read', 'repair'))).toThrow(BadChecksumError)
    expect(() => decodeCap('https://example.org/')).toThrow(FormatError)
    expect(() => decodeCap('a'.repeat(TYPED_TEXT_SIZE_MAX + 1))).toThrow(FormatError)
  })

  it('K07: of one type do not pass for another', () => {
    for (const given of all) {
      expect(requireCap(encodeCap(given), given.type)).toEqual(given)
      for (const wanted of all) {
        if (given === wanted) continue
        expect(() => requireCap(encodeCap(given), wanted.type)).toThrow(CapTooWeakError)
      }
    }
    const error = failure(() => requireCap(encodeCap(verify), 'read'))
    expect(error).toMatchObject({ found: 'verify', wanted: 'read' })
    expect(() => decodeCap(encodeTypedText('invite', utf8('x')))).toThrow(CapTooWeakError)
  })

  it('for repair and for reading open the same ledger', () => {
    expect(ledgerKeyOf({ ...read })).toEqual(ledgerKeyOf({ ...repair }))
  })

  it('K08: for repair and verification hold no key that reads, nor one it follows from', () => {
    const secrets = [
      keys.readSecret,
      keys.vaultKey.seed,
      keys.recoveryKey.seed,
      keys.pruneKey.seed,
      ...Object.entries(deriveReadKeys(keys.readSecret))
        .filter(([name]) => name !== 'ledgerKey')
        .map(([, key]: [string, Uint8Array]) => key),
    ]
    const derived = deriveReadKeys(keys.ledgerKey) // the best a repairer could try
    for (const cap of [repair, verify]) {
      const held = JSON.stringify(hexes(decodeCap(encodeCap(cap))))
      for (const secret of secrets) expect(held).not.toContain(toHex(secret))
    }
    for (const key of Object.values<Uint8Array>({ ...derived })) {
      expect(secrets.map(toHex)).not.toContain(toHex(key))
    }
  })

  it('for repair need the vault’s certificate for their own key and role', () => {
    const stranger = vaultPapers(2)
    for (const other of [
      { ...repair, certificate },
      { ...repair, repairSeed: keys.pruneKey.seed },
      { ...repair, vault: stranger.vault },
    ]) {
      expect(() => encodeCap(other)).toThrow(FormatError)
    }
  })

  it('for verification name 1 to 16,384 packs', () => {
    const packs = Array.from({ length: VERIFY_PACKS_MAX }, (_, index) => packId(utf8(`${index}`)))
    expect(decodeCap(encodeCap({ type: 'verify', packs }))).toEqual({ type: 'verify', packs })
    expect(() => encodeCap({ type: 'verify', packs: [] })).toThrow(FormatError)
    const tooMany = [...packs, ...packs.slice(0, 1)]
    expect(() => encodeCap({ type: 'verify', packs: tooMany })).toThrow(FormatError)
  })

  it('throw nothing but FormatErrors, even with a right checksum', () => {
    for (let run = 0; run < 300; run += 1) {
      const payload = new Uint8Array(randomBytes(run % 90))
      for (const type of ['read', 'repair', 'verify'] as const) {
        expect(() => decodeCap(encodeTypedText(type, payload))).toThrow(FormatError)
      }
    }
  })
})

function failure(action: () => unknown): FormatError {
  try {
    action()
  } catch (error) {
    if (error instanceof FormatError) return error
    throw error
  }
  throw new Error('it was accepted')
}

function hexes(value: object): unknown[] {
  return Object.values(value).map((part: unknown) =>
    part instanceof Uint8Array ? toHex(part) : part,
  )
}
