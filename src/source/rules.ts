/**
 * Rules: which paths below a source are left out.
 *
 * Patterns are gitignore's, as git applies them, with one word more: a pattern that begins with `/` is a whole
 * path, as this program and the shell write paths, while one with a slash further in begins at each source. What
 * was named as a source is in, whatever a rule says. Patterns that ignore case are a list of their own: a path is
 * left out if one of the two lists says so.
 *
 * Names are bytes and patterns are text: a name that is UTF-8 is the text that it spells, and of any other each
 * byte above 127 is a character of its own (U+DC80 to U+DCFF, as Python has it), which a wildcard or a line of a
 * file with the same bytes can match.
 */

import ignore from 'ignore'
import { UsageError } from '../base/errors.ts'
import type { ScanPattern, ScanRules } from '../ports/scan.ts'

/** Paths and names here are text of one character a byte, as the walk has them. */
export type Latin1 = string

/** A pattern that says nothing, or a file of patterns that cannot be read. */
export class BadRuleError extends UsageError {
  override readonly name = 'BadRuleError'
}

export const NO_RULES: ScanRules = {
  patterns: [],
  tags: [],
  sizeMax: undefined,
  isOneFileSystem: false,
}

/** The signature of a CACHEDIR.TAG: https://bford.info/cachedir/ */
export const CACHE_TAG = {
  name: 'CACHEDIR.TAG',
  header: 'Signature: 8a477f597d28d172789f06886806bc55',
} as const

/** Paths looked up between two new caches: the library remembers each that it was asked for. */
const TESTS_MAX = 1_000

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The rules as they hold below one source. */
export class SourceRules {
  readonly #lists: readonly PatternList[]
  readonly #prefixSize: number

