import { describe, expect, it } from 'vitest'
import { toBytes, toText } from '../../sim/file-tree.ts'
import { hintsWithin } from '../../src/source/hints.ts'
import { toNames } from '../../src/source/path.ts'

describe('hints', () => {
  it('are in tree order, each once, none within a deep one, and with the folders that hold them', () => {
    expect(within(['/a', '/b'], ['/b/c', '/a-', '/a/x/y', '/b/c/d', '/b/c+', '/a/x/y'])).toEqual([
      '/a/x',
      '/a/x/y',
      '/b',
      '/b/c+',
    ])
    expect(within(['/a'], ['/a/b/c', '/a/b', '/a/b+', '/a/b/c/d'])).toEqual(['/a', '/a/b+'])
  })

  it('are of sources only, and a source has no folder that holds it', () => {
    expect(within(['/a/b'], ['/a', '/a/b', '/a/bc', '/'])).toEqual(['/a/b'])
    expect(within(['/'], ['/', '/a'])).toEqual(['/', '/a'])
    expect(within(['/a'], ['/a+'])).toEqual(['/a+'])
  })
})

/** @param hints - a deep one has a `+` behind it */
function within(sources: readonly string[], hints: readonly string[]): string[] {
  const given = hints.map((hint) => ({
    folder: toBytes(hint.replace('+', '')),
    isDeep: hint.endsWith('+'),
  }))
  return hintsWithin(sources.map(toBytes).map(toNames), given).map(
    ({ folder, isDeep }) => `${toText(folder)}${isDeep ? '+' : ''}`,
  )
}
