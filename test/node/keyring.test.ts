/** Keys that do not belong together: the row K09 of test/oracles/faults.csv. */

import { describe, expect, it } from 'vitest'
import { encodeCbor } from '../../protocol/cbor.ts'
import { decodeCbor } from '../../protocol/cbor.ts'
import { z } from 'zod'
import { FormatError } from '../../src/base/errors.ts'
import { readWhole, writeWhole } from '../../src/store/whole-file.ts'
import { noise, TestVault } from '../support/test-vault.ts'

const KEYRING = 'keys/keyring'

describe('a home whose secret was replaced', () => {
  it('K09: opens nothing and changes nothing, and has everything again once the right one is back', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('letters', noise(50_000, 1))
      await vault.backUp()
      const picture = vault.picture()
      const right = await replaceSecret(vault)
      const files = () => vault.laptop.volume.save().filter(({ path }) => path.startsWith('heads/'))
      const before = files()
      await expect(vault.backUp()).rejects.toBeInstanceOf(FormatError)
      await expect(vault.list('/home/ada')).rejects.toBeInstanceOf(FormatError)
      expect(files()).toEqual(before)

      await vault.laptop.run(({ disk }) => writeWhole(disk, KEYRING, right))
      expect((await vault.backUp()).published).toBe(true)
      expect(await vault.differences('latest', picture)).toEqual([])
    })
  })

  it('K09: has the same content under the same keys again after a recovery: nothing is sent twice', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('letters', noise(400_000, 1))
      await vault.backUp()
      await vault.recoverElsewhere()
      vault.write('letters', noise(400_000, 1))
      const { bytesSent } = await vault.backUp()
      expect(bytesSent).toBeLessThan(100_000)
    })
  })
})

/** @returns the keyring as it was */
async function replaceSecret(vault: TestVault): Promise<Uint8Array> {
  return await vault.laptop.run(async ({ disk }) => {
    const right = await readWhole(disk, KEYRING)
    if (right === undefined) throw new Error('there is a keyring')
    const limits = { format: 'keyring', sizeMax: 4096 }
    const fields = decodeCbor(right, z.looseObject({}), limits)
    await writeWhole(
      disk,
      KEYRING,
      encodeCbor({ ...fields, readSecret: new Uint8Array(32).fill(3) }),
    )
    return right
  })
}
