import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compare, equal } from '../../protocol/bytes.ts'
import { toBytes } from '../../sim/file-tree.ts'
import {
  BadPathError,
  covering,
  fromKey,
  isPlainName,
  isWithin,
  join,
  keysBelow,
  outermost,
  toKey,
  toNames,
  toPath,
  type Names,
} from '../../src/source/path.ts'

describe('paths', () => {
  it('are names and back again, as paths and as keys', () => {
    fc.assert(
      fc.property(paths, (names) => {
        expect(toNames(toPath(names))).toEqual(names)
        expect(fromKey(toKey(names))).toEqual(names)
        const last = names.at(-1)
        if (last === undefined) return
        expect(join(toPath(names.slice(0, -1)), last)).toEqual(toPath(names))
      }),
    )
  })

  it('ignore slashes beyond the first', () => {
    expect(toNames(toBytes('//home///ada/'))).toEqual([toBytes('home'), toBytes('ada')])
    expect(toNames(toBytes('/'))).toEqual([])
    expect(toPath([])).toEqual(toBytes('/'))
  })

  it.each(['', 'home', './home', '/home/..', '/home/./ada', '/a\0b'])('are not %j', (text) => {
    expect(() => toNames(toBytes(text))).toThrow(BadPathError)
  })

  it('own their names: changing the path changes nothing', () => {
    const path = toBytes('/home/ada')
    const names = toNames(path)
    path.fill(0x78)
    expect(names).toEqual([toBytes('home'), toBytes('ada')])
  })
})

describe('plain names', () => {
  it.each(['a', '...', '.a', ' ', '\xff\xfe', '-', '\n'])('may be %j', (text) => {
    expect(isPlainName(toBytes(text))).toBe(true)
  })

  it.each(['', '.', '..', 'a/b', '/', 'a\0', '\0'])('are not %j', (text) => {
    expect(isPlainName(toBytes(text))).toBe(false)
  })
})

describe('keys', () => {
  it('sort like the tree: a folder, all in it, its next sibling', () => {
    fc.assert(
      fc.property(paths, paths, (a, b) => {
        expect(Math.sign(compare(toKey(a), toKey(b)))).toBe(Math.sign(compareNames(a, b)))
      }),
    )
  })

  it('below a folder are those of its descendants and no others', () => {
    fc.assert(
      fc.property(paths, paths, (folder, path) => {
        const { from, until } = keysBelow(toKey(folder))
        const key = toKey(path)
        const isBelow = compare(from, key) <= 0 && compare(key, until) < 0
        expect(isBelow).toBe(isWithin(folder, path) && path.length > folder.length)
      }),
    )
  })
})

describe('the outermost of some paths', () => {
  it('cover all of them, and none lies within another', () => {
    fc.assert(
      fc.property(fc.array(paths, { maxLength: 8 }), (all) => {
        const found = outermost(all)
        for (const path of all) {
          expect(found.filter((one) => isWithin(one, path))).toHaveLength(1)
        }
        for (const one of found)
          expect(all.some((path) => equal(toKey(path), toKey(one)))).toBe(true)
      }),
    )
  })
})

/** A slow, obvious order of the tree. */
function compareNames(a: Names, b: Names): number {
  for (const [index, name] of a.entries()) {
    const other = b[index]
    if (other === undefined) return 1
    const order = compare(name, other)
    if (order !== 0) return order
  }
  return a.length - b.length
}

/** Few different bytes, so that names and paths often share beginnings. */
const names = fc
  .array(fc.constantFrom(0x01, 0x2d, 0x2e, 0x61, 0xff), { minLength: 1, maxLength: 3 })
  .map((bytes) => Uint8Array.from(bytes))
  .filter(isPlainName)
const paths = fc.array(names, { maxLength: 4 })

describe('what covers a list of paths', () => {
  it('is the paths themselves as long as there are few, and then folders as deep as can be', () => {
    const namesOf = (...texts: string[]) => texts.map((path) => toNames(Buffer.from(path)))
    const shown = (some: readonly Names[]) =>
      some.map((each) => Buffer.from(toPath(each)).toString())
    const list = namesOf('/a/b/1', '/a/b/2', '/a/c/d/3', '/e')
    expect(covering(list, 4)).toBe(list)
    expect(shown(covering(list, 3))).toEqual(['/a/b', '/a/c', '/e'])
    expect(shown(covering(list, 2))).toEqual(['/a', '/e'])
    expect(shown(covering(list, 1))).toEqual(['/'])
  })
})