  /** @param source - the source's path, bytes as characters */
  constructor({ patterns }: ScanRules, source: Latin1) {
    const above = source.split('/').filter((name) => name !== '')
    const names = above.map(toText)
    const [exact, folded] = [false, true].map((isCaseIgnored) =>
      patterns.flatMap((pattern, index) =>
        pattern.isCaseIgnored === isCaseIgnored
          ? writtenBelow(pattern, names).map((text) => ({ pattern: text, mark: String(index) }))
          : [],
      ),
    )
    this.#prefixSize = source === '/' ? 1 : source.length + 1
    this.#lists = [
      new PatternList(patterns, exact ?? [], false),
      new PatternList(patterns, folded ?? [], true),
    ].filter((list) => !list.isEmpty)
  }

  /** @param folder - the source or a folder below it */
  inside(folder: Latin1): FolderRules {
    const rest = folder.slice(this.#prefixSize)
    return new FolderRules(this.#lists, rest === '' ? '' : `${rest}/`)
  }
}

/** The rules as they hold for what is in one folder. */
export class FolderRules {
  readonly #lists: readonly PatternList[]
  readonly #folder: Latin1
  #text: string | undefined

  constructor(lists: readonly PatternList[], folder: Latin1) {
    this.#lists = lists
    this.#folder = folder
  }

  /** @returns false only where no pattern leaves the name out: most names can be told so at a glance */
  mayMatch(name: Latin1): boolean {
    if (this.#lists.length === 0) return false
    const text = toText(name)
    return this.#lists.some((list) => list.mayMatch(text))
  }

  /** @returns the pattern that leaves a name out, be it a folder or not; none if that makes the difference */
  always(name: Latin1): ScanPattern | undefined {
    return this.excluding(name, false) && this.excluding(name, true)
  }

  /** @returns the pattern that leaves a name out */
  excluding(name: Latin1, isFolder: boolean): ScanPattern | undefined {
    if (this.#lists.length === 0) return undefined
    const text = toText(name)
    for (const list of this.#lists) {
      if (!list.mayMatch(text)) continue
      this.#text ??= this.#folder.split('/').map(toText).join('/')
      const found = list.excluding(`${this.#text}${text}${isFolder ? '/' : ''}`)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** Patterns of one kind, in order. */
class PatternList {
  readonly #patterns: readonly ScanPattern[]
  readonly #isCaseIgnored: boolean
  readonly #all: ReturnType<typeof ignore>
  readonly #names = new Set<string>()
  readonly #starts: string[] = []
  readonly #ends: string[] = []
  readonly isEmpty: boolean
  #isAny = false
  #cached: ReturnType<typeof ignore> | undefined
  #tests = 0

  constructor(
    patterns: readonly ScanPattern[],
    below: readonly { readonly pattern: string; readonly mark: string }[],
    isCaseIgnored: boolean,
  ) {
    this.#patterns = patterns
    this.#isCaseIgnored = isCaseIgnored
    this.#all = ignore({ ignoreCase: isCaseIgnored }).add(below)
    this.isEmpty = below.length === 0
    for (const { pattern } of below) this.#note(pattern)
  }

  /**
   * Most names can be told apart from all patterns at a glance.
   *
   * @returns false only where no pattern leaves a path with this last name out
   */
  mayMatch(name: string): boolean {
    if (this.#isAny) return true
    const text = this.#fold(name)
    if (this.#names.has(text)) return true
    for (const end of this.#ends) if (text.endsWith(end)) return true
    for (const start of this.#starts) if (text.startsWith(start)) return true
    return false
  }

  /** @param path - below the source; a folder's with a slash at its end */
  excluding(path: string): ScanPattern | undefined {
    if (this.#cached === undefined || this.#tests === TESTS_MAX) {
      this.#cached = ignore({ ignoreCase: this.#isCaseIgnored }).add(this.#all)
      this.#tests = 0
    }
    this.#tests += 1
    const { ignored, rule } = this.#cached.test(path)
    return ignored ? this.#patterns[Number(rule?.mark)] : undefined
  }

  /** What the last part of a pattern asks of a name. */
  #note(pattern: string): void {
    // What is taken back must have been left out by another pattern.
    if (pattern.startsWith('!')) return
    const last = pattern.replace(/\/+$/, '').split('/').at(-1) ?? ''
    // Classes and quotes are the library's affair, and so are spaces at the end.
    if (/[\\[?]|\s$/.test(last)) {
      this.#isAny = true
      return
    }
    const first = last.indexOf('*')
    const text = this.#fold(last)
    if (first === -1) this.#names.add(text)
    else if (first > 0) this.#starts.push(this.#fold(last.slice(0, first)))
    else {
      const end = last.slice(last.lastIndexOf('*') + 1)
      if (end === '') this.#isAny = true
      else this.#ends.push(this.#fold(end))
    }
  }

  /** As regular expressions that ignore case compare: by capitals. */
  #fold(text: string): string {
    return this.#isCaseIgnored ? text.toUpperCase() : text
  }
}

/**
 * @param text - lines of a file, or one pattern
 * @param origin - where they come from, for a person; the line's number is added to a file's
 * @throws {BadRuleError} a pattern that can match nothing, of those given one by one
 */
export function parsePatterns(
  bytes: Uint8Array,
  from: { readonly origin: string; readonly isFile: boolean; readonly isCaseIgnored: boolean },
): ScanPattern[] {
  const { origin, isFile, isCaseIgnored } = from
  const text = toText(
    Buffer.from(bytes)
      .toString('latin1')
      .replace(/^\u00ef\u00bb\u00bf/, ''),
  )
  if (!isFile && !saysSomething(text)) {
    throw new BadRuleError(`The pattern of ${origin} is empty or a comment: it leaves nothing out`)
  }
  if (!isFile) return [{ text, origin, isCaseIgnored }]
  return text
    .split(/\r?\n/)
    .flatMap((line, index) =>
      saysSomething(line) ? [{ text: line, origin: `${origin}:${index + 1}`, isCaseIgnored }] : [],
    )
}

/** @returns a pattern and where it stands */
export function ruleWords({ text, origin }: ScanPattern): string {
  return `${origin} ${text}`
}

function saysSomething(line: string): boolean {
  return line.trim() !== '' && !line.startsWith('#') && line.trim() !== '!'
}

/** @returns the text that a name spells; ASCII is the same both ways */
export function toText(name: Latin1): string {
  // oxlint-disable-next-line no-control-regex
  if (/^[\u0000-\u007f]*$/.test(name)) return name
  try {
    return decoder.decode(Buffer.from(name, 'latin1'))
  } catch {
    return name.replaceAll(/[\u0080-\u00ff]/g, (byte) =>
      String.fromCharCode(0xdc00 + byte.charCodeAt(0)),
    )
  }
}

/**
 * @param above - the source's names
 * @returns the pattern as it is written below the source, in as many ways as it can lead there
 */
function writtenBelow({ text }: ScanPattern, above: readonly string[]): string[] {
  const sign = text.startsWith('!') ? '!' : ''
  const pattern = text.slice(sign.length)
  if (!pattern.startsWith('/')) return [text]
  const parts = pattern.slice(1).split('/')
  return [...new Set(rests(parts, above))].map((rest) => `${sign}/${rest}`)
}

/** What is left of a pattern once it matched all names above, however that can be. */
function rests(parts: readonly string[], above: readonly string[]): string[] {
  const [part, ...others] = parts
  const [name, ...under] = above
  if (name === undefined) return [parts.join('/')]
  // It matches a folder above the source, or the source: what was named is in.
  if (part === undefined || part === '') return []
  if (part === '**') return [...rests(parts, under), ...rests(others, above)]
  return ignore({ ignoreCase: false }).add(`/${part}`).ignores(name) ? rests(others, under) : []
}
