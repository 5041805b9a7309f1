import { describe, expect, it } from 'vitest'

import type { PackId } from '../../protocol/manifest.ts'
import type { Standing } from '../../src/grid/standing.ts'
import type { PeerId } from '../../src/ports/network.ts'
import {
  judgePack,
  margin,
  needsOf,
  type FriendFacts,
  type Holding,
} from '../../src/repair/pack-health.ts'
import type { ShapedPack } from '../../src/repair/pack-list.ts'
import { costOf, packsDue, sharesToPlace } from '../../src/repair/repair-plan.ts'

/** Ten peers: 3-of-8, safe with 5. */
const pack: ShapedPack = {
  id: 'a pack' as PackId,
  kind: 'data',
  numbers: [7],
  shape: { needed: 3, total: 8, size: 3000 },
}
const all = Array.from({ length: 10 }, (_, index) => peer(index))

describe('a pack', () => {
  it('is whole with every share at a peer that answers', () => {
    const health = judge({})
    expect(health).toMatchObject({ verdict: 'whole', happiness: 8, happinessMax: 8, missing: [] })
    expect(needsOf(health)).toEqual({ placeable: 0, friends: 0, shares: 0, back: [] })
    expect(margin(health)).toBe(5)
  })

  it('is whole while silent friends are waited for, and told to be silent', () => {
    const health = judge({ away: [0, 1, 2], standing: 'quiet' })
    expect(health).toMatchObject({ verdict: 'whole', missing: [] })
    expect(health.silent).toEqual([peer(0), peer(1), peer(2)])
    expect(health.readable.size).toBe(5)
  })

  it('settles once they are given up and others would take their shares', () => {
    const health = judge({ away: [0, 1, 2], standing: 'gone' })
    expect(health).toMatchObject({ verdict: 'settling', happiness: 5, missing: [0, 1, 2] })
    expect(health.takers).toEqual([peer(8), peer(9)])
    // One more share than there are peers for it: data comes first.
    expect(sharesToPlace(health)).toEqual([0, 1])
    const back = [peer(0), peer(1), peer(2)]
    expect(needsOf(health)).toEqual({ placeable: 2, friends: 1, shares: 0, back })
  })

  it('is thin with shares missing and nobody left to take them', () => {
    const health = judge({ away: [0, 8, 9], standing: 'gone' })
    expect(health).toMatchObject({ verdict: 'thin', happiness: 7, happinessMax: 7, takers: [] })
    expect(needsOf(health)).toMatchObject({ placeable: 0, friends: 1 })
  })

  it('is unsafe below H failure domains, however many shares there are', () => {
    expect(judge({ away: [0, 1, 2, 3], standing: 'gone' }).verdict).toBe('unsafe')
    const friends = facts({})
    for (const [id, one] of friends) friends.set(id, { ...one, domain: 'one house' })
    const health = judgePack(pack, { holders: placed(), barred: new Set() }, friends)
    expect(health).toMatchObject({ verdict: 'unsafe', happiness: 1, happinessMax: 1 })
  })

  it('is out of reach while those who are waited for have the rest', () => {
    const health = judge({ away: [0, 1, 2, 3, 4, 5], standing: 'quiet', isSeenLately: true })
    expect(health).toMatchObject({ verdict: 'out-of-reach' })
    const back = [0, 1, 2, 3, 4, 5].map(peer)
    expect(needsOf(health)).toEqual({ placeable: 0, friends: 0, shares: 1, back })
  })

  it('is out of reach, and not lost, where they were not seen of late and are waited for still', () => {
    const away = [0, 1, 2, 3, 4, 5]
    for (const standing of ['quiet', 'vacation', 'here'] as const) {
      const health = judge({ away, standing, isSeenLately: false })
      expect(health).toMatchObject({ verdict: 'out-of-reach', missing: away })
    }
  })

  it('is lost once they are given up', () => {
    const health = judge({ away: [0, 1, 2, 3, 4, 5], standing: 'gone' })
    expect(health).toMatchObject({ verdict: 'lost' })
    expect(margin(health)).toBe(-1)
    expect(packsDue([health])).toEqual([health])
    // Only a copy of our own could help.
    expect(costOf(health, undefined)).toBeUndefined()
    expect(costOf(health, 0)).toMatchObject({ means: 'spool', bytesDown: 0 })
  })

  it('is out of reach where those who have the rest count no more for this run only', () => {
    const friends = facts({ away: [0, 1, 2, 3, 4, 5], standing: 'gone' })
    for (const index of [0, 1]) {
      friends.set(peer(index), { ...friends.get(peer(index))!, isWaitedFor: true })
    }
    const held = { holders: placed([0, 1, 2, 3, 4, 5]), barred: new Set<PeerId>() }
    expect(judgePack(pack, held, friends)).toMatchObject({
      verdict: 'out-of-reach',
      missing: { length: 6 },
    })
  })

  it('does not wait for the silent where few shares were seen of late', () => {
    const health = judge({ away: [0, 1, 2, 3], standing: 'quiet', isSeenLately: false })
    expect(health).toMatchObject({ verdict: 'unsafe', happiness: 4, missing: [0, 1, 2, 3] })
    const lately = judge({ away: [0, 1, 2, 3], standing: 'quiet', isSeenLately: true })
    expect(lately.verdict).toBe('whole')
  })

  it('misses what lies at a peer that leaves, and can take it from there', () => {
    const friends = facts({ standings: new Map([[peer(7), 'leaving']]) })
    const health = judgePack(pack, { holders: placed(), barred: new Set() }, friends)
    expect(health).toMatchObject({ verdict: 'settling', missing: [7] })
    expect(costOf(health, undefined)).toEqual({ means: 'leaver', bytesDown: 1000, bytesUp: 1000 })
    expect(costOf(health, 0)).toMatchObject({ means: 'spool', bytesDown: 0 })
  })

  it('gives nothing to peers that are silent, untrusted or on vacation, or gave wrong bytes', () => {
    const standings = new Map<PeerId, Standing>([
      [peer(8), 'untrusted'],
      [peer(9), 'vacation'],
    ])
    const holders = new Map([...placed()].slice(0, 7))
    const taken = { holders, barred: new Set([peer(7)]) }
    expect(judgePack(pack, taken, facts({ standings })).takers).toEqual([])
    expect(judgePack(pack, { ...taken, barred: new Set() }, facts({ standings })).takers).toEqual([
      peer(7),
    ])
  })

  it('counts no share that it cannot have, and no stranger', () => {
    const holders = new Map(placed())
    holders.set(200, [{ peer: peer(9), isSeen: true }])
    holders.set(0, [{ peer: 'a stranger' as PeerId, isSeen: true }])
    const health = judgePack(pack, { holders, barred: new Set() }, facts({}))
    expect(health).toMatchObject({ verdict: 'settling', missing: [0], happiness: 7 })
  })

  it('S10: with all its shares at one peer has a happiness of 1', () => {
    const holders = new Map<number, Holding[]>()
    for (let share = 0; share < 8; share += 1) holders.set(share, [{ peer: peer(0), isSeen: true }])
    const health = judgePack(pack, { holders, barred: new Set() }, facts({}))
    expect(health).toMatchObject({ verdict: 'unsafe', happiness: 1, safeCount: 5 })
    expect(health.missing).toHaveLength(7)
  })

  it('S10: counts one share of a peer that says it has all, so that the lost ones are made again', () => {
    const friends = facts({ away: [5, 6, 7], standing: 'gone' })
    const holders = new Map(
      [...placed([5, 6, 7])].map(([share, held]) => [
        share,
        share === 0 ? held : [{ peer: peer(0), isSeen: true }, ...held],
      ]),
    )
    const health = judgePack(pack, { holders, barred: new Set() }, friends)
    expect(health).toMatchObject({ verdict: 'settling', happiness: 5, missing: [5, 6, 7] })
    expect(packsDue([health])).toEqual([health])
    expect(margin(health)).toBe(2)
  })
})

