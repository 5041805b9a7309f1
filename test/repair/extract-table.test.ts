import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { versionId } from '../../protocol/tree.ts'
import { BadHistoryError } from '../../src/history/errors.ts'
import {
  extractTable,
  namedFiles,
  TABLE_NAME,
  type TabledVersion,
} from '../../src/repair/extract-table.ts'

const isInstalled = spawnSync('rdiff', ['--version']).status === 0
if (!isInstalled) console.warn('rdiff is missing: a table is not run')

describe('an extracted history', () => {
  it('is named in order and says what applies to what', () => {
    const versions = [
      delta(versionId(3, 0), versionId(4, 0)),
      delta(versionId(4, 0), versionId(7, 1)),
      original(versionId(7, 1)),
      delta(versionId(9, 0), versionId(7, 1)),
    ]
    expect(extractTable(versions)).toBe(
      [
        '# One file, version by version. Run this in its folder: sh 0000-table.txt',
        '#',
        '# file                version  bytes  label   is',
        '# 0001-v3.delta       v3       100    stable  a reverse delta on v4',
        '# 0002-v4.delta       v4       100    stable  a reverse delta on v7.1',
        '# 0003-v7.1.original  v7.1     100    stable  the version itself',
        '# 0004-v9.delta       v9       100    stable  a forward delta on v7.1',
        '',
        'rdiff patch 0003-v7.1.original 0002-v4.delta 0002-v4.whole',
        'rdiff patch 0002-v4.whole 0001-v3.delta 0001-v3.whole',
        'rdiff patch 0003-v7.1.original 0004-v9.delta 0004-v9.whole',
        '',
      ].join('\n'),
    )
  })

  it('makes every version once, each from what is there by then', () => {
    fc.assert(
      fc.property(forests, (versions) => {
        const files = namedFiles(versions)
        const isThere = new Set(files.map(({ name }) => name))
        for (const line of commands(extractTable(versions))) {
          const [base = '', patch = '', made = ''] = line.split(' ').slice(2)
          expect(isThere).toContain(base)
          expect(isThere).toContain(patch)
          expect(isThere).not.toContain(made)
          isThere.add(made)
        }
        for (const { whole } of files) expect(isThere).toContain(whole)
      }),
    )
  })

  it('keeps its order as text beyond 9,999 versions', () => {
    const versions = Array.from({ length: 10_001 }, (_, index) => original(versionId(index + 1, 0)))
    const names = namedFiles(versions).map(({ name }) => name)
    expect(names).toEqual(names.toSorted())
    expect(TABLE_NAME < (names[0] ?? '')).toBe(true)
  })

  it('tells of a delta whose base is not there', () => {
    expect(extractTable([delta(2048, 1024)])).toContain('# 0001-v2.delta: its base v1 is not here')
  })

  it.each([
    ['itself', [delta(1024, 1024)]],
    ['one that rests on it', [original(1024), delta(2048, 3072), delta(3072, 2048)]],
  ])('whose version rests on %s is refused', (_, versions) => {
    expect(() => extractTable(versions)).toThrow(BadHistoryError)
  })

  it.runIf(isInstalled)('comes back whole by the table as a script', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cairn-extract-'))
    try {
      // Two versions rest on a third, one forward and one reverse, and one more on the reverse one.
      const versions = [delta(1024, 2048), delta(2048, 3072), original(3072), delta(4096, 3072)]
      const content = (id: number) => `${'same for all '.repeat(999)}${id}`
      for (const { version, name } of namedFiles(versions)) {
        if (version.content.type === 'original') {
          writeFileSync(join(folder, name), content(version.id))
          continue
        }
        writeFileSync(join(folder, 'base'), content(version.content.base))
        writeFileSync(join(folder, 'new'), content(version.id))
        rdiff(folder, 'signature', 'base', 'signature')
        rdiff(folder, 'delta', 'signature', 'new', name)
        for (const each of ['base', 'new', 'signature']) rmSync(join(folder, each))
      }
      writeFileSync(join(folder, TABLE_NAME), extractTable(versions))
      execFileSync('sh', ['-e', TABLE_NAME], { cwd: folder })
      for (const { version, whole } of namedFiles(versions)) {
        expect(readFileSync(join(folder, whole), 'utf8')).toBe(content(version.id))
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

function rdiff(folder: string, ...args: string[]): void {
  execFileSync('rdiff', args, { cwd: folder })
}

function commands(table: string): string[] {
  return table.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
}

function original(id: number): TabledVersion {
  return { id, size: 100, label: 'stable', content: { type: 'original' } }
}

function delta(id: number, base: number): TabledVersion {
  return { id, size: 100, label: 'stable', content: { type: 'delta', base } }
}

/** Versions that rest on any version placed before them, with ids in no such order. */
const forests: fc.Arbitrary<TabledVersion[]> = fc
  .uniqueArray(fc.integer({ min: 1, max: 1e6 }), { minLength: 1, maxLength: 20 })
  .chain((ids) =>
    fc.tuple(
      ...ids.map((id, index) =>
        fc
          .option(fc.nat(Math.max(0, index - 1)))
          .map((at) => (at === null || index === 0 ? original(id) : delta(id, ids[at] ?? id))),
      ),
    ),
  )
