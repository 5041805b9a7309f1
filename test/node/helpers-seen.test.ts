import { describe, expect, it } from 'vitest'

import { helpersSeen } from '../../src/node/helpers-seen.ts'
import type { PeerStatus } from '../../src/grid/grid.ts'
import { person } from '../protocol/people.ts'

const [bob, eve] = [person(1), person(2)]

describe('helpers seen', () => {
  it('are those that friends tell of, the one heard last first', () => {
    const states = [told({ bob: 100, eve: 500 }), told({ bob: 100 }), told({}), silent()]
    expect(helpersSeen(states)).toEqual([
      { peer: eve.peer, at: 500, heardBy: 1 },
      { peer: bob.peer, at: 100, heardBy: 2 },
    ])
  })

  it('are heard when the middle of those says who heard them: one liar moves it little', () => {
    const states = [100, 110, 120, 130, 9_000_000].map((at) => told({ bob: at }))
    expect(helpersSeen(states)).toMatchObject([{ at: 120, heardBy: 5 }])
  })
})

function told(helpers: { readonly bob?: number; readonly eve?: number }): PeerStatus {
  const rows = [
    { who: bob, at: helpers.bob },
    { who: eve, at: helpers.eve },
  ].flatMap(({ who, at }) => (at === undefined ? [] : [{ peer: who.key.publicKey, at }]))
  const status = { type: 'status', capacity: 1, free: 1, used: 0, now: 0, helpers: rows } as const
  return { peer: person(9).peer, status }
}

function silent(): PeerStatus {
  return { peer: person(8).peer }
}
