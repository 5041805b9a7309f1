import { describe, expect, it } from 'vitest'
import { deriveReadKeys } from '../../protocol/keys.ts'
import { readKeyring } from '../../src/store/keyring.ts'
import { rawKey, preparePlain } from '../../src/codec/seal.ts'
import { TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

describe('a stolen backupdb', () => {
  it('holds no key of any object: neither published ones nor those that wait', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      const [published, waiting] = [noise(200 * KIB, 1), noise(200 * KIB, 2)]
      vault.write('published', published)
      await vault.backUp()
      vault.write('waiting', waiting)
      for (const friend of vault.friends.all) vault.friends.crash(friend)
      expect((await vault.backUp()).published).toBe(false)
      vault.laptop.crash('kill')
      const database = Buffer.from(vault.laptop.saveState().databases.get('backupdb') ?? [])
      vault.laptop.boot()
      const keyring = await vault.laptop.run(({ disk }) => readKeyring(disk))

      const { contentSecret } = deriveReadKeys(keyring.readSecret)
      for (const body of [published, waiting]) {
        const { digest } = preparePlain('content', body)
        expect(database.includes(digest)).toBe(false)
        expect(database.includes(rawKey(contentSecret, digest).secret)).toBe(false)
      }
      // Nor anything that is sealed as the root's reference is: pack, place and key in one list.
      expect(database.includes(Buffer.from('segments'))).toBe(false)
    })
  })
})
