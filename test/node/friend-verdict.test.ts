import { describe, expect, it } from 'vitest'

import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { peerIdOf } from '../../protocol/peer-id.ts'
import { newRecord, type PeerRecord } from '../../src/base/peer-record.ts'
import { verdictOf, type VerdictFacts } from '../../src/node/friend-verdict.ts'
import { seedOf } from '../support/test-grid.ts'

const DAY_MS = 86_400_000
const GIB = 2 ** 30
const NOW = Date.UTC(2026, 10, 28)
const peer = peerIdOf(seedOf('a peer'))
const vault = vaultIdFromBytes(seedOf('a vault'))
const known: PeerRecord = { ...newRecord(peer, NOW - 100 * DAY_MS), lookedAt: NOW }

const facts: VerdictFacts = {
  member: { vault },
  record: known,
  standing: 'here',
  isOurs: false,
  balance: { held: 80 * GIB, stored: 71 * GIB },
  now: NOW,
}

describe('the verdict on a friend', () => {
  it.each<[string, Partial<VerdictFacts>]>([
    ['yours', { isOurs: true }],
    ['carries its share: holds 80.0 GiB for 71.0 GiB', {}],
    ['carries its share: holds 34.0 GiB for 40.0 GiB', { balance: gibs(34, 40) }],
    ['holds less than it stores: 12.0 GiB for 40.0 GiB', { balance: gibs(12, 40) }],
    ['holds less than it stores: 33.0 GiB for 40.0 GiB', { balance: gibs(33, 40) }],
    ['carries its share: holds 0 B for 0 B', { balance: undefined }],
    ['new, 9 days', { record: newRecord(peer, NOW - 9.5 * DAY_MS) }],
    ['new, 1 day', { record: newRecord(peer, NOW - DAY_MS) }],
    ['new, 0 days', { record: undefined }],
    ['lends, and did not say whose it is', { member: {} }],
    ['silent for 5 days', { standing: 'quiet', record: { ...known, silentMs: 5.2 * DAY_MS } }],
    [
      'given up: silent for 21 days',
      { standing: 'gone', record: { ...known, silentMs: 21 * DAY_MS } },
    ],
    ['is leaving: what it holds moves elsewhere', { standing: 'leaving' }],
    [
      'on vacation for 12 days more',
      { standing: 'vacation', member: { awayUntil: NOW + 12.5 * DAY_MS } },
    ],
    [
      'failed 2 audits within a month: gets no new shares',
      { standing: 'untrusted', record: { ...known, failedAt: NOW, failedBeforeAt: NOW - DAY_MS } },
    ],
  ])('says: %s', (words, change) => {
    expect(verdictOf({ ...facts, ...change })).toBe(words)
  })
})

function gibs(held: number, stored: number) {
  return { held: held * GIB, stored: stored * GIB }
}
