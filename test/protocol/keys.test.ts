import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { concat, fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import { FormatError, VersionError } from '../../protocol/errors.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import {
  deriveReadKeys,
  deriveVaultKeys,
  issueCertificate,
  openCertificate,
  parsePeerId,
  peerIdOf,
  publicKeyOf,
  sign,
  signingKeyFromSeed,
  verify,
} from '../../protocol/keys.ts'
import { EPOCH_MAX } from '../../protocol/certificate.ts'
import { WrongSignerError } from '../../protocol/signed.ts'

import { everyBitFlipped } from './flips.ts'
import { foreignError } from './fuzz.ts'
import { START, vaultPapers } from './people.ts'

const seeds = fc.uint8Array({ minLength: 32, maxLength: 32 })

describe('vault keys', () => {
  it('follow from the root by HKDF, as an independent implementation has it', () => {
    const root = Uint8Array.from({ length: 32 }, (_, index) => index)
    const keys = deriveVaultKeys(root)
    expect(toHex(keys.vaultKey.seed)).toBe(derive(root, 'cairn/1/ed25519/vault'))
    expect(toHex(keys.recoveryKey.seed)).toBe(derive(root, 'cairn/1/ed25519/recovery'))
    expect(toHex(keys.pruneKey.seed)).toBe(derive(root, 'cairn/1/ed25519/prune'))
    expect(toHex(keys.readSecret)).toBe(derive(root, 'cairn/1/read-secret'))
    const readKeys = deriveReadKeys(keys.readSecret)
    expect(toHex(readKeys.contentSecret)).toBe(derive(keys.readSecret, 'cairn/1/content-secret'))
    expect(toHex(readKeys.ledgerKey)).toBe(derive(keys.readSecret, 'cairn/1/ledger-key'))
    expect(keys.ledgerKey).toEqual(readKeys.ledgerKey)
  })

  it('all differ, within a vault and between vaults', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(seeds, { minLength: 2, maxLength: 2, selector: toHex }),
        (roots) => {
          const secrets = roots.flatMap((root) => {
            const { vaultKey, recoveryKey, pruneKey, readSecret } = deriveVaultKeys(root)
            const readKeys = Object.values<Uint8Array>({ ...deriveReadKeys(readSecret) })
            return [root, vaultKey.seed, recoveryKey.seed, pruneKey.seed, readSecret, ...readKeys]
          })
          expect(new Set(secrets.map(toHex)).size).toBe(secrets.length)
        },
      ),
      { numRuns: 20 },
    )
  })

  it('need a root of 32 bytes', () => {
    for (const size of [0, 31, 33]) {
      expect(() => deriveVaultKeys(new Uint8Array(size))).toThrow(FormatError)
      expect(() => deriveReadKeys(new Uint8Array(size))).toThrow(FormatError)
      expect(() => signingKeyFromSeed(new Uint8Array(size))).toThrow(FormatError)
    }
  })
})

