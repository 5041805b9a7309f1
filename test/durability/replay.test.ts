import { describe, expect, it } from 'vitest'
import { replay, type Story, type Timeline } from '../../src/durability/replay.ts'

const CODE = { needed: 2, total: 4 }

describe('a replay', () => {
  it('says when a pack can be read', () => {
    const peers = five()
    peers[0] = { ...peers[0]!, away: [{ from: 1, until: 2.5 }] }
    peers[1] = { ...peers[1]!, away: [{ from: 2, until: 3 }] }
    peers[2] = { ...peers[2]!, away: [{ from: 1.5, until: 6 }] }
    const told = replay({ ...story(peers), days: 10 })
    expect(told.readable).toEqual([
      [
        { from: 0, until: 2 },
        { from: 2.5, until: 10 },
      ],
    ])
    expect([...told.lostAt]).toEqual([Infinity])
    expect(told.sharesMade).toBe(0)
  })

  it('waits three weeks for a laptop and two for a NAS, and makes its share again at the next check', () => {
    const peers = five()
    peers[3] = { ...peers[3]!, lostAt: 10.25 }
    expect(replay({ ...story(peers), days: 31 }).sharesMade).toBe(0)
    const later = replay({ ...story(peers), days: 33 })
    expect(later.sharesMade).toBe(1)
    expect(later.holders).toEqual([[[0], [1], [2], [4]]])
    peers[3] = { ...peers[3], giveUpDays: 14 }
    expect(replay({ ...story(peers), days: 24 }).sharesMade).toBe(0)
    expect(replay({ ...story(peers), days: 26 }).sharesMade).toBe(1)
  })

  it('gives nobody up for sixteen days away', () => {
    const peers = five()
    peers[3] = { ...peers[3]!, away: [{ from: 2, until: 18 }] }
    expect(replay({ ...story(peers), days: 40 }).sharesMade).toBe(0)
  })

  it('does not wait for a pack of which too few shares were seen within three days', () => {
    const peers = five()
    peers[2] = { ...peers[2]!, lostAt: 10 }
    peers[3] = { ...peers[3]!, away: [{ from: 10, until: 20 }] }
    // H is 3: with two of four seen, the fifth friend gets what one of them had.
    const told = replay({ ...story(peers), days: 15 })
    expect(told.sharesMade).toBe(1)
    expect(told.holders).toEqual([[[0], [1], [4], [3]]])
    expect(replay({ ...story(peers), days: 12.9 }).sharesMade).toBe(0)
  })

  it('counts what comes back, beside what was made again', () => {
    const peers = five()
    peers[3] = { ...peers[3]!, away: [{ from: 1, until: 60 }] }
    const told = replay({ ...story(peers), days: 80 })
    expect(told.holders).toEqual([[[0], [1], [2], [4, 3]]])
    expect(told.readable).toEqual([[{ from: 0, until: 80 }]])
  })

  it('knows what is lost, and when; also of who went while it was away', () => {
    const peers = five()
    peers[0] = { ...peers[0]!, lostAt: 5 }
    peers[1] = { ...peers[1]!, away: [{ from: 2, until: 9 }], lostAt: 6 }
    peers[2] = { ...peers[2]!, lostAt: 7 }
    const told = replay({ ...story(peers), repairing: { type: 'none' }, days: 20 })
    expect([...told.lostAt]).toEqual([7])
    expect(told.readable).toEqual([[{ from: 0, until: 7 }]])
    expect(told.holders).toEqual([[[], [], [], [3]]])
  })

  it('makes nothing again where nobody could take it', () => {
    const peers = five().slice(0, 4)
    peers[3] = { ...peers[3]!, lostAt: 1 }
    const told = replay({ ...story(peers), days: 60 })
    expect(told.sharesMade).toBe(0)
    expect(told.readable).toEqual([[{ from: 0, until: 60 }]])
  })

  it('takes packs that had not found all their places', () => {
    const told = replay({ ...story(five()), holders: [[0, 1, -1, 3]], days: 5 })
    expect(told.sharesMade).toBe(1)
  })
})

function five(): Timeline[] {
  return Array.from({ length: 5 }, (_, domain) => ({ domain, away: [], giveUpDays: 21 }))
}

function story(peers: readonly Timeline[]): Omit<Story, 'days'> {
  return {
    peers,
    code: CODE,
    holders: [[0, 1, 2, 3]],
    repairing: { type: 'clocks', checkDays: 1, packsPerCheck: 10 },
    seed: 1,
  }
}
