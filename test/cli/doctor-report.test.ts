import { describe, expect, it } from 'vitest'

import { findings, pairLine, pairsOf, peerLines } from '../../src/cli/reports/doctor.ts'
import type { Diagnosis, PeerDiagnosis, ToldLink } from '../../src/node/doctor.ts'
import type { Link, PeerId } from '../../src/ports/network.ts'

const [ANNA, BEN, CARA] = ['anna', 'ben', 'cara'] as unknown as [PeerId, PeerId, PeerId]
const SELF = 'self' as PeerId

describe('the doctor', () => {
  it('has nothing to say where everybody reaches everybody', () => {
    const diagnosis = of(open(ANNA, [met(BEN)]), open(BEN, []))
    expect(findings(diagnosis)).toEqual([
      { isTrouble: false, words: 'Everybody reaches everybody.' },
    ])
    expect(peerLines(diagnosis)[0]).toBe('up    anna  direct, IPv4  12 ms')
    expect(pairsOf(diagnosis).map((pair) => pairLine(diagnosis, pair))).toEqual([
      'anna – ben  direct, IPv4',
    ])
  })

  it('says through whom a friend is reached, and what would make it faster', () => {
    const diagnosis = of(open(ANNA, []), closed(BEN, [ANNA], { way: 'relay', relay: ANNA }))
    expect(peerLines(diagnosis)[1]).toBe(
      'up    ben  through anna  12 ms  only dials out; led to by anna',
    )
    const [finding] = findings(diagnosis)
    expect(finding).toMatchObject({ isTrouble: false })
    expect(finding?.words).toContain('forward TCP port 4280 to ben on its router')
  })

  it('says in words that two who only dial out cannot talk, and who could help', () => {
    const diagnosis = of(open(ANNA, [met(BEN), met(CARA)]), closed(BEN, []), closed(CARA, []))
    const words = findings(diagnosis).map((finding) => finding.words)
    expect(words.join('\n')).toContain(
      'ben and cara can only dial out: they cannot talk to each other. Ask anna',
    )
    expect(pairsOf(diagnosis).map(({ way }) => way)).toEqual(['ip4', 'ip4', 'none'])
    const nobody = of(closed(BEN, []), closed(CARA, []))
    expect(
      findings(nobody)
        .map((finding) => finding.words)
        .join(),
    ).toContain('forward a port')
  })

  it('says that this computer may be shut out, where friends hang up on it', () => {
    const away = { ...down(BEN), error: 'hung up on us', isTurnedAway: true as const }
    const words = findings(of(open(ANNA, []), away)).map((finding) => finding.words)
    expect(words[0]).toBe('ben is up, and turns us away.')
    expect(words[1]).toContain('this computer was revoked or removed')
  })

  it('tells a friend who is off from one whom others reach', () => {
    const off = of(open(ANNA, []), down(BEN))
    expect(findings(off)[0]?.words).toContain('ben is not reached by anybody')
    const hidden = of(open(ANNA, [met(BEN)]), down(BEN))
    expect(findings(hidden)[0]?.words).toContain('ben is up, anna is connected with it')
    expect(peerLines(off)[1]).toContain('down  ben  nobody answers')
  })

  it('says whose clock is off', () => {
    const diagnosis = of({ ...open(ANNA, []), clockAheadMs: -3_600_000 })
    expect(findings(diagnosis)[0]).toEqual({
      isTrouble: true,
      words: "The clock of anna is 3600 s behind this machine's: set the one that is wrong.",
    })
  })

  it('says whether friends can dial the peer that asks', () => {
    const good = of({ ...open(ANNA, []), dialsUs: true })
    expect(findings(good)[0]?.words).toBe('Every friend that was asked can dial this peer.')
    const bad = of(
      { ...open(ANNA, [met(BEN)]), dialsUs: true },
      { ...open(BEN, []), dialsUs: false },
    )
    expect(findings(bad)[0]).toMatchObject({ isTrouble: true })
    expect(findings(bad)[0]?.words).toContain('1 of 2 friends cannot dial this peer')
  })

  it('shows no letters of others that would change the line', () => {
    const diagnosis = of({ ...open(ANNA, []), name: 'an\u001b[31mna\n' })
    expect(peerLines(diagnosis).join()).not.toContain('\u001b')
  })
})

function of(...peers: readonly PeerDiagnosis[]): Diagnosis {
  return { self: SELF, peers }
}

function open(peer: PeerId, links: readonly ToldLink[], way: Partial<Link> = {}): PeerDiagnosis {
  return {
    peer,
    name: peer,
    addresses: ['/ip4/5.0.0.1/tcp/4280'],
    relays: [],
    links,
    verdict: 'open',
    roundTripMs: 12,
    clockAheadMs: 3,
    link: {
      peer,
      way: 'ip4',
      isInbound: false,
      address: '',
      ...way,
    },
  }
}

function closed(peer: PeerId, relays: readonly PeerId[], way: Partial<Link> = {}): PeerDiagnosis {
  return { ...open(peer, [], way), verdict: 'closed', relays }
}

function down(peer: PeerId): PeerDiagnosis {
  return { peer, name: peer, addresses: [], relays: [], links: [], error: 'nobody answers' }
}

function met(peer: PeerId): ToldLink {
  return { peer, way: 'ip4', isInbound: false, age: 0 }
}
