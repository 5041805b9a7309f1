import { describe, it } from 'vitest'

import { KIB, backUp, expectAll, forget, gc, isCutAt, type Day } from '../support/chores.ts'
import { noise, TestVault } from '../support/test-vault.ts'

describe('chores whose power is cut', () => {
  it('a gc at any disk step: what comes back later is kept like anything new', () =>
    tell(async (vault) => {
      let days: Day[] = []
      for (let step = 1, isCut = true; isCut; step += 3) {
        const song = noise(30 * KIB, step)
        vault.write('song', song)
        await backUp(vault)
        vault.remove('song')
        days = [await backUp(vault)]
        await forget(vault, { last: 1 })
        isCut = await isCutAt(vault, step, () => gc(vault))
        vault.write('song', song)
        days.push(await backUp(vault))
        await expectAll(vault, days)
        days.push(await backUp(vault))
        await expectAll(vault, days)
      }
    }))
})

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 3 }).tell(story)
}
