/** Backups that look only where something is said to have changed. */

import { expect, it } from 'vitest'
import { toBytes } from '../../sim/file-tree.ts'
import { HOME, TestVault } from '../support/test-vault.ts'

it('has a file that changed under all of its names, though it is told of one', () =>
  new TestVault().tell(async (vault) => {
    const { tree } = vault.laptop
    const at = (path: string) => toBytes(`${HOME}/${path}`)
    vault.write('a/one', '1')
    vault.folder('b/deep')
    vault.folder('c')
    tree.link(at('a/one'), at('b/deep/two'))
    await vault.calm()
    await vault.backUp()
    vault.write('a/one', 'other')
    await vault.calm()
    expect(await lookAt(vault, 1, 'a')).toMatchObject({ filesChanged: 2, filesTotal: 2 })
    expect(await vault.differences('latest', vault.picture())).toEqual([])
    tree.link(at('a/one'), at('c/three'))
    await vault.calm()
    expect(await lookAt(vault, 2, 'c')).toMatchObject({ filesNew: 1, filesTotal: 3 })
    expect(await vault.differences('latest', vault.picture())).toEqual([])
    expect(await lookAt(vault, 3, 'c')).toBe('unchanged')
  }))

function lookAt(vault: TestVault, since: number, folder: string) {
  const folders = [{ folder: toBytes(`${HOME}/${folder}`), isDeep: false }]
  const request = { paths: [toBytes(HOME)], host: 'laptop', hints: { since, folders } }
  return vault.withClient((client, signal) => client.backupHinted(request, signal))
}