describe('signatures', () => {
  it('are Ed25519: the key of RFC 8032, 7.1, test 1', () => {
    const seed = fromHex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60')
    expect(toHex(signingKeyFromSeed(seed).publicKey)).toBe(
      'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    )
  })

  it('are over tag and bytes, as libp2p verifies them', async () => {
    const seed = new Uint8Array(32).fill(5)
    const key = signingKeyFromSeed(seed)
    const { publicKey } = await generateKeyPairFromSeed('Ed25519', seed)
    const signature = sign(key, 'cairn/test', utf8('words'))
    const text = concat(Uint8Array.of(10), utf8('cairn/test'), utf8('words'))
    expect(await publicKey.verify(text, signature)).toBe(true)
  })

  it('hold for the same key, tag and bytes, and for nothing else', () => {
    fc.assert(
      fc.property(seeds, fc.uint8Array(), (seed, bytes) => {
        const key = signingKeyFromSeed(seed)
        const signature = sign(key, 'cairn/a', bytes)
        expect(verify(key.publicKey, 'cairn/a', bytes, signature)).toBe(true)
        expect(verify(key.publicKey, 'cairn/b', bytes, signature)).toBe(false)
        expect(verify(key.publicKey, 'cairn/', concat(utf8('a'), bytes), signature)).toBe(false)
        expect(verify(key.publicKey, 'cairn/a', concat(bytes, bytes, seed), signature)).toBe(false)
        expect(verify(seed, 'cairn/a', bytes, signature)).toBe(false)
      }),
      { numRuns: 30 },
    )
  })

  it('H05: do not hold with any bit flipped, nor cut, nor with the order of the group added', () => {
    const key = signingKeyFromSeed(new Uint8Array(32).fill(6))
    const signature = sign(key, 'cairn/test', utf8('words'))
    const others = [
      ...everyBitFlipped(signature),
      signature.subarray(0, 63),
      concat(signature, Uint8Array.of(0)),
      withOrderAdded(signature),
    ]
    for (const other of others) {
      expect(verify(key.publicKey, 'cairn/test', utf8('words'), other)).toBe(false)
    }
  })

  it('by what is no key at all do not hold', () => {
    const signature = new Uint8Array(64)
    for (const size of [0, 31, 33, 64]) {
      expect(verify(new Uint8Array(size).fill(9), 'cairn/test', utf8(''), signature)).toBe(false)
    }
    expect(verify(new Uint8Array(32).fill(255), 'cairn/test', utf8(''), signature)).toBe(false)
  })
})

describe('peer ids', () => {
  it('are those of libp2p for the same seed', async () => {
    for (const fill of [0, 1, 127, 255]) {
      const seed = new Uint8Array(32).fill(fill)
      // oxlint-disable-next-line no-await-in-loop -- four keys
      const theirs = peerIdFromPrivateKey(await generateKeyPairFromSeed('Ed25519', seed))
      expect(peerIdOf(signingKeyFromSeed(seed).publicKey)).toBe(theirs.toString())
    }
  })

  it('come out as they went in', () => {
    fc.assert(
      fc.property(seeds, (key) => {
        expect(publicKeyOf(peerIdOf(key))).toEqual(key)
      }),
    )
  })

  it('of other kinds, or with a slip, are refused', () => {
    const rsa = 'QmcgpsyWgH8Y8ajJz1Cu72KnS5uo2Aa2LpzU7kinSupNKC'
    const secp256k1 = '16Uiu2HAkyUFoSnsRvtxfRD8GHEWFqvBXX8xKXMVhqZKzRvxBQLcX'
    const good = peerIdOf(new Uint8Array(32).fill(3))
    const slips = [`${good} `, good.slice(1), `${good.slice(0, -1)}0`, `1${good}`, 'z'.repeat(52)]
    for (const text of ['', rsa, secp256k1, ...slips]) {
      expect(() => parsePeerId(text)).toThrow(FormatError)
    }
    expect(() => peerIdOf(new Uint8Array(31))).toThrow(FormatError)
  })
})

describe('certificates', () => {
  const { keys, vault, certificate, device } = vaultPapers(1)

  it('say what the vault certified', () => {
    expect(openCertificate(certificate, vault)).toEqual({
      vault,
      device: deviceIdFromBytes(device.key.publicKey),
      role: 'device',
      epoch: 1,
      issuedAt: START,
    })
  })

  it('H05: with any bit flipped are refused', () => {
    for (const changed of everyBitFlipped(certificate)) {
      expect(() => openCertificate(changed, vault)).toThrow(FormatError)
    }
  })

  it('of another vault are refused', () => {
    expect(() => openCertificate(certificate, vaultPapers(2).vault)).toThrow(FormatError)
  })

  it('H05: signed by another key than the vault they name are refused', () => {
    const forged = issueCertificate(
      { seed: device.key.seed, publicKey: keys.vaultKey.publicKey },
      { device: deviceIdFromBytes(device.key.publicKey), epoch: 1, issuedAt: START },
    )
    expect(() => openCertificate(forged)).toThrow(WrongSignerError)
  })

  it('of another version say so', () => {
    const later = certificate.slice()
    later[7] = 0x32
    expect(() => openCertificate(later)).toThrow(VersionError)
  })

  it('have an epoch from 1 and a time', () => {
    const subject = { device: deviceIdFromBytes(device.key.publicKey), issuedAt: START }
    for (const epoch of [0, -1, 1.5, EPOCH_MAX + 1, Number.NaN]) {
      expect(() => issueCertificate(keys.vaultKey, { ...subject, epoch })).toThrow(FormatError)
    }
    const last = issueCertificate(keys.vaultKey, { ...subject, epoch: EPOCH_MAX })
    expect(openCertificate(last).epoch).toBe(EPOCH_MAX)
  })

  it('throw nothing but FormatErrors', async () => {
    expect(await foreignError((bytes) => openCertificate(bytes), [certificate])).toBeUndefined()
  })
})

/** HKDF by another implementation, hex. */
function derive(key: Uint8Array, label: string): string {
  return toHex(hkdf(sha256, key, undefined, utf8(label), 32))
}

/** RFC 8032, 5.1.7: S + L verifies too where nobody checks that S < L. */
function withOrderAdded(signature: Uint8Array): Uint8Array {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  let scalar = order
  for (let index = 0; index < 32; index += 1) {
    scalar += BigInt(signature[32 + index] ?? 0) << BigInt(8 * index)
  }
  const changed = signature.slice()
  for (let index = 0; index < 32; index += 1) {
    changed[32 + index] = Number((scalar >> BigInt(8 * index)) & 0xffn)
  }
  return changed
}
