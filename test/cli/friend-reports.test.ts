import { describe, expect, it } from 'vitest'

import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { peerIdOf } from '../../protocol/peer-id.ts'
import { friendLines, friendRecords } from '../../src/cli/reports/friend-list.ts'
import { heldLines, heldRecords } from '../../src/cli/reports/held-list.ts'
import type { FriendList, FriendRow } from '../../src/node/client.ts'
import { seedOf } from '../support/test-grid.ts'

const GIB = 2 ** 30
const JULY = Date.UTC(2026, 6, 1)
const vault = vaultIdFromBytes(new Uint8Array(32).fill(0xab))

const anna: FriendRow = {
  peer: peerIdOf(seedOf('anna')),
  name: 'anna',
  domain: 'garden\nhouse',
  vault,
  isOurs: false,
  isReachable: true,
  standing: 'here',
  onlineShare: 0.968,
  knownSince: JULY,
  heldForUs: 30 * GIB,
  heldForThem: 12 * GIB,
  auditsPassed: 41,
  auditsFailed: 0,
  grant: 25 * GIB,
  over: { bytes: 5 * GIB, since: JULY, until: JULY + 30 * 86_400_000 },
  balance: { held: 80 * GIB, stored: 71 * GIB },
  verdict: 'carries its share: holds 80.0 GiB for 71.0 GiB',
}

const list: FriendList = {
  heldForOthers: 180 * GIB,
  heldByOthers: 150 * GIB,
  ownPeers: 1,
  friends: [
    anna,
    {
      peer: peerIdOf(seedOf('a stranger')),
      isOurs: false,
      isReachable: false,
      standing: 'quiet',
      auditsPassed: 3,
      auditsFailed: 1,
      verdict: 'silent for 5 days',
    },
  ],
  lendNothing: [{ vault, heldForThem: 40 * GIB }],
}

describe('the list of friends', () => {
  it('has one line on top, two for each friend, and one for who lends nothing', () => {
    expect(friendLines(list)).toEqual([
      'you hold 180.0 GiB for others, they hold 150.0 GiB for you',
      'up    anna  in garden\\nhouse  online 97 %  carries its share: holds 80.0 GiB for 71.0 GiB',
      '      holds 30.0 GiB for you of 25.0 GiB granted, 5.0 GiB too much: refuses new data from 2026-07-31 on; ' +
        'you hold 12.0 GiB for them; 41 audits, none failed',
      `down  ${list.friends[1]?.peer}  silent for 5 days`,
      '      holds what it held; 4 audits, 1 failed',
      'vault abababababababab  lends nothing, and you hold 40.0 GiB',
    ])
  })

  it('says so where none of the peers is one’s own', () => {
    const [top] = friendLines({ ...list, ownPeers: 0 })
    expect(top).toBe('none of the peers is yours, they hold 150.0 GiB for you')
  })

  it('is records for programs, with moments as RFC 3339', () => {
    const records = friendRecords(list)
    expect(records.map(({ message_type }) => message_type)).toEqual([
      'peers',
      'peer',
      'peer',
      'lends_nothing',
    ])
    expect(records[1]).toMatchObject({
      known_since: '2026-07-01T00:00:00.000Z',
      over: { bytes: 5 * GIB, until: '2026-07-31T00:00:00.000Z' },
      held_for_us: 30 * GIB,
    })
  })
})

describe('the list of what one’s own peer holds', () => {
  const answer = {
    vault,
    vaults: [
      {
        vault: vaultIdFromBytes(new Uint8Array(32).fill(0xcd)),
        names: ['bert'],
        is_own: false,
        bytes: 40 * GIB,
        held_by_its_peers: 12 * GIB,
        granted_by: 'floor',
        grant: 5 * GIB,
        over: anna.over,
      },
      { vault, names: [], is_own: true, bytes: GIB, held_by_its_peers: 0, granted_by: 'own' },
    ],
  }

  it('says whose it is, what it holds for whom, and who is above his grant', () => {
    expect(heldLines(answer)).toEqual([
      'this peer counts for vault abababababababab; it holds 40.0 GiB for others',
      'vault cdcdcdcdcdcdcdcd  bert  40.0 GiB  of 5.0 GiB granted  holds 12.0 GiB for others  ' +
        '5.0 GiB too much: refused from 2026-07-31 on',
      'vault abababababababab  1.0 GiB  yours',
    ])
    expect(heldLines({ vaults: [] })).toEqual([
      'this peer counts for nobody yet; it holds 0 B for others',
    ])
  })

  it('is records for programs', () => {
    expect(heldRecords(answer)).toMatchObject([
      { message_type: 'lender', vault },
      { message_type: 'held', bytes: 40 * GIB, over: { bytes: 5 * GIB } },
      { message_type: 'held', is_own: true },
    ])
  })
})
