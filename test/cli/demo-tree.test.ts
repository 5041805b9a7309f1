import {
  appendFileSync,
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { NodeFiles } from '../../src/adapters/node-files.ts'
import { changeTree } from '../../src/cli/demo/change-tree.ts'
import { generateTree, TREE_SIZES } from '../../src/cli/demo/generate-tree.ts'
import { ODD_NAMES } from '../../src/cli/demo/odd-names.ts'
import { removeTree } from '../../src/cli/demo/remove-tree.ts'
import { compareManifests, takeManifest, totals } from '../../src/cli/demo/tree-manifest.ts'

const options = { seed: 5, size: TREE_SIZES.small, files: new NodeFiles() }
let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-tree-'))
})
afterEach(() => removeTree(folder))

describe('the demo’s tree', () => {
  it('has the same bytes for the same seed, others for another', async () => {
    const [one, two, other] = [await made('one', 5), await made('two', 5), await made('other', 6)]
    const contents = (root: string) =>
      [...takeManifest(root)].map(([path, { kind, size, content }]) => [path, kind, size, content])
    expect(contents(two)).toEqual(contents(one))
    expect(contents(other)).not.toEqual(contents(one))
  })

  it('holds the odd names, links, empties, duplicates and depth that it promises', async () => {
    const manifest = takeManifest(await made('tree', 5))
    for (const name of ODD_NAMES) expect(manifest.has(`odd/${name.toString('latin1')}`)).toBe(true)
    const entries = [...manifest.values()]
    expect(entries.filter(({ kind }) => kind === 'symlink').length).toBeGreaterThan(5)
    expect(entries.filter(({ kind, size }) => kind === 'file' && size === 0).length).toBe(20)
    const digests = entries.filter(({ size }) => size > 0).map(({ content }) => content)
    expect(new Set(digests).size).toBeLessThan(digests.length - 5)
    expect(Math.max(...[...manifest.keys()].map((path) => path.split('/').length))).toBeGreaterThan(
      30,
    )
    expect(totals(manifest).files).toBeGreaterThan(150)
  })

  it('changes in every round', async () => {
    const root = await made('tree', 5)
    const before = takeManifest(root)
    await changeTree(root, { ...options, round: 1 })
    const after = takeManifest(root)
    const kinds = new Set(compareManifests(before, after).map(({ what }) => what))
    expect([...kinds].toSorted()).toEqual(
      ['content', 'extra', 'kind', 'missing', 'mode', 'mtime', 'size'].toSorted(),
    )
    await changeTree(root, { ...options, round: 2 })
    expect(compareManifests(after, takeManifest(root)).length).toBeGreaterThan(20)
  })
})

describe('comparing trees', () => {
  it('finds nothing between a tree and itself', async () => {
    const root = await made('tree', 5)
    expect(compareManifests(takeManifest(root), takeManifest(root))).toEqual([])
  })

  it('finds each kind of difference, and names the path', () => {
    const tree = join(folder, 'tree')
    mkdirSync(join(tree, 'sub'), { recursive: true })
    for (const name of ['grown', 'mode', 'time', 'gone', 'kind', 'odd\n']) {
      appendFileSync(join(tree, name), 'text')
    }
    symlinkSync('here', join(tree, 'link'))
    const before = takeManifest(tree)
    const stamp = new Date(1e12)
    const touch = (name: string) => utimesSync(join(tree, name), stamp, stamp)

    appendFileSync(join(tree, 'grown'), '!')
    chmodSync(join(tree, 'mode'), 0o600)
    touch('time')
    renameSync(join(tree, 'gone'), join(tree, 'sub', 'found'))
    rmSync(join(tree, 'kind'))
    mkdirSync(join(tree, 'kind'))
    rmSync(join(tree, 'link'))
    symlinkSync('there', join(tree, 'link'))
    chmodSync(join(tree, 'odd\n'), 0o777)

    const found = compareManifests(before, takeManifest(tree)).map(
      ({ path, what }) => `${path}: ${what}`,
    )
    expect(found).toEqual(
      expect.arrayContaining([
        'grown: content',
        'grown: size',
        'mode: mode',
        'time: mtime',
        'gone: missing',
        'sub/found: extra',
        'kind: kind',
        'link: content',
        'odd\\n: mode',
      ]),
    )
  })

  it('sees a single nanosecond', async () => {
    const tree = join(folder, 'tree')
    mkdirSync(tree)
    appendFileSync(join(tree, 'file'), 'text')
    const files = new NodeFiles()
    const path = Buffer.from(join(tree, 'file'))
    await files.setModified(path, { seconds: 1e9, nanoseconds: 1 })
    const before = takeManifest(tree)
    await files.setModified(path, { seconds: 1e9, nanoseconds: 2 })
    expect(compareManifests(before, takeManifest(tree))).toEqual([
      {
        path: 'file',
        what: 'mtime',
        expected: '2001-09-09T01:46:40.000000001Z',
        actual: '2001-09-09T01:46:40.000000002Z',
      },
    ])
  })

  it('sees a copy that lost its times', async () => {
    const root = await made('tree', 5)
    cpSync(root, join(folder, 'copy'), { recursive: true, verbatimSymlinks: true })
    const found = compareManifests(takeManifest(root), takeManifest(join(folder, 'copy')))
    expect(found.length).toBeGreaterThan(100)
    expect(new Set(found.map(({ what }) => what))).not.toContain('content')
  })
})

async function made(name: string, seed: number): Promise<string> {
  const root = join(folder, name)
  mkdirSync(root)
  await generateTree(root, { ...options, seed })
  return root
}
