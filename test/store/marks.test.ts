import { describe, expect, it } from 'vitest'
import { signReceipt } from '../../protocol/head.ts'
import { Marks } from '../../src/store/marks.ts'
import { Settings } from '../../src/store/settings.ts'
import { person, vaultPapers } from '../protocol/people.ts'
import { memoryDatabase } from '../support/memory-database.ts'

const { vault } = vaultPapers(1)
const [ann, bea] = [person(10), person(11)]

describe('marks', () => {
  it('are the newest receipt of each peer, and stay over a restart', () => {
    const settings = new Settings(memoryDatabase())
    const marks = new Marks(settings)
    marks.note([receipt(ann, 3), receipt(bea, 2), receipt(ann, 5), receipt(ann, 4)])
    for (const one of [marks, new Marks(settings)]) {
      const all = one.all()
      expect(all.get(ann.peer)?.receipt.sequence).toBe(5)
      expect(all.get(bea.peer)?.receipt.sequence).toBe(2)
      expect(all.get(ann.peer)?.bytes).toEqual(receipt(ann, 5))
    }
  })

  it('that are damaged are as good as none', () => {
    const settings = new Settings(memoryDatabase())
    const damaged = receipt(ann, 3)
    damaged[30]! ^= 1
    settings.set('marks', [damaged, receipt(bea, 2)])
    expect([...new Marks(settings).all().keys()]).toEqual([bea.peer])
    settings.set('marks', 'nonsense')
    expect(new Marks(settings).all().size).toBe(0)
  })
})

function receipt({ peer, key }: ReturnType<typeof person>, sequence: number): Uint8Array {
  const headId = new Uint8Array(32).fill(sequence)
  return signReceipt({ vault, sequence, headId, receivedAt: sequence, peer }, key)
}
