import { describe, expect, it } from 'vitest'
import { toBytes } from '../../sim/file-tree.ts'
import { toNames } from '../../src/source/path.ts'
import { BadPatternError, PathPattern } from '../../src/source/path-pattern.ts'

describe('a path pattern', () => {
  it.each([
    ['*.txt', '/home/ada/a.txt', true],
    ['*.txt', '/home/a.txt/b', false],
    ['a?c', '/abc', true],
    ['a?c', '/ac', false],
    ['[a-c]1', '/x/b1', true],
    ['[!a-c]1', '/x/b1', false],
    ['[^a-c]1', '/x/d1', true],
    ['a.b', '/axb', false],
    ['\\*', '/*', true],
    ['\\*', '/x', false],
    ['ada/a.txt', '/home/ada/a.txt', true],
    ['/ada', '/home/ada', false],
    ['/home/*/a.txt', '/home/ada/a.txt', true],
    ['/home/*', '/home/ada/a.txt', false],
    ['/home/**/a.txt', '/home/a.txt', true],
    ['/home/**/a.txt', '/home/x/y/a.txt', true],
    ['/**', '/home', true],
    ['A.TXT', '/a.txt', false],
  ])('%s and %s: %s', (pattern, path, isMeant) => {
    expect(new PathPattern(pattern).matches(names(path))).toBe(isMeant)
  })

  it('may take no notice of upper and lower case', () => {
    const pattern = new PathPattern('ÄB*', { ignoreCase: true })
    expect(pattern.matches(toNames(new TextEncoder().encode('/x/äbc')))).toBe(true)
  })

  it('takes a character of UTF-8 for one, and a byte of any other name', () => {
    const pattern = new PathPattern('a?b')
    expect(pattern.matches(toNames(new TextEncoder().encode('/a€b')))).toBe(true)
    expect(pattern.matches(names('/a\xffb'))).toBe(true)
    expect(pattern.matches(names('/a\xff\xfeb'))).toBe(false)
  })

  it('means what is in a folder with the folder', () => {
    const pattern = new PathPattern('/home/*/notes')
    expect(pattern.covers(names('/home/ada/notes/a/b'))).toBe(true)
    expect(pattern.covers(names('/home/ada'))).toBe(false)
  })

  it.each(['', '/', 'a/[b', '[z-a]'])('is none: %j', (text) => {
    expect(() => new PathPattern(text)).toThrow(BadPatternError)
  })
})

function names(path: string) {
  return toNames(toBytes(path))
}
