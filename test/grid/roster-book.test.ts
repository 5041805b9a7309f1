import { describe, expect, it } from 'vitest'

import { RosterBook } from '../../src/grid/roster-book.ts'
import { founder, grid, person, says, START, vaultPapers, type Person } from '../protocol/people.ts'

const ofAda = vaultPapers(1)
const [nas, tenant, second, ben] = [2, 3, 4, 5].map(person) as [Person, Person, Person, Person]

describe('a roster book', () => {
  it('tells who is at home with a device: what its vault lends, and who stands in that house', () => {
    const { vault, device } = ofAda
    const roster = bookOf(
      admit(device, { role: 'device', vault }),
      admit(nas, { vault, domain: 'Ada’s house' }),
      admit(tenant, { vault: vaultPapers(9).vault, domain: 'Ada’s house' }),
      admit(second, { vault }),
      admit(ben, {}),
    )
    const isAtHome = ({ peer }: Person) => roster.isAtHome(peer, device.peer)
    expect([nas, tenant, second, ben].map(isAtHome)).toEqual([true, true, true, false])
    // For the box itself, as a helper, it is the same home.
    expect([tenant, ben].map(({ peer }) => roster.isAtHome(peer, nas.peer))).toEqual([true, false])
    expect(roster.isAtHome(nas.peer, ben.peer)).toBe(false)
  })
})

function admit(subject: Person, more: Partial<Parameters<typeof says>[2]>): Uint8Array {
  return says(founder, subject, { type: 'admit', role: 'peer', issuedAt: START, ...more })
}

function bookOf(...statements: readonly Uint8Array[]): RosterBook {
  const clock = { now: () => START } as never
  return new RosterBook({ grid, clock, statements, save: () => Promise.resolve() })
}
