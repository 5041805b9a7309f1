/** The prune key kept off the laptop: a second factor for whatever deletes. */

import { describe, expect, it } from 'vitest'

import { toHex } from '../../protocol/bytes.ts'
import { deriveVaultKeys } from '../../protocol/keys.ts'
import { rootToWords, wordsToRoot } from '../../protocol/words.ts'
import { PruneKeyAwayError } from '../../src/node/prune-key.ts'
import { readWhole } from '../../src/store/whole-file.ts'
import { backUp, diary, expectAll, forget, gc } from '../support/chores.ts'
import { TestVault } from '../support/test-vault.ts'

describe('L05: a vault whose prune key is away', () => {
  it('backs up and restores as ever, and releases or takes back nothing without the words', () =>
    tell(async (vault) => {
      await move(vault, 'away')
      await diary(vault, 2)
      vault.remove('diary')
      vault.write('letter', 'dear ada')
      const day = await backUp(vault)
      await forget(vault, { last: 1 })
      expect((await gc(vault, { isDryRun: true })).released.packs).toBeGreaterThan(0)
      await expect(gc(vault)).rejects.toThrow(PruneKeyAwayError)
      await expect(gc(vault, { isCancel: true })).rejects.toThrow('--words-from')
      expect((await gc(vault, { isDryRun: true })).inRelease.packs).toBe(0)

      const { words } = vault
      const other = rootToWords(new Uint8Array(32).fill(7)).join(' ')
      await expect(gc(vault, { words: other })).rejects.toThrow('words are of another vault')
      const { released, untold } = await gc(vault, { words })
      expect(released.packs).toBeGreaterThan(0)
      expect(untold).toEqual([])
      expect((await gc(vault, { words, isCancel: true })).cancelled.packs).toBe(released.packs)
      await expectAll(vault, [day])
    }))

  it('has it in no keyring until it is brought back, both with the vault’s own words', () =>
    tell(async (vault) => {
      const seed = toHex(deriveVaultKeys(wordsToRoot(vault.words)).pruneKey.seed)
      const isInKeyring = async () => toHex(await keyringOf(vault)).includes(seed)
      const other = rootToWords(new Uint8Array(32).fill(7)).join(' ')
      await expect(move(vault, 'away', other)).rejects.toThrow('words are of another vault')
      expect(await isInKeyring()).toBe(true)
      await move(vault, 'away')
      expect(await isInKeyring()).toBe(false)
      await move(vault, 'here')
      expect(await isInKeyring()).toBe(true)
    }))
})

async function keyringOf(vault: TestVault): Promise<Uint8Array> {
  const bytes = await vault.laptop.run(({ disk }) => readWhole(disk, 'keys/keyring'))
  return bytes ?? new Uint8Array(0)
}

async function move(vault: TestVault, place: 'here' | 'away', words = vault.words): Promise<void> {
  await vault.withClient((client) => client.movePruneKey({ isHere: place === 'here', words }))
}

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}
