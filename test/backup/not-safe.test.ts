import { describe, expect, it } from 'vitest'
import { NotSafeError } from '../../src/backup/not-safe.ts'
import { person } from '../protocol/people.ts'

const [ben, eve, kim] = [person(1).peer, person(2).peer, person(3).peer]

describe('not safe', () => {
  it('says what lies where, who is missing and why, and what would help', () => {
    const failures = [
      { peer: ben, error: new Error(`${ben}: nobody answers`) },
      { peer: eve, error: new Error('no room') },
    ]
    const passedOver = [{ peer: kim, standing: 'quiet' as const }]
    const worst = { happiness: 1, needed: 3, failures, passedOver }
    const better = { happiness: 2, needed: 3, failures: failures.slice(0, 1), passedOver: [] }
    const error = NotSafeError.ofPlacements([better, worst], 2)
    expect(error.message.split('\n')).toEqual([
      'Not safe yet: 2 packs lie on 1 separate peers, 3 are needed.',
      'These peers did not take part:',
      `  ${ben}: nobody answers`,
      `  ${eve}: no room`,
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
    const { message } = NotSafeError.ofPlacements([placement], 1)
    expect(message).toContain('1 pack lies on 2')
    expect(message).not.toContain('These peers')
  })
})
