/** Everything a file is, in virtual time: what is kept, what it costs, and what comes back. */

import { describe, expect, it } from 'vitest'
import { toBytes, toText, type FileNode } from '../../sim/file-tree.ts'
import { FilesError } from '../../src/base/errors.ts'
import type { Unset } from '../../src/restore/unset.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024

function tell(story: (vault: TestVault) => Promise<void>): Promise<void> {
  return new TestVault({ peers: 5 }).tell(story)
}

describe('names of one file', () => {
  it.each([3, 40, 600])(
    'are read and stored once, and become one file again: %i KiB',
    async (size) =>
      tell(async (vault) => {
        vault.write('a/first', noise(size * KIB))
        vault.folder('b/deep')
        link(vault, 'a/first', 'b/second', 'b/deep/third')
        const summary = await vault.backUp()
        expect([summary.filesNew, summary.bytesRead]).toEqual([3, size * KIB])
        expect(summary.bytesAdded).toBeLessThan(size * KIB + 16 * KIB)
        expect(await vault.differences('latest', vault.picture())).toEqual([])
        const { target } = await restore(vault)
        const nodes = ['a/first', 'b/second', 'b/deep/third'].map((path) =>
          vault.laptop.tree.node(toBytes(`${target}${HOME}/${path}`)),
        )
        expect(new Set(nodes).size).toBe(1)
        expect(nodes[0]?.linkCount).toBe(3)
      }),
  )

  it('are read once when another is added, or when what they share changes a little', () =>
    tell(async (vault) => {
      const content = noise(900 * KIB)
      vault.write('database', content)
      await vault.backUp()
      link(vault, 'database', 'alias')
      const added = await vault.backUp()
      expect([added.filesNew, added.bytesRead]).toEqual([1, content.length])
      expect(added.bytesAdded).toBeLessThan(8 * KIB)

      content.set(noise(4 * KIB, 9), 500 * KIB)
      vault.write('alias', content)
      const changed = await vault.backUp()
      expect(changed.bytesRead).toBeLessThan(2.1 * content.length)
      expect(changed.bytesAdded).toBeLessThan(48 * KIB)
      content.set(noise(4 * KIB, 10), 100 * KIB)
      vault.write('alias', content)
      const again = await vault.backUp()
      expect([again.deltas, again.bytesRead]).toEqual([2, content.length])
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }))

  it('become files of their own where the others are not restored', () =>
    tell(async (vault) => {
      vault.write('a/first', 'shared')
      vault.folder('b')
      link(vault, 'a/first', 'b/second')
      await vault.backUp()
      const { target, unset } = await restore(vault, [`${HOME}/b`])
      const second = node(vault, 'b/second', target)
      expect([second.linkCount, toText(second.read(0, 10)), unset]).toEqual([1, 'shared', []])
    }))

  it('come back as copies where the target has no links, and that is told', () =>
    tell(async (vault) => {
      vault.write('first', 'shared')
      link(vault, 'first', 'second')
      await vault.backUp()
      const { filesTrouble } = vault.laptop
      filesTrouble.onStep = (operation) => {
        if (operation === 'link') throw new FilesError('EPERM', 'no links here')
      }
      const { target, unset, failures } = await restore(vault)
      filesTrouble.onStep = undefined
      expect(failures).toBe(0)
      expect(unset.map(({ kind, reason }) => `${kind} ${reason}`)).toEqual(['link EPERM'])
      for (const name of ['first', 'second']) {
        const copy = node(vault, name, target)
        expect([copy.linkCount, toText(copy.read(0, 10))]).toEqual([1, 'shared'])
      }
    }))
})

