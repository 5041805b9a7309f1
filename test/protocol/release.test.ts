import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { compare, concat, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import { SEQUENCE_MAX } from '../../protocol/head.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import { issueCertificate, sign, type SigningKey } from '../../protocol/keys.ts'
import { packId, packIdToBytes, type PackId } from '../../protocol/manifest.ts'
import {
  openRelease,
  RELEASE_PACKS_MAX,
  RELEASE_SIZE_MAX,
  signRelease,
  type Release,
} from '../../protocol/release.ts'
import { WrongSignerError } from '../../protocol/signed.ts'

import { everyBitFlipped } from './flips.ts'
import { foreignError } from './fuzz.ts'
import { START, vaultPapers } from './people.ts'

const { keys, vault, device, certificate: deviceCertificate } = vaultPapers(1)
const certificate = certify('prune', keys.pruneKey)

const release: Release = {
  vault,
  certificate,
  kind: 'release',
  head: { sequence: 7, id: sha256(utf8('seventh')) },
  packs: [packId(utf8('one')), packId(utf8('another'))],
}

describe('releases', () => {
  const bytes = signRelease(release, keys.pruneKey)

  it('come out as they went in, packs by name, with nobody’s secret', () => {
    const packs = fc.uniqueArray(fc.uint8Array({ minLength: 1, maxLength: 9 }).map(packId), {
      maxLength: 40,
    })
    const sequences = fc.integer({ min: 1, max: SEQUENCE_MAX })
    const kinds = fc.constantFrom('release' as const, 'cancel' as const)
    fc.assert(
      fc.property(packs, sequences, kinds, (names, sequence, kind) => {
        fc.pre(kind === 'cancel' || names.length > 0)
        const head = { sequence, id: sha256(utf8(String(sequence))) }
        const one = { ...release, kind, head, packs: names }
        const opened = openRelease(signRelease(one, keys.pruneKey))
        expect(opened).toEqual({ ...one, packs: sorted(names), epoch: 1 })
      }),
      { numRuns: 50 },
    )
  })

  it('are the same bytes each time they are signed, however their packs are ordered', () => {
    const packs = release.packs.toReversed()
    expect(signRelease({ ...release, packs }, keys.pruneKey)).toEqual(bytes)
  })

  it('name 1 to 1,024 packs, in 40 KiB at most; a cancel may name none', () => {
    const many = Array.from({ length: RELEASE_PACKS_MAX + 1 }, (_, index) =>
      packId(utf8(`${index}`)),
    )
    const full = signRelease({ ...release, packs: many.slice(1) }, keys.pruneKey)
    expect(full.length).toBeLessThan(RELEASE_SIZE_MAX)
    expect(openRelease(full).packs).toHaveLength(RELEASE_PACKS_MAX)
    for (const packs of [many, []]) {
      expect(() => signRelease({ ...release, packs }, keys.pruneKey)).toThrow(FormatError)
    }
    const cancel = signRelease({ ...release, kind: 'cancel', packs: [] }, keys.pruneKey)
    expect(openRelease(cancel).packs).toEqual([])
  })

  it('name each pack once', () => {
    const packs = [...release.packs, ...release.packs]
    expect(() => signRelease({ ...release, packs }, keys.pruneKey)).toThrow('each once')
  })

  it('with any bit flipped are refused', () => {
    for (const changed of everyBitFlipped(bytes)) {
      expect(() => openRelease(changed)).toThrow(FormatError)
    }
  })

  it('are signed by no key but the certified prune key', () => {
    const other = vaultPapers(2)
    for (const key of [device.key, keys.vaultKey, other.keys.pruneKey]) {
      expect(() => signRelease(release, key)).toThrow('another key')
      expect(() => openRelease(forged(key))).toThrow(WrongSignerError)
    }
  })

  it('are not taken from a key that was certified for something else', () => {
    for (const role of ['device', 'repair'] as const) {
      const wrong = certify(role, device.key)
      const signed = () => signRelease({ ...release, certificate: wrong }, device.key)
      expect(signed).toThrow(`role ${role}`)
    }
    const forgery = forged(device.key, { certificate: deviceCertificate })
    expect(() => openRelease(forgery)).toThrow('role device')
  })

  it('belong to the vault that certified the key, and to no other', () => {
    const other = vaultPapers(2)
    expect(() => signRelease({ ...release, vault: other.vault }, keys.pruneKey)).toThrow(
      FormatError,
    )
    const theirs = issueCertificate(other.keys.vaultKey, {
      device: deviceIdFromBytes(keys.pruneKey.publicKey),
      epoch: 1,
      issuedAt: START,
      role: 'prune',
    })
    expect(openRelease(forged(keys.pruneKey, { certificate: theirs })).vault).toBe(other.vault)
  })

  it('signed for another purpose are refused', () => {
    expect(() => openRelease(forged(keys.pruneKey, {}, 'cairnhd1'))).toThrow(WrongSignerError)
    expect(openRelease(forged(keys.pruneKey)).head.sequence).toBe(7)
  })

  it('throw nothing but FormatErrors', async () => {
    const cancel = signRelease({ ...release, kind: 'cancel', packs: [] }, keys.pruneKey)
    const valid = [bytes, cancel, certificate]
    expect(await foreignError((input) => openRelease(input), valid, 1000)).toBeUndefined()
  })
})

function certify(role: 'device' | 'repair' | 'prune', key: SigningKey): Uint8Array {
  const subject = { device: deviceIdFromBytes(key.publicKey), epoch: 1, issuedAt: START }
  return issueCertificate(keys.vaultKey, { ...subject, role })
}

/** A release's bytes as the format has them, from whoever, for whatever. */
function forged(key: SigningKey, changes: object = {}, tag = 'cairnrl1'): Uint8Array {
  const body = encodeCbor({
    certificate,
    kind: 'release',
    sequence: 7,
    headId: release.head.id,
    packs: release.packs.map(packIdToBytes).toSorted(compare),
    ...changes,
  })
  return concat(utf8('cairnrl1'), sign(key, tag, body), body)
}

function sorted(packs: readonly PackId[]): PackId[] {
  return packs.toSorted((a, b) => compare(packIdToBytes(a), packIdToBytes(b)))
}
