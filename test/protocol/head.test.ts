import { describe, expect, it } from 'vitest'

import { concat, toHex, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { FormatError, VersionError } from '../../protocol/errors.ts'
import { sha256 } from '../../protocol/hash.ts'
import { deviceIdFromBytes, vaultIdToBytes } from '../../protocol/ids.ts'
import {
  compareHeads,
  HEAD_FIELD_SIZE_MAX,
  openHead,
  openLedger,
  openReceipt,
  openRoot,
  sealLedger,
  sealLedgerSafely,
  sealRoot,
  sealRootSafely,
  SEQUENCE_JUMP_MAX,
  SEQUENCE_MAX,
  signHead,
  signReceipt,
  type Head,
  type OpenedHead,
} from '../../protocol/head.ts'
import { deriveReadKeys, issueCertificate, sign } from '../../protocol/keys.ts'
import { packId } from '../../protocol/manifest.ts'
import type { Reference } from '../../protocol/reference.ts'
import { SealedFieldError } from '../../protocol/sealed-field.ts'
import { WrongSignerError } from '../../protocol/signed.ts'

import { everyBitFlipped } from './flips.ts'
import { foreignError } from './fuzz.ts'
import { person, START, vaultPapers, type Person } from './people.ts'

const { keys, vault, device, certificate } = vaultPapers(1)
const { headKey, ledgerKey, contentSecret } = deriveReadKeys(keys.readSecret)
const nonce = new Uint8Array(24).fill(4)
const reference: Reference = {
  pack: 12,
  offset: 34,
  length: 567,
  key: { type: 'raw', secret: new Uint8Array(32).fill(8) },
}
const pointer = { pack: packId(utf8('p')), offset: 0, length: 900, key: new Uint8Array(32).fill(9) }

describe('heads', () => {
  const bytes = headBytes({ sequence: 7, previous: sha256(utf8('sixth')) })

  it('come out as they went in, with nobody’s secret', () => {
    const opened = openHead(bytes)
    expect(opened).toEqual({
      ...head({ sequence: 7, previous: sha256(utf8('sixth')) }),
      id: sha256(bytes),
      epoch: 1,
    })
  })

  it('are the same bytes each time they are signed', () => {
    expect(headBytes({ sequence: 7, previous: sha256(utf8('sixth')) })).toEqual(bytes)
  })

  it('are small', () => {
    expect(bytes.length).toBeLessThanOrEqual(768)
  })

  it('H05: with any bit flipped are refused', () => {
    for (const changed of everyBitFlipped(bytes)) {
      expect(() => openHead(changed)).toThrow(FormatError)
    }
  })

  it('H05: cut anywhere, or with a byte more, are refused', () => {
    for (let size = 0; size < bytes.length; size += 1) {
      expect(() => openHead(bytes.subarray(0, size))).toThrow(FormatError)
    }
    expect(() => openHead(concat(bytes, Uint8Array.of(0)))).toThrow(FormatError)
  })

  it('H05: signed by a key without a certificate are refused', () => {
    expect(() => signHead(head(), person(77).key)).toThrow(FormatError)
    expect(() => openHead(forged(person(77)))).toThrow(WrongSignerError)
  })

  it('H05: signed for another purpose are refused', () => {
    expect(() => openHead(forged(device, 'cairnrc1'))).toThrow(WrongSignerError)
    expect(openHead(forged(device)).sequence).toBe(1)
  })

  it('signed by a key that may only repair, or only release, are refused', () => {
    for (const role of ['repair', 'prune'] as const) {
      const subject = { device: deviceIdFromBytes(device.key.publicKey), epoch: 1, issuedAt: START }
      const other = issueCertificate(keys.vaultKey, { ...subject, role })
      expect(() => headBytes({ certificate: other })).toThrow(`role ${role}`)
    }
  })

  it('for another vault than the certificate’s are not signed', () => {
    expect(() => headBytes({ vault: vaultPapers(2).vault })).toThrow(FormatError)
  })

  it('H04: have a sequence from 1 to 2^43 − 1', () => {
    const previous = sha256(utf8('before'))
    for (const sequence of [
      0,
      -1,
      1.5,
      SEQUENCE_MAX + 1,
      2 ** 53 - 1,
      2 ** 53,
      2 ** 64,
      Number.NaN,
    ]) {
      expect(() => headBytes({ sequence, previous })).toThrow(FormatError)
    }
    for (const sequence of [2n ** 53n, 2n ** 64n - 1n, -1n]) {
      expect(() => openHead(forged(device, 'cairnhd1', { sequence }))).toThrow(FormatError)
    }
    expect(openHead(headBytes({ sequence: SEQUENCE_MAX, previous })).sequence).toBe(SEQUENCE_MAX)
  })

  it('have none before the first', () => {
    expect(() => headBytes({ sequence: 1, previous: sha256(utf8('zeroth')) })).toThrow(FormatError)
  })

  it('bound their fields', () => {
    expect(openHead(headBytes({ root: new Uint8Array(HEAD_FIELD_SIZE_MAX) })).sequence).toBe(1)
    expect(() => headBytes({ root: new Uint8Array(HEAD_FIELD_SIZE_MAX + 1) })).toThrow(FormatError)
    expect(() => headBytes({ ledger: new Uint8Array(0) })).toThrow(FormatError)
    expect(() => openHead(forged(device, 'cairnhd1', { more: 1 }))).toThrow(FormatError)
  })

  it('of a later version say so', () => {
    const later = bytes.slice()
    later[7] = 0x32
    expect(() => openHead(later)).toThrow(VersionError)
  })

  it('throw nothing but FormatErrors', async () => {
    expect(await foreignError((input) => openHead(input), [bytes, certificate])).toBeUndefined()
  })
})

describe('an order of heads', () => {
  const fifth = openHead(headBytes({ sequence: 5, previous: sha256(utf8('fourth')) }))
  const after = (sequence: number, previous = fifth.id): OpenedHead =>
    openHead(headBytes({ sequence, previous }))

  it('goes on with the next, and over gaps', () => {
    expect(compareHeads(fifth, after(6))).toBe('next')
    expect(compareHeads(fifth, after(7, sha256(utf8('sixth'))))).toBe('next')
  })

  it('knows the same head again', () => {
    expect(compareHeads(fifth, fifth)).toBe('same')
  })

  it('H01 H04: does not go back', () => {
    expect(compareHeads(fifth, after(4))).toBe('stale')
    expect(compareHeads(after(SEQUENCE_MAX), fifth)).toBe('stale')
  })

  it('does not go back to a device that was replaced', () => {
    const successor = person(2)
    const replacement = issueCertificate(keys.vaultKey, {
      device: deviceIdFromBytes(successor.key.publicKey),
      epoch: 2,
      issuedAt: START,
    })
    const place = { vault, sequence: 6, nonce }
    const sixth = openHead(
      signHead(
        {
          ...head({ sequence: 6, previous: fifth.id, certificate: replacement }),
          device: deviceIdFromBytes(successor.key.publicKey),
          root: sealRoot(reference, headKey, place),
        },
        successor.key,
      ),
    )
    expect(compareHeads(fifth, sixth)).toBe('next')
    expect(compareHeads(sixth, sixth)).toBe('same')
    expect(compareHeads(sixth, after(6))).toBe('stale')
    expect(compareHeads(sixth, after(7, sixth.id))).toBe('stale')
  })

  it('H04: does not jump, so that nobody burns its range', () => {
    expect(compareHeads(fifth, after(5 + SEQUENCE_JUMP_MAX))).toBe('next')
    expect(compareHeads(fifth, after(5 + SEQUENCE_JUMP_MAX + 1))).toBe('jump')
    expect(compareHeads(fifth, after(SEQUENCE_MAX))).toBe('jump')
  })

  it('sees a fork: the same sequence with other content, or a successor of another head', () => {
    expect(compareHeads(fifth, after(5))).toBe('fork')
    expect(compareHeads(fifth, after(6, sha256(utf8('another fifth'))))).toBe('fork')
  })
})

describe('what a head names', () => {
  const place = { vault, sequence: 7, nonce }
  const opened = {
    vault,
    sequence: 7,
    root: sealRoot(reference, headKey, place),
    ledger: sealLedger(pointer, ledgerKey, place),
  }

  it('opens with its key', () => {
    expect(openRoot(opened, headKey)).toEqual(reference)
    expect(openLedger(opened, ledgerKey)).toEqual(pointer)
  })

  it('K08: does not open with another key: who may repair finds no root', () => {
    expect(() => openRoot(opened, ledgerKey)).toThrow(SealedFieldError)
    expect(() => openLedger(opened, headKey)).toThrow(SealedFieldError)
    expect(() => openRoot(opened, contentSecret)).toThrow(SealedFieldError)
    expect(() => openRoot(opened, new Uint8Array(31))).toThrow(FormatError)
  })

  it('does not open in another head, another vault, or another field', () => {
    expect(() => openRoot({ ...opened, sequence: 8 }, headKey)).toThrow(SealedFieldError)
    expect(() => openRoot({ ...opened, vault: vaultPapers(2).vault }, headKey)).toThrow(
      SealedFieldError,
    )
    const swapped = { ...opened, root: sealLedger(pointer, headKey, place) }
    expect(() => openRoot(swapped, headKey)).toThrow(SealedFieldError)
  })

  it('does not open with any bit flipped, nor cut', () => {
    for (const root of everyBitFlipped(opened.root)) {
      expect(() => openRoot({ ...opened, root }, headKey)).toThrow(SealedFieldError)
    }
    for (const size of [0, 23, 24, 39, 40, opened.root.length - 1]) {
      const root = opened.root.subarray(0, size)
      expect(() => openRoot({ ...opened, root }, headKey)).toThrow(SealedFieldError)
    }
  })

  it('K04: has a nonce of its own, though the random generator gives the same bytes again', () => {
    const chance = nonce
    const other: Reference = { ...reference, offset: 35 }
    const seals = [
      sealRootSafely(reference, headKey, { vault, sequence: 7, chance }),
      sealRootSafely(reference, headKey, { vault, sequence: 8, chance }),
      sealRootSafely(other, headKey, { vault, sequence: 7, chance }),
      sealRootSafely(reference, new Uint8Array(32).fill(1), { vault, sequence: 7, chance }),
      sealLedgerSafely(pointer, headKey, { vault, sequence: 7, chance }),
      sealLedgerSafely(pointer, headKey, { vault, sequence: 8, chance }),
    ]
    const nonces = seals.map((sealed) => toHex(sealed.subarray(0, 24)))
    expect(new Set(nonces).size).toBe(seals.length)
    const again = sealRootSafely(reference, headKey, { vault, sequence: 7, chance })
    expect(again, 'the same field is the same bytes').toEqual(seals[0])
    expect(openRoot({ vault, sequence: 7, root: again }, headKey)).toEqual(reference)
  })

  it('needs a nonce of 24 bytes', () => {
    const short = { ...place, nonce: new Uint8Array(12) }
    expect(() => sealRoot(reference, headKey, short)).toThrow(FormatError)
  })
})

describe('receipts', () => {
  const peer = person(30)
  const receipt = {
    vault,
    sequence: 7,
    headId: sha256(utf8('seventh')),
    receivedAt: START,
    peer: peer.peer,
  }
  const bytes = signReceipt(receipt, peer.key)

  it('come out as they went in', () => {
    expect(openReceipt(bytes)).toEqual(receipt)
  })

  it('H05: with any bit flipped are refused', () => {
    for (const changed of everyBitFlipped(bytes)) {
      expect(() => openReceipt(changed)).toThrow(FormatError)
    }
  })

  it('H05: are signed by nobody but their peer', () => {
    expect(() => signReceipt(receipt, person(31).key)).toThrow(FormatError)
    const body = encodeCbor({
      ...receipt,
      vault: vaultIdToBytes(vault),
      peer: peer.key.publicKey,
    })
    for (const [signer, tag, error] of [
      [person(31), 'cairnrc1', WrongSignerError],
      [peer, 'cairnhd1', WrongSignerError],
    ] as const) {
      const forgery = concat(utf8('cairnrc1'), sign(signer.key, tag, body), body)
      expect(() => openReceipt(forgery)).toThrow(error)
    }
  })

  it('throw nothing but FormatErrors', async () => {
    expect(await foreignError((input) => openReceipt(input), [bytes])).toBeUndefined()
  })
})

function head(changes: Partial<Head> = {}): Head {
  const sequence = changes.sequence ?? 1
  const place = { vault, sequence: Number.isSafeInteger(sequence) ? Math.abs(sequence) : 1, nonce }
  return {
    vault,
    certificate,
    device: deviceIdFromBytes(device.key.publicKey),
    sequence,
    previous: null,
    root: sealRoot(reference, headKey, place),
    ledger: sealLedger(pointer, ledgerKey, place),
    writtenAt: START,
    ...changes,
  }
}

function headBytes(changes: Partial<Head> = {}): Uint8Array {
  return signHead(head(changes), device.key)
}

/** A head's bytes as the format has them, from whoever, for whatever, with fields of any value. */
function forged(signer: Person, tag = 'cairnhd1', changes: object = {}): Uint8Array {
  const { vault: _vault, device: _device, ...fields } = head()
  const body = encodeCbor({ ...fields, ...changes })
  return concat(utf8('cairnhd1'), sign(signer.key, tag, body), body)
}
