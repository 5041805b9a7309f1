import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { concat, utf8 } from '../../protocol/bytes.ts'
import { encodeCap, requireCap, CapTooWeakError } from '../../protocol/cap.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import {
  deriveReadKeys,
  issueCertificate,
  sign,
  type CertificateRole,
  type SigningKey,
} from '../../protocol/keys.ts'
import { hkdf } from '../../protocol/hash.ts'
import {
  openRepairGrant,
  REPAIR_GRANT_MS_MAX,
  REPAIR_GRANT_SIZE_MAX,
  signRepairGrant,
  type RepairGrant,
} from '../../protocol/repair-grant.ts'
import { WrongSignerError } from '../../protocol/signed.ts'

import { everyBitFlipped } from './flips.ts'
import { foreignError } from './fuzz.ts'
import { DAY, person, START, vaultPapers } from './people.ts'

const { keys, vault, device } = vaultPapers(1)
const repairKey = person(30).key
const certificate = certify('repair', repairKey)
const helper = person(40)

const grant: RepairGrant = {
  vault,
  certificate,
  peer: helper.peer,
  issuedAt: START,
  expiresAt: START + DAY,
}

describe('repair grants', () => {
  const bytes = signRepairGrant(grant, repairKey)

  it('come out as they went in, with nobody’s secret', () => {
    const lengths = fc.integer({ min: 1, max: REPAIR_GRANT_MS_MAX })
    const peers = fc.integer({ min: 0, max: 255 }).map((number) => person(number).peer)
    fc.assert(
      fc.property(lengths, peers, (length, peer) => {
        const one = { ...grant, peer, expiresAt: START + length }
        expect(openRepairGrant(signRepairGrant(one, repairKey))).toEqual({ ...one, epoch: 1 })
      }),
      { numRuns: 30 },
    )
  })

  it('are the same bytes each time they are signed, and fit their limit with room', () => {
    expect(signRepairGrant(grant, repairKey)).toEqual(bytes)
    expect(2 * bytes.length).toBeLessThan(REPAIR_GRANT_SIZE_MAX)
  })

  it('last for 31 days at most, and for some time', () => {
    for (const expiresAt of [START - 1, START, START + REPAIR_GRANT_MS_MAX + 1]) {
      expect(() => signRepairGrant({ ...grant, expiresAt }, repairKey)).toThrow(FormatError)
    }
  })

  it('with any bit flipped are refused', () => {
    for (const changed of everyBitFlipped(bytes)) {
      expect(() => openRepairGrant(changed)).toThrow(FormatError)
    }
  })

  it('are signed by no key but the certified repair key', () => {
    for (const key of [device.key, helper.key, keys.vaultKey, keys.pruneKey]) {
      expect(() => signRepairGrant(grant, key)).toThrow('another key')
      expect(() => openRepairGrant(forged(key))).toThrow(WrongSignerError)
    }
  })

  it('are not taken from a key that was certified for something else', () => {
    for (const role of ['device', 'prune'] as const) {
      const wrong = certify(role, repairKey)
      const signed = () => signRepairGrant({ ...grant, certificate: wrong }, repairKey)
      expect(signed).toThrow(`role ${role}`)
    }
  })

  it('belong to the vault that certified the key, and to no other', () => {
    const other = vaultPapers(2)
    const elsewhere = { ...grant, vault: other.vault }
    expect(() => signRepairGrant(elsewhere, repairKey)).toThrow(FormatError)
  })

  it('throw nothing but FormatErrors', async () => {
    const valid = [bytes, certificate]
    expect(await foreignError((input) => openRepairGrant(input), valid, 1000)).toBeUndefined()
  })
})

describe('a repair cap', () => {
  const text = encodeCap({
    type: 'repair',
    vault,
    ledgerKey: keys.ledgerKey,
    repairSeed: repairKey.seed,
    certificate,
  })

  it('K07: does not stand for a read cap, nor a read cap for it', () => {
    const read = encodeCap({ type: 'read', vault, readSecret: keys.readSecret })
    expect(() => requireCap(text, 'read')).toThrow(CapTooWeakError)
    expect(() => requireCap(read, 'repair')).toThrow(CapTooWeakError)
    expect(requireCap(text, 'repair').vault).toBe(vault)
  })

  it('K08: has nothing from which a key that reads follows', () => {
    const cap = requireCap(text, 'repair')
    const { ledgerKey, ...reading } = deriveReadKeys(keys.readSecret)
    const secrets = [keys.readSecret, ...Object.values(reading)]
    const held = [cap.ledgerKey, cap.repairSeed]
    expect(cap.ledgerKey, 'finds').toEqual(ledgerKey)
    const labels = ['read-secret', 'content-secret', 'pad-key', 'cut-key', 'head-key', 'local-key']
    const derived = held.flatMap((key) => labels.map((label) => hkdf(key, `cairn/1/${label}`)))
    for (const secret of secrets) {
      for (const key of [...held, ...derived]) expect(key).not.toEqual(secret)
    }
  })
})

function certify(role: CertificateRole, key: SigningKey): Uint8Array {
  const subject = { device: deviceIdFromBytes(key.publicKey), epoch: 1, issuedAt: START }
  return issueCertificate(keys.vaultKey, { ...subject, role })
}

/** A grant's bytes as the format has them, from whoever. */
function forged(key: SigningKey): Uint8Array {
  const { publicKey } = helper.key
  const times = { issuedAt: START, expiresAt: START + DAY }
  const body = encodeCbor({ certificate, peer: publicKey, ...times })
  return concat(utf8('cairnrg1'), sign(key, 'cairnrg1', body), body)
}
