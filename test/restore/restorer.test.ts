import { describe, expect, it } from 'vitest'
import { failure, toBytes, toText } from '../../sim/file-tree.ts'
import { HOME, TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

describe('a restore', () => {
  it('of paths within paths brings each back once', async () => {
    await told(async (vault) => {
      const paths = [`${HOME}/a/b`, HOME, `${HOME}/a`, HOME, `${HOME}/a/b/file`]
      const { summary, picture } = await vault.restore('latest', paths)
      expect(summary).toMatchObject({ filesRestored: 2, failures: [] })
      expect(picture).toEqual(vault.picture())
    })
  })

  it('of one file brings the folders above it, with their times, and nothing beside', async () => {
    await told(async (vault) => {
      const { picture, summary } = await vault.restore('latest', [`${HOME}/a/b/file`])
      expect([...picture.keys()]).toEqual(['', '/a', '/a/b', '/a/b/file'])
      const expected = [...vault.picture()].filter(([path]) => picture.has(path))
      expect([...picture]).toEqual(expected)
      expect(summary.failures).toEqual([])
    })
  })

  it('changes nothing of what stands in a folder’s place', async () => {
    await told(async (vault) => {
      const { tree } = vault.laptop
      for (const path of ['/restore/1', '/restore/1/home', `/restore/1${HOME}`, '/outside']) {
        tree.make(toBytes(path), 'folder', 0o755)
      }
      tree.make(toBytes(`/restore/1${HOME}/a`), 'symlink', 0o777).target = toBytes('/outside')
      const before = tree.node(toBytes('/outside')).status()
      const link = tree.node(toBytes(`/restore/1${HOME}/a`)).status()
      const { summary } = await vault.restore()
      const failed = summary.failures.map(({ path, error }) => `${toText(path)} ${error.name}`)
      expect(failed.toSorted()).toEqual([
        `${HOME}/a FilesError`,
        `${HOME}/a/b FilesError`,
        `${HOME}/a/b/file FilesError`,
      ])
      expect(tree.node(toBytes('/outside')).status()).toEqual(before)
      expect(tree.node(toBytes(`/restore/1${HOME}/a`)).status()).toEqual(link)
      expect(summary.filesRestored).toBe(1)
    })
  })

  it('goes on after a file that cannot be written, and says which', async () => {
    await told(async (vault) => {
      vault.laptop.filesTrouble.onStep = (operation, path) => {
        if (operation === 'rename' && toText(path).includes('/a/b/')) throw failure('EIO', path)
      }
      const { summary, picture } = await vault.restore()
      expect(summary.failures.map(({ path }) => toText(path))).toEqual([`${HOME}/a/b/file`])
      expect([...picture.keys()].filter((path) => path.includes('.part'))).toEqual([])
      expect(picture.has('/large')).toBe(true)
    })
  })

  it('says of a path that was not there that it was not, and writes nothing', async () => {
    await told(async (vault) => {
      const nowhere = vault.restore('latest', [`${HOME}/a`, `${HOME}/nowhere`])
      await expect(nowhere).rejects.toMatchObject({ name: 'NoSuchSnapshotError' })
      expect(vault.laptop.tree.has(toBytes('/restore/1'))).toBe(false)
    })
  })
})

async function told(story: (vault: TestVault) => Promise<void>): Promise<void> {
  const vault = new TestVault({ peers: 3 })
  await vault.tell(async () => {
    vault.write('a/b/file', 'content')
    vault.write('large', noise(300 * KIB))
    await vault.backUp()
    await story(vault)
  })
}
