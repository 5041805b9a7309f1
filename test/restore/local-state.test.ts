import { describe, expect, it } from 'vitest'
import { toText, toBytes } from '../../sim/file-tree.ts'
import { Settings } from '../../src/store/settings.ts'
import { equal } from '../../protocol/bytes.ts'
import { HOME, TestVault, noise } from '../support/test-vault.ts'
import { allEntries } from '../support/memory-database.ts'

const KIB = 1024

describe('local state that was lost', () => {
  it('comes back from the grid as it was, but for what only content tells', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      const content = noise(200 * KIB)
      vault.write('a/diary', content)
      vault.write('b/small', 'small')
      vault.write('b/empty', '')
      vault.symlink('link', 'b')
      vault.write('gone', 'gone')
      await vault.backUp()
      content.set(noise(100, 2), 5_000)
      vault.write('a/diary', content)
      vault.remove('gone')
      await vault.backUp()
      const before = stateOf(vault)
      vault.laptop.databases.setAside('backupdb')
      const summary = await vault.backUp()
      expect(summary).toMatchObject({ sequence: 3, bytesRead: 0, filesUnmodified: 3 })
      const after = stateOf(vault)
      expect(after.entries).toEqual(before.entries)
      expect(after.packNumber).toBeGreaterThan(before.packNumber - 1)
    })
  })

  it('doubts the files that it doubted before', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      vault.write('quiet', 'quiet')
      const path = toBytes(`${HOME}/busy`)
      vault.write('busy', 'one')
      // It changes whenever it is looked at, so that no reading comes after the tick of its last change.
      vault.laptop.filesTrouble.onStep = (operation, at) => {
        if (operation === 'fstat' && equal(at, path)) vault.write('busy', 'one')
      }
      await vault.backUp()
      vault.laptop.filesTrouble.onStep = undefined
      // A change within the tick of the one before leaves every time as it was.
      const node = vault.laptop.tree.node(path)
      node.write(0, toBytes('two'))
      vault.laptop.databases.setAside('backupdb')
      await vault.backUp()
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  })
})

/** What the next backup rests on. */
function stateOf(vault: TestVault) {
  const database = vault.laptop.databases.open('backupdb')
  const entries = allEntries(database).map((row) => {
    // One whole object needs no digest in the tree, so its content is not known any more.
    const { content: _, key, ...rest } = row
    return { path: toText(key), ...rest }
  })
  const packNumber = new Settings(database).counter('pack number')
  database.close()
  return { entries, packNumber }
}
