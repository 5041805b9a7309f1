import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import type { PackId } from '../../protocol/manifest.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { PlaceOrder, rendezvous, type Candidate } from '../../src/grid/place-order.ts'

describe('rendezvous order', () => {
  it('does not depend on the order of the candidates', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(range(20), { minLength: 20 }), (order) => {
        const shuffled = order.map((index) => candidate(index))
        expect(rendezvous(pack(1), shuffled)).toEqual(
          rendezvous(
            pack(1),
            range(20).map((index) => candidate(index)),
          ),
        )
      }),
    )
  })

  it('moves nothing but the shares of a peer that goes', () => {
    const all = range(12).map((index) => candidate(index))
    for (const seed of range(50)) {
      const [first, ...others] = rendezvous(pack(seed), all)
      expect(
        rendezvous(
          pack(seed),
          all.filter((one) => one !== first),
        ),
      ).toEqual(others)
    }
  })

  it('gives every peer its part', () => {
    const all = range(5).map((index) => candidate(index))
    const counts = new Map<PeerId, number>()
    for (const seed of range(2000)) {
      const peer = rendezvous(pack(seed), all)[0]!.peer
      counts.set(peer, (counts.get(peer) ?? 0) + 1)
    }
    // 400 each; five standard deviations of a fair draw are 90.
    for (const count of counts.values()) expect(Math.abs(count - 400)).toBeLessThan(90)
  })
})

describe('place order', () => {
  it('serves every domain once before any twice', () => {
    const candidates = range(9).map((index) => candidate(index, `domain ${index % 3}`))
    const order = new PlaceOrder(pack(1), candidates, [])
    const domains = range(9).map(() => order.next()?.domain)
    for (const from of [0, 3, 6]) expect(new Set(domains.slice(from, from + 3)).size).toBe(3)
    expect(order.next()).toBeUndefined()
  })

  it('tries the rest of a domain whose first peer failed before it crowds another', () => {
    const candidates = range(4).map((index) => candidate(index, index < 2 ? 'house' : 'flat'))
    const order = new PlaceOrder(pack(1), candidates, [])
    const first = order.next()!
    order.failed(first)
    const taken = [order.next()!, order.next()!].map(({ domain }) => domain)
    expect(taken.toSorted()).toEqual(['flat', 'house'])
  })

  it('counts what is held, and gives holders no second share', () => {
    const candidates = range(4).map((index) => candidate(index, index < 2 ? 'house' : 'flat'))
    const order = new PlaceOrder(pack(1), candidates, [candidates[0]!.peer])
    const rest = [order.next(), order.next(), order.next(), order.next()]
    expect(rest[0]?.domain).toBe('flat')
    expect(rest.map((one) => one?.peer)).not.toContain(candidates[0]!.peer)
    expect(rest[3]).toBeUndefined()
  })

  it('counts holders who may take no share now: their houses are taken', () => {
    const all = range(4).map((index) => candidate(index, index < 2 ? 'house' : 'flat'))
    const takers = all.slice(1)
    const order = new PlaceOrder(pack(1), takers, [all[0]!.peer], all)
    expect(order.next()?.domain).toBe('flat')
  })
})

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index)
}

function candidate(index: number, domain = `peer ${index}`): Candidate {
  return { peer: `peer-${index}` as PeerId, domain }
}

function pack(seed: number): PackId {
  return `pack-${seed}` as PackId
}
