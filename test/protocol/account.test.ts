import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import {
  ACCOUNT_SIZE_MAX,
  averageOf,
  CREDIT_SIZE_MAX,
  creditName,
  openAccount,
  openCredit,
  signAccount,
  signCredit,
  type Account,
  type Credit,
} from '../../protocol/account.ts'
import { concat, utf8 } from '../../protocol/bytes.ts'
import { encodeCbor } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import { deviceIdFromBytes, vaultIdToBytes } from '../../protocol/ids.ts'
import { issueCertificate, sign, type SigningKey } from '../../protocol/keys.ts'
import { TIME_MAX } from '../../protocol/limits.ts'
import { publicKeyOf } from '../../protocol/peer-id.ts'
import { WrongSignerError } from '../../protocol/signed.ts'

import { everyBitFlipped } from './flips.ts'
import { foreignError } from './fuzz.ts'
import { DAY, person, START, vaultPapers } from './people.ts'

const { keys, vault, device, certificate } = vaultPapers(1)
const other = vaultPapers(2)
const friend = person(7)

const account: Account = {
  vault,
  peer: friend.peer,
  bytesHeld: 12_000_000_000,
  byteDays: 300_000_000_000,
  since: START,
  until: START + 30 * DAY,
  capacity: 100_000_000_000,
}
const accountBytes = signAccount(account, friend.key)

const credit: Credit = {
  account: accountBytes,
  certificate,
  bytes: 9_000_000_000,
  passed: 41,
  failed: 0,
  issuedAt: START + 30 * DAY,
}
const creditBytes = signCredit(credit, device.key)

describe('accounts', () => {
  it('come out as they went in, and are the same bytes each time', () => {
    const bytes = fc.maxSafeNat()
    const times = fc.tuple(fc.nat(TIME_MAX), fc.nat(TIME_MAX))
    fc.assert(
      fc.property(bytes, bytes, bytes, times, (bytesHeld, byteDays, capacity, pair) => {
        const [since, until] = pair.toSorted((a, b) => a - b) as [number, number]
        const one = { ...account, bytesHeld, byteDays, capacity, since, until }
        const signed = signAccount(one, friend.key)
        expect(openAccount(signed)).toEqual(one)
        expect(signAccount(one, friend.key)).toEqual(signed)
        expect(signed.length).toBeLessThan(ACCOUNT_SIZE_MAX)
      }),
      { numRuns: 50 },
    )
  })

  it('say how much was held on average, and nothing where they have only begun', () => {
    expect(averageOf(account)).toBe(10_000_000_000)
    expect(averageOf({ ...account, until: START })).toBe(0)
    expect(averageOf({ ...account, byteDays: 1, until: START + 2 * DAY })).toBe(0)
  })

  it('are signed by the peer they name', () => {
    expect(() => signAccount(account, device.key)).toThrow('another peer')
    expect(() => openAccount(forgedAccount(device.key))).toThrow(WrongSignerError)
    expect(() => openAccount(forgedAccount(friend.key, {}, 'cairncr1'))).toThrow(WrongSignerError)
    expect(openAccount(forgedAccount(friend.key))).toEqual(account)
  })

  it('begin before they end', () => {
    expect(() => signAccount({ ...account, until: START - 1 }, friend.key)).toThrow('field since')
    expect(() => openAccount(forgedAccount(friend.key, { until: START - 1 }))).toThrow(FormatError)
  })

  it('with any bit flipped are refused', () => {
    for (const changed of everyBitFlipped(accountBytes)) {
      expect(() => openAccount(changed)).toThrow(FormatError)
    }
  })
})

describe('credits', () => {
  it('come out as they went in, with what the peer said', () => {
    const opened = openCredit(creditBytes)
    expect(opened).toEqual({ ...credit, account, device: deviceIdFromBytes(device.key.publicKey) })
    expect(signCredit(credit, device.key)).toEqual(creditBytes)
    expect(creditBytes.length).toBeLessThan(CREDIT_SIZE_MAX)
  })

  it('never say more than the peer itself', () => {
    const most = averageOf(account)
    expect(openCredit(signCredit({ ...credit, bytes: most }, device.key)).bytes).toBe(most)
    expect(() => signCredit({ ...credit, bytes: most + 1 }, device.key)).toThrow('field bytes')
    expect(() => openCredit(forgedCredit(device.key, { bytes: most + 1 }))).toThrow('field bytes')
  })

  it('are signed by a device of the vault that the account is about', () => {
    expect(() => signCredit(credit, other.device.key)).toThrow('another key')
    expect(() => openCredit(forgedCredit(other.device.key))).toThrow(WrongSignerError)
    expect(() => openCredit(forgedCredit(keys.vaultKey))).toThrow(WrongSignerError)
    const theirs = { certificate: other.certificate }
    expect(() => openCredit(forgedCredit(other.device.key, theirs))).toThrow('another vault')
    for (const role of ['prune', 'repair'] as const) {
      const subject = { device: deviceIdFromBytes(device.key.publicKey), epoch: 1, issuedAt: START }
      const wrong = issueCertificate(keys.vaultKey, { ...subject, role })
      const forged = forgedCredit(device.key, { certificate: wrong })
      expect(() => openCredit(forged)).toThrow(`role ${role}`)
    }
  })

  it('rest on an account that the peer signed', () => {
    const forged = forgedCredit(device.key, { account: forgedAccount(device.key) })
    expect(() => openCredit(forged)).toThrow(WrongSignerError)
  })

  it('with any bit flipped are refused', () => {
    for (const changed of everyBitFlipped(creditBytes)) {
      expect(() => openCredit(changed)).toThrow(FormatError)
    }
  })

  it('have names of 16 bytes', () => {
    expect(creditName(creditBytes)).toHaveLength(16)
    expect(creditName(creditBytes)).not.toEqual(creditName(forgedCredit(device.key, { passed: 1 })))
  })

  it('and accounts throw nothing but FormatErrors', async () => {
    const valid = [accountBytes, creditBytes]
    expect(await foreignError((input) => openAccount(input), valid, 1000)).toBeUndefined()
    expect(await foreignError((input) => openCredit(input), valid, 1000)).toBeUndefined()
  })
})

function forgedAccount(key: SigningKey, changes: object = {}, tag = 'cairnar1'): Uint8Array {
  const body = encodeCbor({
    ...account,
    vault: vaultIdToBytes(vault),
    peer: publicKeyOf(friend.peer),
    ...changes,
  })
  return concat(utf8('cairnar1'), sign(key, tag, body), body)
}

function forgedCredit(key: SigningKey, changes: object = {}): Uint8Array {
  const body = encodeCbor({ ...credit, ...changes })
  return concat(utf8('cairncr1'), sign(key, 'cairncr1', body), body)
}
