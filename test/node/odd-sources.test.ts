/** Sources that are odd: nothing of it stops a backup, and what is left out is named. */

import { describe, expect, it } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { toBytes, toText } from '../../sim/file-tree.ts'
import { NO_RULES, parsePatterns } from '../../src/source/rules.ts'
import { HOME, TestVault } from '../support/test-vault.ts'

/** Words that mean something to us, to a shell, or to the language that we are written in. */
const RESERVED = [
  'CACHEDIR.TAG',
  '.gitignore',
  '.nobackup',
  'keyring',
  'spool',
  'backupdb',
  'config.toml',
  'cairn.log',
  'delta.new',
  '__proto__',
  'constructor',
  'toString',
  'latest',
  '-',
  '--exclude',
  '~',
  '#comment',
  '!not',
  '*',
  '**',
  '[a]',
  '\\',
  'CON',
  'next',
  'passed',
]

describe('a backup of odd sources', () => {
  it('follows no link, so that loops of links are links like others', () =>
    tell(async (vault) => {
      vault.folder('a')
      vault.symlink('a/up', '..')
      vault.symlink('a/self', 'self')
      vault.symlink('a/one', 'two')
      vault.symlink('a/two', 'one')
      vault.symlink('a/root', '/')
      const picture = vault.picture()
      const { skipped, foldersTotal } = await vault.backUp()
      expect([skipped, foldersTotal]).toEqual([[], 3])
      expect(await vault.differences('latest', picture)).toEqual([])
    }))

  it('takes names that are our own words for names like others, with rules and without', () =>
    tell(async (vault) => {
      for (const name of RESERVED) {
        vault.write(`files/${name}`, name)
        vault.write(`folders/${name}/${name}`, name)
      }
      const picture = vault.picture()
      const bytes = utf8('nothing of this name\n')
      const patterns = parsePatterns(bytes, { origin: '', isFile: true, isCaseIgnored: false })
      for (const rules of [NO_RULES, { ...NO_RULES, patterns }]) {
        const { skipped, leftOut, filesTotal } = await vault.backUp({ rules })
        expect([skipped, leftOut, filesTotal]).toEqual([[], 0, 2 * RESERVED.length])
        expect(await vault.differences('latest', picture)).toEqual([])
      }
    }))

  it('names a file that became a folder before it was read, and has the folder next time', () =>
    tell(async (vault) => {
      vault.write('a', 'file')
      vault.write('b', 'beside')
      await vault.calm()
      const request = { paths: [toBytes(HOME)] }
      await vault.withClient((client, signal) => client.scan(request, signal))
      vault.remove('a')
      vault.write('a/inside', 'folder')
      const { skipped, filesNew, published } = await vault.withClient((client, signal) =>
        client.upload({ host: 'laptop' }, signal),
      )
      expect(published).toBe(true)
      expect(skipped.map(({ path, error }) => [toText(path), error])).toEqual([
        [`${HOME}/a`, expect.objectContaining({ code: 'EISDIR' })],
      ])
      expect(filesNew).toBe(1)
      const row = await vault.withClient((client, signal) => client.at('latest', signal))
      expect(row.isComplete).toBe(false)

      const picture = vault.picture()
      expect((await vault.backUp()).skipped).toEqual([])
      expect(await vault.differences('latest', picture)).toEqual([])
    }))

  it('takes a file that vanished since the scan for gone, where a snapshot had it', () =>
    tell(async (vault) => {
      vault.write('a', 'first')
      vault.write('b', 'beside')
      await vault.backUp()
      vault.write('a', 'second')
      await vault.calm()
      const request = { paths: [toBytes(HOME)] }
      await vault.withClient((client, signal) => client.scan(request, signal))
      vault.remove('a')
      await vault.withClient((client, signal) => client.upload({ host: 'laptop' }, signal))
      expect(await vault.list(HOME)).toEqual([`${HOME}/b`])
      expect(await vault.list(HOME, '1')).toEqual([`${HOME}/a`, `${HOME}/b`])
    }))

  it('is a snapshot, be there nothing in the source', () =>
    tell(async (vault) => {
      vault.folder('empty')
      const { published, filesTotal } = await vault.backUp({ paths: [toBytes(`${HOME}/empty`)] })
      expect([published, filesTotal]).toEqual([true, 0])
      expect(await vault.list(HOME)).toEqual([`${HOME}/empty`])
    }))
})

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}
