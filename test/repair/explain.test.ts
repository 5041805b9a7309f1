import { describe, expect, it } from 'vitest'
import type { PackId } from '../../protocol/manifest.ts'
import { newRecord, type PeerRecord } from '../../src/base/peer-record.ts'
import type { Standing } from '../../src/grid/standing.ts'
import type { PeerId } from '../../src/ports/network.ts'
import {
  countLacks,
  explain,
  hindranceOf,
  type Explanation,
  type FriendStory,
  type Lack,
} from '../../src/repair/explain.ts'
import { judgePack, type Holding } from '../../src/repair/pack-health.ts'

const DAY = 86_400_000
const NOW = Date.UTC(2026, 5, 15)
const [ann, ben, cleo, dan, eve, finn] = [
  'ann',
  'ben',
  'cleo',
  'dan',
  'eve',
  'finn',
] as PeerId[] as [PeerId, PeerId, PeerId, PeerId, PeerId, PeerId]

describe('an explanation', () => {
  it('of a whole pack lacks nothing', () => {
    const friends = people({ ann: {}, ben: {}, cleo: {}, dan: {} })
    expect(told(['ann', 'ben', 'cleo', 'dan'], friends)).toMatchObject({
      health: { verdict: 'whole' },
      lacks: [],
      friendsLacking: 0,
    })
  })

  it('of shares that only have to be placed says so, and blames nobody', () => {
    const friends = people({ ann: {}, ben: {}, cleo: {}, dan: {}, eve: { standing: 'quiet' } })
    const { health, lacks } = told(['ann', 'ben', 'cleo', undefined], friends)
    expect(health.verdict).toBe('settling')
    expect(lacks).toEqual([{ type: 'placing', shares: 1 }])
  })

  it('names who is missing: silent, away, leaving, given up, mistrusted, full', () => {
    const friends = people({
      ann: {},
      ben: {},
      cleo: { standing: 'quiet', isHere: false, record: silentFor(3) },
      dan: { standing: 'vacation', isHere: false, awayUntil: NOW + 9 * DAY },
      eve: { standing: 'leaving' },
      finn: { standing: 'gone', isHere: false, record: silentFor(22) },
      gus: { standing: 'untrusted', record: failed() },
      hal: { record: refused('full') },
      ida: { record: refused('quota') },
    })
    const { health, lacks, friendsLacking } = told(['ann', 'ben', undefined, undefined], friends)
    expect(health.verdict).toBe('unsafe')
    expect(lacks.filter((lack) => lack.type === 'peer')).toEqual([
      peerLack(cleo, 'silent', { since: NOW - 3 * DAY, until: NOW + 18 * DAY }),
      peerLack(dan, 'vacation', { until: NOW + 9 * DAY }),
      peerLack(eve, 'leaving'),
      peerLack(finn, 'gone', { since: NOW - 22 * DAY }),
      peerLack('gus' as PeerId, 'untrusted', { since: NOW - DAY, until: NOW + 25 * DAY }),
      peerLack('hal' as PeerId, 'full', { since: NOW - DAY }),
      peerLack('ida' as PeerId, 'quota', { since: NOW - DAY }),
    ])
    expect(friendsLacking, 'to be safe').toBe(1)
  })

  it('takes a peer that answers now for one that can be reached', () => {
    const late = { ...refused('unreachable'), seenAt: NOW }
    const friends = people({ ann: {}, ben: {}, cleo: {}, dan: { record: late } })
    const { lacks } = told(['ann', 'ben', 'cleo', undefined], friends)
    expect(lacks).toEqual([{ type: 'placing', shares: 1 }])
  })

  it('says that houses are too few, where they are', () => {
    const friends = people({
      ann: { domain: 'one' },
      ben: { domain: 'one' },
      cleo: { domain: 'two' },
      dan: { domain: 'two' },
    })
    const { health, lacks, friendsLacking } = told(['ann', 'ben', 'cleo', 'dan'], friends)
    expect(health).toMatchObject({ verdict: 'unsafe', happiness: 2, safeCount: 3 })
    expect(lacks).toEqual([{ type: 'domains', has: 2, needed: 3 }])
    expect(friendsLacking).toBe(1)
  })

  it('says that peers are fewer than shares, where they are', () => {
    const friends = people({ ann: {}, ben: {}, cleo: {} })
    const { health, lacks, friendsLacking } = told(['ann', 'ben', 'cleo', undefined], friends)
    expect(health.verdict).toBe('thin')
    expect(lacks).toEqual([{ type: 'peers', has: 3, needed: 4 }])
    expect(friendsLacking).toBe(1)
  })

  it('of a pack out of reach names who holds it, and nobody else', () => {
    const friends = people({
      ann: {},
      ben: { standing: 'quiet', isHere: false, record: silentFor(2) },
      cleo: { standing: 'quiet', isHere: false, record: silentFor(2) },
      dan: { standing: 'quiet', isHere: false, record: silentFor(2) },
      eve: { standing: 'quiet', isHere: false, record: silentFor(9) },
    })
    const { health, lacks } = told(['ann', 'ben', 'cleo', 'dan'], friends)
    expect(health.verdict).toBe('out-of-reach')
    expect(lacks.map((lack) => (lack.type === 'peer' ? lack.peer : lack.type))).toEqual([
      ben,
      cleo,
      dan,
    ])
  })

  it('bars a peer that gave wrong bytes from this pack alone', () => {
    const friends = people({ ann: {}, ben: {}, cleo: {}, dan: {} })
    const { lacks } = told(['ann', 'ben', 'cleo', undefined], friends, new Set([dan]))
    expect(lacks).toContainEqual(peerLack(dan, 'barred'))
    const one = friends.get(dan)
    expect(one && hindranceOf(dan, one, NOW)).toBeUndefined()
  })
})

