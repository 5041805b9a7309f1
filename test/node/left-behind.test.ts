/** A return to an older head leaves behind what later heads led to; it must not lie with friends for good. */

import { describe, expect, it } from 'vitest'

import { noise, TestVault } from '../support/test-vault.ts'

const SIZE = 200 * 1024

describe('a return to an older head', () => {
  it('lets the next gc release what only later heads led to', () =>
    new TestVault({ peers: 5 }).tell(async (vault) => {
      vault.write('letter', noise(SIZE, 1))
      const { sequence } = await vault.backUp()
      const picture = vault.picture()
      vault.write('malware', noise(SIZE, 2))
      await vault.backUp()
      await vault.recoverElsewhere({ head: sequence })
      vault.write('letter', noise(SIZE, 1))
      await vault.backUp()
      const { released } = await vault.withClient((client, signal) =>
        client.gc({ isDryRun: false, isCancel: false }, signal),
      )
      expect(released.bytes).toBeGreaterThan(SIZE)
      // The letter came back as it was: stored once.
      expect(released.bytes).toBeLessThan(2 * SIZE)
      expect(await vault.differences(String(sequence), picture)).toEqual([])
    }))
})
