import { describe, expect, it } from 'vitest'
import { decodeInvite, inviteIdentity } from '../../protocol/invite.ts'
import { peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { Roster } from '../../protocol/roster.ts'
import { foundGrid, foundOpenGrid, type FoundingPeer } from '../../src/node/found-grid.ts'

const NOW = 1_790_000_000_000
const DAY = 86_400_000

describe('a founded grid', () => {
  it('is named by its first peer, and admits all of them as peers with their addresses', () => {
    const founded = found(3)
    const roster = rosterOf(founded)
    expect(roster.founder).toBe(peerIdOf(keyOf(1).publicKey))
    expect(roster.members(NOW).filter(({ role }) => role === 'peer')).toEqual(
      [1, 2, 3]
        .map((number) => ({
          peer: peerIdOf(keyOf(number).publicKey),
          role: 'peer',
          name: `peer ${number}`,
          addresses: [`/ip4/127.0.0.1/tcp/${4000 + number}`],
          isLeaving: false,
        }))
        .toSorted((a, b) => (a.peer < b.peer ? -1 : 1)),
    )
  })

  it('that is open has no members besides its peers and the invite, so that no share waits for a phantom', () => {
    expect(
      rosterOf(found(7))
        .members(NOW)
        .map(({ role }) => role)
        .toSorted(),
    ).toEqual(['invite', ...Array.from({ length: 7 }, () => 'peer')])
  })

  it('lets nobody in by itself, unless it is founded as an open one', () => {
    const peer = { key: keyOf(1), addresses: [] }
    const { grid, statements } = foundGrid([peer], NOW)
    expect(statements).toHaveLength(1)
    expect(grid).toBe(found(1).grid)
    expect(found(1).statements).toHaveLength(2)
  })

  it('that is open comes with an invite that is good until its end', () => {
    const founded = found(2)
    const invite = decodeInvite(founded.invite)
    const roster = rosterOf(founded)
    expect(invite.grid).toBe(founded.grid)
    expect(invite.addresses.map(({ peer }) => peer)).toEqual(
      [1, 2].map((number) => peerIdOf(keyOf(number).publicKey)),
    )
    expect(roster.isAdmitted(inviteIdentity(invite), NOW + DAY - 1)).toBe(true)
    expect(roster.isAdmitted(inviteIdentity(invite), NOW + DAY)).toBe(false)
  })

  it('needs a peer', () => {
    expect(() => found(0)).toThrow('at least one peer')
  })
})

function found(peerCount: number) {
  const peers = Array.from({ length: peerCount }, (_, index): FoundingPeer => {
    const number = index + 1
    return {
      key: keyOf(number),
      name: `peer ${number}`,
      addresses: [`/ip4/127.0.0.1/tcp/${4000 + number}`],
    }
  })
  return foundOpenGrid(peers, { seed: new Uint8Array(32).fill(99), expiresAt: NOW + DAY }, NOW)
}

function rosterOf(founded: ReturnType<typeof found>): Roster {
  const roster = new Roster(founded.grid)
  for (const statement of founded.statements) expect(roster.add(statement)).toBe(true)
  return roster
}

function keyOf(number: number) {
  return signingKeyFromSeed(new Uint8Array(32).fill(number))
}