describe('reasons', () => {
  it('are counted over packs, those of unsafe packs first', () => {
    const friends = people({
      ann: {},
      ben: {},
      cleo: {},
      dan: { standing: 'quiet', isHere: false, record: silentFor(3) },
      eve: { record: refused('full') },
    })
    friends.set(finn, { ...people({ finn: {} }).get(finn)!, standing: 'leaving' })
    const some = [
      told(['ann', 'ben', 'cleo', undefined], friends),
      told(['ann', 'ben', 'finn', undefined], friends),
      told(['ann', 'ben', 'cleo', undefined], friends),
    ]
    const counts = countLacks(some).map(({ lack, packs, unsafe }) => [nameOf(lack), packs, unsafe])
    expect(some.map(({ health }) => health.verdict)).toEqual(['settling', 'unsafe', 'settling'])
    expect(counts).toEqual([
      ['silent dan', 3, 1],
      ['full eve', 3, 1],
      ['leaving finn', 3, 1],
      ['placing', 1, 1],
    ])
  })
})

type Told = Partial<FriendStory>

function people(stories: Readonly<Record<string, Told>>): Map<PeerId, FriendStory> {
  return new Map(
    Object.entries(stories).map(([name, story]) => {
      const standing: Standing = story.standing ?? 'here'
      const plain = { standing, isSeenLately: true, isHere: true, domain: `peer ${name}` }
      return [name as PeerId, { ...plain, ...story }]
    }),
  )
}

/** A pack of 2 of 4 whose shares lie with these friends. */
function told(
  holders: readonly (string | undefined)[],
  friends: ReadonlyMap<PeerId, FriendStory>,
  barred: ReadonlySet<PeerId> = new Set(),
): Explanation {
  const shape = { needed: 2, total: 4, size: 1000 }
  const pack = { id: 'a pack' as PackId, kind: 'data', numbers: [1], shape } as const
  const held = new Map<number, readonly Holding[]>()
  for (const [share, name] of holders.entries()) {
    const peer = name as PeerId | undefined
    if (peer === undefined) continue
    held.set(share, [{ peer, isSeen: friends.get(peer)?.isHere === true }])
  }
  return explain(judgePack(pack, { holders: held, barred }, friends), friends, NOW)
}

function silentFor(days: number): PeerRecord {
  const seenAt = NOW - days * DAY
  const ms = days * DAY
  return { ...newRecord(ann, seenAt), seenAt, silentMs: ms, unheardMs: ms }
}

function failed(): PeerRecord {
  const at = { failedAt: NOW - DAY, failedBeforeAt: NOW - 5 * DAY }
  return { ...newRecord(ann, NOW), seenAt: NOW, auditsFailed: 2, ...at }
}

function refused(refusal: NonNullable<PeerRecord['refusal']>): PeerRecord {
  return { ...newRecord(ann, NOW), seenAt: NOW - 2 * DAY, refusal, refusedAt: NOW - DAY }
}

function peerLack(peer: PeerId, why: string, more: object = {}) {
  return { type: 'peer', peer, why, ...more }
}

function nameOf(lack: Lack): string {
  return lack.type === 'peer' ? `${lack.why} ${lack.peer}` : lack.type
}
