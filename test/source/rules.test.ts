import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { NO_RULES, parsePatterns, SourceRules, toText } from '../../src/source/rules.ts'

describe('rules', () => {
  it('leave out names at any depth, and folders alone where the pattern says so', () => {
    const is = leavingOut('*.o', 'node_modules/', '.cache')
    expect(['/home/a.o', '/home/x/y/b.o', '/home/x/.cache', '/home/.cache/'].map(is)).toEqual(
      Array(4).fill(true),
    )
    expect(is('/home/node_modules/')).toBe(true)
    expect(['/home/node_modules', '/home/a.ox', '/home/o'].map(is)).toEqual(Array(3).fill(false))
  })

  it('take a pattern that begins with a slash for a whole path', () => {
    const is = leavingOut('/home/ada/tmp', '/etc', '/home/*/old', '/**/deep/x')
    expect(is('/home/ada/tmp/')).toBe(true)
    expect(is('/home/ben/old')).toBe(true)
    expect(is('/home/ada/deep/x')).toBe(true)
    expect(['/home/tmp', '/home/etc', '/home/x/ben/old'].map(is)).toEqual(Array(3).fill(false))
  })

  it('begin a pattern with a slash further in at the source', () => {
    const is = leavingOut('ada/tmp', '**/a/b')
    expect(['/home/ada/tmp', '/home/x/a/b'].map(is)).toEqual([true, true])
    expect(is('/home/x/ada/tmp')).toBe(false)
  })

  it('keep what was named as a source, whatever its name and those above match', () => {
    const is = leavingOut('home', '/home', '/home/', 'h*')
    expect([is('/home/x'), is('/home/home/')]).toEqual([false, true])
  })

  it('let the last pattern that matches decide', () => {
    const is = leavingOut('*.log', '!keep.log', 'x/keep.log')
    expect(['/home/a.log', '/home/keep.log', '/home/x/keep.log'].map(is)).toEqual([
      true,
      false,
      true,
    ])
    const foldersOnly = leavingOut('*', '!*/', '!*.txt')
    expect([foldersOnly('/home/a/'), foldersOnly('/home/a'), foldersOnly('/home/a.txt')]).toEqual([
      false,
      true,
      false,
    ])
  })

  it('ignore case where they were asked to, in letters of every kind', () => {
    const rules = rulesOf([...patterns(true, '*.JPG', 'straße', 'ÉTÉ'), ...patterns(false, 'A')])
    const is = leavingOutBy(rules)
    expect(['/home/x.jpg', '/home/STRAßE', '/home/été', '/home/A'].map(is)).toEqual(
      Array(4).fill(true),
    )
    expect(['/home/a', '/home/x.jpgs'].map(is)).toEqual([false, false])
  })

  it('match names that are no UTF-8 by wildcards, and byte for byte by a line of a file', () => {
    const name = '/home/caf\u00e9'
    const unit = leavingOutBy(rulesOf(patterns(false, 'caf?')), (path) => path)
    expect(unit(name)).toBe(true)
    const raw = Buffer.from('caf\u00e9\n', 'latin1')
    const lines = parsePatterns(raw, { origin: 'list', isFile: true, isCaseIgnored: false })
    expect(leavingOutBy(rulesOf(lines), (path) => path)(name)).toBe(true)
    // The same letter as UTF-8 is another name.
    expect(leavingOutBy(rulesOf(lines))('/home/café')).toBe(false)
    expect(leavingOut('caf?')('/home/café')).toBe(true)
  })

  it('come with the line that they stand in, and pass over comments and empty lines', () => {
    const file = utf8('# mine\r\n\r\n*.o\r\n\\#x\n!\n')
    const lines = parsePatterns(file, { origin: '/etc/rules', isFile: true, isCaseIgnored: false })
    expect(lines.map(({ text, origin }) => `${origin} ${text}`)).toEqual([
      '/etc/rules:3 *.o',
      '/etc/rules:4 \\#x',
    ])
    expect(() => patterns(false, '# nothing')).toThrow('leaves nothing out')
  })

  it('give each name that is no UTF-8 a text of its own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), fc.uint8Array({ maxLength: 8 }), (a, b) => {
        const [one, two] = [a, b].map((bytes) => Buffer.from(bytes).toString('latin1'))
        expect(toText(one ?? '') === toText(two ?? '')).toBe(one === two)
      }),
    )
  })

  it('do as git does, whatever patterns and names', () => {
    const word = fc.stringMatching(/^[ab.]{1,3}$/).filter((text) => !/^\.\.?$/.test(text))
    const part = fc.oneof(word, fc.stringMatching(/^[ab*?.]{1,3}$/), fc.constantFrom('**', '[ab]'))
    const pattern = fc
      .tuple(
        fc.constantFrom('', '!'),
        fc.constantFrom('', '', '/'),
        fc.array(part, { minLength: 1, maxLength: 3 }),
        fc.constantFrom('', '/'),
      )
      .map(([sign, start, parts, end]) => `${sign}${start}${parts.join('/')}${end}`)
    const paths = fc.array(fc.array(word, { minLength: 1, maxLength: 3 }), {
      minLength: 1,
      maxLength: 6,
    })
    const folder = mkdtempSync(join(tmpdir(), 'cairn-rules-'))
    try {
      execFileSync('git', ['init', '-q', folder])
      fc.assert(
        fc.property(fc.array(pattern, { minLength: 1, maxLength: 4 }), paths, (lines, names) => {
          const files = names.map((parts) => parts.join('/'))
          writeFileSync(join(folder, '.gitignore'), `${lines.join('\n')}\n`)
          // At the root of the file system a whole path and git's are the same.
          const is = leavingOutBy(rulesOf(patterns(false, ...lines)), (path) => path, '/')
          const ours = files.filter((path) => parentsAnd(path).some((each) => is(`/${each}`)))
          expect([...new Set(ours)].toSorted()).toEqual(ignoredByGit(folder, files))
        }),
        { numRuns: 60 },
      )
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

/** What git leaves out, though there are no such files. */
function ignoredByGit(folder: string, files: readonly string[]): string[] {
  try {
    const args = ['-C', folder, 'check-ignore', '--no-index', '--stdin']
    const out = execFileSync('git', args, { input: files.join('\n'), encoding: 'utf8' })
    return [...new Set(out.split('\n').filter((line) => line !== ''))].toSorted()
  } catch (error) {
    // It ends with 1 where it leaves nothing out.
    if ((error as { status?: number }).status === 1) return []
    throw error
  }
}

/** Each folder above, and the file. */
function parentsAnd(path: string): string[] {
  const parts = path.split('/')
  return parts.map((_, index) => {
    const part = parts.slice(0, index + 1).join('/')
    return index === parts.length - 1 ? part : `${part}/`
  })
}

function leavingOut(...texts: string[]): (path: string) => boolean {
  return leavingOutBy(rulesOf(patterns(false, ...texts)))
}

/** @param encode - to one character a byte */
function leavingOutBy(
  rules: SourceRulesInput,
  encode: (path: string) => string = (path) => Buffer.from(path).toString('latin1'),
  source = '/home',
): (path: string) => boolean {
  const below = new SourceRules(rules, source)
  return (path) => {
    const isFolder = path.endsWith('/')
    const bytes = encode(isFolder ? path.slice(0, -1) : path)
    const at = bytes.lastIndexOf('/')
    const inside = below.inside(bytes.slice(0, at) || '/')
    return inside.excluding(bytes.slice(at + 1), isFolder) !== undefined
  }
}

type SourceRulesInput = ConstructorParameters<typeof SourceRules>[0]

function rulesOf(list: SourceRulesInput['patterns']): SourceRulesInput {
  return { ...NO_RULES, patterns: list }
}

function patterns(isCaseIgnored: boolean, ...texts: string[]): SourceRulesInput['patterns'] {
  return texts.flatMap((text) =>
    parsePatterns(utf8(text), { origin: '--exclude', isFile: false, isCaseIgnored }),
  )
}