describe('what is due', () => {
  it('comes by danger, then by what rests on it', () => {
    const endangered = judge({ away: [0, 1, 2, 3], standing: 'gone' })
    const data = judge({ away: [0], standing: 'gone' })
    const tree = { ...data, pack: { ...pack, id: 'a tree' as PackId, kind: 'metadata' as const } }
    expect(packsDue([data, judge({}), tree, endangered])).toEqual([endangered, tree, data])
  })

  it('is read from peers where nothing of it is here', () => {
    const health = judge({ away: [0, 1], standing: 'gone' })
    expect(costOf(health, undefined)).toEqual({ means: 'peers', bytesDown: 3000, bytesUp: 2000 })
    expect(costOf(health, 400)).toEqual({ means: 'files', bytesDown: 400, bytesUp: 2000 })
  })
})

function peer(index: number): PeerId {
  return `peer ${index}` as PeerId
}

/** Share i at peer i. */
function placed(away: readonly number[] = []): Map<number, Holding[]> {
  return new Map(
    Array.from({ length: 8 }, (_, share) => [
      share,
      [{ peer: peer(share), isSeen: !away.includes(share) }],
    ]),
  )
}

interface Story {
  readonly away?: readonly number[]
  readonly standing?: Standing
  readonly isSeenLately?: boolean
  readonly standings?: ReadonlyMap<PeerId, Standing>
}

function facts({ away = [], standing = 'here', isSeenLately = true, standings }: Story) {
  return new Map<PeerId, FriendFacts>(
    all.map((id, index) => {
      const isAway = away.includes(index)
      return [
        id,
        {
          standing: standings?.get(id) ?? (isAway ? standing : 'here'),
          isSeenLately: isAway ? isSeenLately : true,
          domain: `home of ${id}`,
          isHere: !isAway,
        },
      ]
    }),
  )
}

function judge(story: Story) {
  return judgePack(pack, { holders: placed(story.away), barred: new Set() }, facts(story))
}
