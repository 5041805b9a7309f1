import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { peerIdOf, type PeerId } from '../../protocol/peer-id.ts'
import {
  FLOOR_DEFAULT,
  grantFor,
  NEWCOMER_MS,
  RETURN_RATE,
  WORD_RATE,
  type GrantFacts,
} from '../../src/peer/grant.ts'
import { CREDIT_MS, type CreditFacts } from '../../src/store/credits.ts'
import { seedOf } from '../support/test-grid.ts'

const DAY_MS = 24 * 3600_000
const GB = 1_000_000_000
const [ada, ben, cleo, dan] = ['ada', 'ben', 'cleo', 'dan'].map(vaultOf) as [
  VaultId,
  VaultId,
  VaultId,
  VaultId,
]
const peers = [ada, ben, cleo, dan].map((vault) => ({ peer: peerOf(vault), vault }))
const age = 100 * DAY_MS

/** Everybody keeps 20 GB here; ada's peer holds 10 GB for each of three others. */
const facts: GrantFacts = {
  vault: ada,
  floor: FLOOR_DEFAULT,
  ownVault: dan,
  peers,
  credits: [ben, cleo, dan].map((vault) => word(vault, ada, 10 * GB)),
  keptHere: () => 20 * GB,
  age,
}

describe('a grant', () => {
  it('is an equal part of 1.2 times what the vault’s own peers hold for others', () => {
    expect(grantFor(facts)).toEqual({ bytes: 12 * GB, held: 30 * GB, by: 'held' })
  })

  it('is the floor for whoever holds nothing, or little', () => {
    expect(grantFor({ ...facts, credits: [] })).toEqual({ bytes: 5 * GB, held: 0, by: 'floor' })
    const little = [word(ben, ada, 10 * GB)]
    expect(grantFor({ ...facts, credits: little })).toMatchObject({ bytes: 5 * GB, by: 'floor' })
    expect(grantFor({ ...facts, floor: Infinity }).bytes).toBe(Infinity)
  })

  it('has no limit at the peer’s own owner', () => {
    expect(grantFor({ ...facts, ownVault: ada })).toMatchObject({ bytes: Infinity, by: 'own' })
  })

  it('grows with what other peers of the vault hold', () => {
    const nas = { peer: peerOf(vaultOf('ada’s box')), vault: ada }
    const more = { ...word(ben, ada, 10 * GB), peer: nas.peer }
    const grant = grantFor({ ...facts, peers: [...peers, nas], credits: [...facts.credits, more] })
    expect(grant).toEqual({ bytes: 16 * GB, held: 40 * GB, by: 'held' })
  })

  it('comes from no word about oneself', () => {
    const credits = [word(ada, ada, 500 * GB)]
    expect(grantFor({ ...facts, credits })).toMatchObject({ held: 0, by: 'floor' })
  })

  it('comes from no word about a peer that is known for less than two weeks, or passed no audit', () => {
    const [first, ...rest] = facts.credits
    const held = (change: Partial<CreditFacts>) =>
      grantFor({ ...facts, credits: [{ ...first!, ...change }, ...rest] }).held
    expect(held({ firstAge: age - NEWCOMER_MS + 1 })).toBe(20 * GB)
    expect(held({ firstAge: age - NEWCOMER_MS })).toBe(30 * GB)
    expect(held({ firstAge: null })).toBe(20 * GB)
    expect(held({ passed: 0 })).toBe(20 * GB)
    expect(held({ failed: 1 })).toBe(30 * GB)
    expect(held({ failed: 2 })).toBe(20 * GB)
  })

  it('forgets words that nobody renewed for 400 days', () => {
    const old = facts.credits.map((credit) => ({ ...credit, heardAge: age + DAY_MS - CREDIT_MS }))
    expect(grantFor({ ...facts, credits: old }).held).toBe(30 * GB)
    expect(grantFor({ ...facts, credits: old, age: age + DAY_MS }).held).toBe(0)
  })

  it('counts nobody’s words beyond what he lends', () => {
    const credits = facts.credits.map((credit) => ({ ...credit, capacity: 25 * GB }))
    expect(grantFor({ ...facts, credits }).held).toBe(25 * GB)
  })

  it('is not lowered by a word that shows what a peer lent long ago', () => {
    const [first, ...others] = facts.credits
    const old = { ...first!, capacity: GB }
    expect(grantFor({ ...facts, credits: [old, ...others] }).held).toBe(21 * GB)
    expect(
      grantFor({ ...facts, credits: [...facts.credits, { ...old, vault: vaultOf('eve') }] }).held,
    ).toBe(31 * GB)
  })

  it('counts a vault’s word up to twice what it keeps here itself', () => {
    const credits = [word(ben, ada, 900 * GB)]
    expect(grantFor({ ...facts, credits }).held).toBe(WORD_RATE * 20 * GB)
    const absent = { ...facts, credits, keptHere: () => 0 }
    expect(grantFor(absent)).toMatchObject({ held: 0, by: 'floor' })
  })

  it('of two who vouch for each other without end is bounded by the floor where three others lend', () => {
    const kept = fc.nat(1000 * GB)
    const claim = fc.maxSafeNat()
    const others = fc.integer({ min: 3, max: 50 })
    fc.assert(
      fc.property(kept, claim, others, fc.nat(100 * GB), (keptByBen, said, count, floor) => {
        const strangers = Array.from({ length: count - 1 }, (_, index) => ({
          peer: peerOf(vaultOf(`stranger ${index}`)),
        }))
        const grid = [...peers.slice(0, 2), ...strangers]
        const credits = [{ ...word(ben, ada, said), capacity: Number.MAX_SAFE_INTEGER }]
        const keptHere = (vault: VaultId) => (vault === ben ? keptByBen : 0)
        const grant = grantFor({ ...facts, floor, peers: grid, credits, keptHere, ownVault: dan })
        // What ben must keep here first is more than what his word brings ada.
        const brought = (RETURN_RATE * WORD_RATE * keptByBen) / count
        expect(grant.bytes).toBeLessThanOrEqual(Math.max(floor, brought))
        expect(brought).toBeLessThanOrEqual(0.8 * keptByBen)
      }),
      { numRuns: 200 },
    )
  })

  it('never gives everybody together more than 1.2 times what is held, beyond floors', () => {
    const amounts = fc.array(fc.nat(50 * GB), { minLength: 12, maxLength: 12 })
    fc.assert(
      fc.property(amounts, (bytes) => {
        let index = 0
        const credits = peers.flatMap(({ vault: holder }) =>
          peers
            .filter(({ vault }) => vault !== holder)
            .map(({ vault }) => word(vault, holder, bytes[index++] ?? 0)),
        )
        const total = credits.reduce((sum, credit) => sum + credit.bytes, 0)
        const keptHere = () => Infinity
        const granted = peers.flatMap(({ vault }) =>
          peers
            .filter((peer) => peer.vault !== vault)
            .map((at) =>
              grantFor({ ...facts, vault, credits, keptHere, floor: 0, ownVault: at.vault }),
            ),
        )
        const sum = granted.reduce((all, grant) => all + grant.bytes, 0)
        expect(sum).toBeLessThanOrEqual(RETURN_RATE * total + 1)
      }),
      { numRuns: 50 },
    )
  })
})

function word(vault: VaultId, owner: VaultId, bytes: number): CreditFacts {
  const known = { firstAge: age - 20 * DAY_MS, heardAge: age - DAY_MS, capacity: 1000 * GB }
  const device = peerIdOf(seedOf(`device of ${vault}`))
  return { vault, peer: peerOf(owner), device, bytes, passed: 9, failed: 0, ...known }
}

function vaultOf(name: string): VaultId {
  return vaultIdFromBytes(seedOf(`vault of ${name}`))
}

function peerOf(vault: VaultId): PeerId {
  return peerIdOf(seedOf(`peer of ${vault}`))
}
