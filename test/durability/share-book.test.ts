import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ShareBook } from '../../src/durability/share-book.ts'

const SHAPE = { code: { needed: 2, total: 4 }, packs: 3, peers: 6 }

/** A peer of the plain book. */
interface Plain {
  readonly shares: Set<number>
  isDead: boolean
  isMissed: boolean
  isGivenUp: boolean
}

describe('the share book', () => {
  it('counts as one does that looks at everybody each time', () => {
    const step = fc.tuple(
      fc.constantFrom('place', 'kill', 'miss', 'see', 'give up', 'take back', 'empty'),
      fc.nat(SHAPE.peers - 1),
      fc.nat(SHAPE.packs * SHAPE.code.total - 1),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const told: number[] = []
        const book = new ShareBook(SHAPE, {
          livingChanged: (pack, before) => told.push(pack, before),
          isWorse: () => undefined,
        })
        const peers = Array.from({ length: SHAPE.peers }, fresh)
        for (const [what, peer, share] of steps) {
          apply(book, peers, what, peer, share)
          for (let pack = 0; pack < SHAPE.packs; pack += 1) expectSame(book, peers, pack)
        }
        expect(told.length % 2).toBe(0)
      }),
    )
  })

  it('tells of every loss, with what was there before', () => {
    const told: string[] = []
    const book = new ShareBook(SHAPE, {
      livingChanged: (pack, before) => told.push(`${pack}: ${before} to ${book.living[pack]}`),
      isWorse: (pack) => told.push(`${pack} is worse`),
    })
    book.place(1, 0, 5)
    book.place(1, 1, 4)
    book.kill(5)
    book.miss(5, 0)
    book.giveUp(5)
    book.empty(5)
    expect(told).toEqual(['1: 0 to 1', '1: 1 to 2', '1: 2 to 1', '1 is worse', '1 is worse'])
    expect(book.holder(4)).toBe(-1 - 5)
    expect(book.holdersOf(5)).toEqual([4])
  })
})

function fresh(): Plain {
  return { shares: new Set(), isDead: false, isMissed: false, isGivenUp: false }
}

/** Do both, where it makes sense. */
function apply(book: ShareBook, peers: Plain[], what: string, index: number, share: number): void {
  const peer = peers[index]!
  const pack = Math.floor(share / SHAPE.code.total)
  const { isDead, isMissed, isGivenUp } = peer
  const isHere = !isDead && !isMissed
  const hasPack = [...peer.shares].some((each) => Math.floor(each / SHAPE.code.total) === pack)
  if (what === 'place' && isHere && !hasPack) {
    book.place(pack, share % SHAPE.code.total, index)
    peer.shares.add(share)
  } else if (what === 'kill' && !isDead) {
    book.kill(index)
    peer.isDead = true
  } else if (what === 'miss' && !isMissed) {
    book.miss(index, 1)
    peer.isMissed = true
  } else if (what === 'see' && isMissed && !isDead && !isGivenUp) {
    book.see(index)
    peer.isMissed = false
  } else if (what === 'give up' && isMissed && !isGivenUp) {
    book.giveUp(index)
    peer.isGivenUp = true
  } else if (what === 'take back' && isGivenUp && !isDead) {
    book.takeBack(index)
    Object.assign(peer, { isGivenUp: false, isMissed: false })
  } else if (what === 'empty' && isGivenUp && isDead) {
    book.empty(index)
    peers[index] = fresh()
  }
}

function expectSame(book: ShareBook, peers: readonly Plain[], pack: number): void {
  const { total } = SHAPE.code
  const shares = Array.from({ length: total }, (_, index) => pack * total + index)
  const count = (isGood: (peer: Plain) => boolean) =>
    shares.filter((share) => peers.some((peer) => peer.shares.has(share) && isGood(peer))).length
  expect(book.living[pack]).toBe(count(({ isDead }) => !isDead))
  expect(book.counting[pack]).toBe(count(({ isGivenUp }) => !isGivenUp))
  expect(book.seen(pack)).toBe(count(({ isMissed }) => !isMissed))
  for (const share of shares) {
    const holders = peers.flatMap((peer, index) => (peer.shares.has(share) ? [index] : []))
    expect(book.holdersOf(share).toSorted((a, b) => a - b)).toEqual(holders)
  }
}
