import { describe, expect, it } from 'vitest'
import { NotSafeError } from '../../src/backup/not-safe.ts'
import { PeerUnreachableError } from '../../src/base/errors.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { person } from '../protocol/people.ts'

const [ben, eve, kim] = [person(1).peer, person(2).peer, person(3).peer]
const roster = { nameOf: (peer: PeerId) => (peer === eve ? 'Eve’s NAS' : peer) }

describe('not safe', () => {
  it('says what lies where, who is missing and why, and what would help', () => {
    const failures = [
      { peer: ben, error: new Error(`${ben}: nobody answers`) },
      { peer: eve, error: new Error('no room') },
    ]
    const passedOver = [{ peer: kim, standing: 'quiet' as const }]
    const worst = { happiness: 1, needed: 3, failures, passedOver }
    const better = { happiness: 2, needed: 3, failures: failures.slice(0, 1), passedOver: [] }
    const error = NotSafeError.ofPlacements([better, worst], 2, roster)
    expect(error.message.split('\n')).toEqual([
      'Not safe yet: 2 packs lie on 1 separate peer, 3 are needed.',
      'These peers did not take part:',
      `  ${ben}: nobody answers`,
      '  Eve’s NAS: no room',
      `  ${kim}: silent for more than a day`,
      expect.stringContaining('Bring 2 of them back online'),
    ])
    expect(error).toMatchObject({
      happiness: 1,
      needed: 3,
      missing: [{ peer: ben }, { peer: eve }, { peer: kim }],
    })
  })

  it('says so of one pack, and names nobody where nobody failed', () => {
    const placement = { happiness: 2, needed: 3, failures: [], passedOver: [] }
    const { message } = NotSafeError.ofPlacements([placement], 1, roster)
    expect(message).toContain('1 pack lies on 2')
    expect(message).not.toContain('These peers')
  })

  it('says that this computer may be shut out where everybody hangs up on it', () => {
    const error = new PeerUnreachableError(`${ben}: hung up on us`, { isTurnedAway: true })
    const all = { happiness: 0, needed: 3, failures: [{ peer: ben, error }], passedOver: [] }
    const { message } = NotSafeError.ofPlacements([all], 1, roster)
    expect(message).toContain('"cairn recover"')
    expect(message).not.toContain('back online')

    const silent = { peer: eve, error: new PeerUnreachableError(`${eve}: nobody answers`) }
    const some = { ...all, failures: [...all.failures, silent] }
    expect(NotSafeError.ofPlacements([some], 1, roster).message).toContain('back online')
  })
})
