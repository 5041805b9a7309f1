/** docs/bad-input.md is complete and true: every row of the oracle, and every test it names. */

import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const AREAS: ReadonlySet<string> = new Set(
  'wire share head lease-quota keys network-roster'.split(' '),
)

/** `it('W04: …'`, `it('W04 W05: …'`, with any quotes, and through `it.each(…)(`. */
const NAMED = /(?:\bit|\bdescribe)(?:\.\w+\([^]*?\))?\(\s*['"`]((?:[A-Z]\d\d )*[A-Z]\d\d): /g
/** The same on a line of its own, as after a long `it.each` or `it(`. */
const NAMED_ALONE = /^\s*['"`]((?:[A-Z]\d\d )*[A-Z]\d\d): .*['"`],$/gm

interface Row {
  readonly id: string
  readonly files: readonly string[]
  readonly reason: string
}

const oracle = readFileSync(join(ROOT, 'test/oracles/faults.csv'), 'utf8')
const page = readFileSync(join(ROOT, 'docs/bad-input.md'), 'utf8')

const wanted = oracle
  .split('\n')
  .map((line) => line.split(','))
  .filter(([, area]) => AREAS.has(area ?? ''))
  .map(([id]) => id ?? '')

const rows: Row[] = [...page.matchAll(/^\| ([A-Z]\d\d) \|(.*?)\|(.*)\|$/gm)].map(
  ([, id = '', where = '', reason = '']) => ({
    id,
    files: [...where.matchAll(/`([^`]+)`/g)].map(([, file]) => file ?? ''),
    reason: reason.trim(),
  }),
)

describe('the page of bad input', () => {
  it('has every row of the oracle once, in its order', () => {
    expect(wanted.length).toBeGreaterThan(50)
    expect(rows.map(({ id }) => id)).toEqual(wanted)
  })

  it('says of every row where it is tested, or why not', () => {
    const isReason = (words: string) => words !== '' && words !== 'pending'
    const silent = rows.filter(({ files, reason }) => files.length === 0 && !isReason(reason))
    expect(silent).toEqual([])
  })

  it('names files that have a test of the row’s name', () => {
    const wrong = rows.flatMap(({ id, files }) =>
      files.filter((file) => !idsIn(file).has(id)).map((file) => `${id}: ${file}`),
    )
    expect(wrong).toEqual([])
  })

  it('knows every row that a test is named for', () => {
    const known = new Set(oracle.split('\n').map((line) => line.split(',')[0]))
    const strays = globSync('test/**/*.test.ts', { cwd: ROOT }).flatMap((file) =>
      [...idsIn(file)].filter((id) => !known.has(id)).map((id) => `${id}: ${file}`),
    )
    expect(strays).toEqual([])
  })
})

function idsIn(file: string): Set<string> {
  const path = join(ROOT, file)
  if (!existsSync(path)) return new Set()
  const text = readFileSync(path, 'utf8')
  const names = [...text.matchAll(NAMED), ...text.matchAll(NAMED_ALONE)]
  return new Set(names.flatMap(([, ids = '']) => ids.split(' ')))
}