describe('what a file has beside its content', () => {
  it('comes back on files, folders and FIFOs, and costs metadata only when it changes', () =>
    tell(async (vault) => {
      vault.write('file', noise(100 * KIB))
      vault.folder('folder')
      make(vault, 'pipe', 'fifo')
      label(vault, 'file', 'user.comment', 'hello')
      label(vault, 'folder', 'user.empty', '')
      label(vault, 'file', 'system.posix_acl_access', 'an ACL')
      await vault.backUp()
      expect(await vault.differences('latest', vault.picture())).toEqual([])
      const before = vault.picture()

      label(vault, 'file', 'user.comment', 'changed')
      const summary = await vault.backUp()
      expect([summary.filesChanged, summary.filesNew]).toEqual([0, 0])
      expect(summary.bytesAdded).toBeLessThan(8 * KIB)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
      expect(await vault.differences('1', before)).toEqual([])
    }))

  it('is kept as far as it fits, and the rest is named', () =>
    tell(async (vault) => {
      vault.write('file', 'content')
      vault.folder('folder')
      label(vault, 'file', 'user.large', 'x'.repeat(49_000))
      label(vault, 'file', 'user.small', 'y')
      label(vault, 'file', 'user.medium', 'z'.repeat(5_000))
      label(vault, 'folder', 'user.huge', 'x'.repeat(60_000))
      const summary = await vault.backUp()
      expect(summary.published).toBe(true)
      const told = summary.skipped.map(({ path, error }) => `${toText(path)} ${error.message}`)
      expect(told.toSorted()).toEqual([
        expect.stringMatching(/\/file .*all is kept but "user.large"/),
        expect.stringMatching(/\/folder .*all is kept but "user.huge"/),
      ])
      const { target } = await restore(vault)
      expect([...node(vault, 'file', target).xattrs.keys()]).toEqual(['user.medium', 'user.small'])
    }))

  it('is in the tree, so that a machine that lost its state finds nothing changed', () =>
    tell(async (vault) => {
      vault.write('file', 'content')
      link(vault, 'file', 'other name')
      label(vault, 'file', 'user.comment', 'hello')
      make(vault, 'pipe', 'fifo')
      make(vault, 'disk', 'blockDevice').device = { major: 8, minor: 1 }
      await vault.backUp()
      await vault.calm()
      await vault.backUp()
      vault.laptop.databases.wipe()
      const summary = await vault.backUp()
      expect([summary.bytesRead, summary.filesUnmodified]).toEqual([0, 2])
      expect(summary.bytesAdded).toBeLessThan(4 * KIB)
    }))

  it('gives no rights away unasked: devices, setuid and capabilities are listed', () =>
    tell(async (vault) => {
      vault.write('program', 'x')
      vault.laptop.tree.setAttributes(node(vault, 'program'), { mode: 0o4755 })
      label(vault, 'program', 'security.capability', 'all')
      make(vault, 'disk', 'blockDevice').device = { major: 8, minor: 1 }
      await vault.backUp()
      const plain = await restore(vault)
      const words = ({ path, kind, reason }: Unset) => `${toText(path)} ${kind} ${reason}`
      expect(plain.unset.map(words).toSorted()).toEqual([
        `${HOME}/disk device not asked for`,
        `${HOME}/program capability not asked for`,
        `${HOME}/program setuid not asked for`,
      ])
      expect(node(vault, 'program', plain.target).mode).toBe(0o755)

      const all = await restore(vault, [HOME], { devices: true, setuid: true })
      // This user may set his own bits, and neither make devices nor give capabilities.
      expect(all.unset.map(words)).toEqual([`${HOME}/program capability EPERM`])
      expect(all.failures).toBe(1)
      expect(node(vault, 'program', all.target).mode).toBe(0o4755)
    }))
})

describe('a file that becomes a FIFO before it is read', () => {
  it.each([1, 700])('is not waited for, and told: %i KiB', (size) =>
    tell(async (vault) => {
      vault.write('staying', 'y')
      vault.write('was a file', noise(size * KIB))
      vault.laptop.filesTrouble.onStep = (operation, path) => {
        const isFile = node(vault, 'was a file').kind === 'file'
        if (operation !== 'open' || !toText(path).endsWith('was a file') || !isFile) return
        vault.remove('was a file')
        make(vault, 'was a file', 'fifo')
      }
      const summary = await vault.backUp()
      vault.laptop.filesTrouble.onStep = undefined
      expect(summary.skipped.map(({ path }) => toText(path))).toEqual([`${HOME}/was a file`])
      expect(await vault.list(HOME)).toEqual([`${HOME}/staying`])
      await vault.backUp()
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }),
  )
})

describe('a source', () => {
  it.each<[string, (vault: TestVault) => void, number]>([
    ['that is empty', () => undefined, 0],
    ['with nothing but sockets', (vault) => void make(vault, 'socket', 'socket'), 1],
    ['with nothing but FIFOs', (vault) => void make(vault, 'pipe', 'fifo'), 0],
    ['with nothing but folders', (vault) => vault.folder('a/b/c'), 0],
    ['without a file of several names', (vault) => vault.write('alone', 'x'), 0],
  ])('%s is backed up and comes back', async (_, prepare, sockets) =>
    tell(async (vault) => {
      vault.folder('')
      prepare(vault)
      const summary = await vault.backUp()
      expect([summary.published, summary.unsupported, summary.skipped]).toEqual([true, sockets, []])
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    }),
  )
})

function link(vault: TestVault, first: string, ...others: string[]): void {
  for (const other of others) {
    vault.laptop.tree.link(toBytes(`${HOME}/${first}`), toBytes(`${HOME}/${other}`))
  }
}

function make(vault: TestVault, name: string, kind: FileNode['kind']): FileNode {
  return vault.laptop.tree.make(toBytes(`${HOME}/${name}`), kind, 0o644)
}

function node(vault: TestVault, name: string, target = ''): FileNode {
  return vault.laptop.tree.node(toBytes(`${target}${HOME}/${name}`))
}

function label(vault: TestVault, name: string, attribute: string, value: string): void {
  vault.laptop.tree.setXattr(node(vault, name), attribute, toBytes(value))
}

let restores = 0

async function restore(
  vault: TestVault,
  paths: readonly string[] = [HOME],
  metadata = { devices: false, setuid: false },
): Promise<{ target: string; unset: Unset[]; failures: number }> {
  const target = `/back${++restores}`
  const unset: Unset[] = []
  const { failures } = await vault.withClient(async (client, signal) => {
    const at = await client.at('latest', signal)
    const request = { at, paths: paths.map(toBytes), target: toBytes(target), metadata }
    return client.restore({ ...request, onUnset: (one) => unset.push(one) }, signal)
  })
  return { target, unset, failures: failures.length }
}
