/**
 * Path patterns: which paths a person means, as restic's `--include` and `find` read them.
 *
 * `*`, `?` and `[…]` stand for parts of one name, `**` for any number of names. A pattern that begins
 * with `/` is about whole paths; any other may begin at any folder. What a pattern means, it means with
 * all that is in it. Names are bytes: those that are UTF-8 are read as such, so that `?` is one
 * character; others byte by byte.
 */

import { UsageError } from '../base/errors.ts'
import type { Names } from './path.ts'

/** A pattern that says nothing, or has a `[` without its `]`. */
export class BadPatternError extends UsageError {
  override readonly name = 'BadPatternError'
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** One name's pattern; `**` stands for any number of names. */
type Part = RegExp | '**'

export class PathPattern {
  readonly #parts: readonly Part[]

  /**
   * @param options.ignoreCase - `A` and `a` are the same
   * @throws {BadPatternError}
   */
  constructor(text: string, options: { readonly ignoreCase?: boolean } = {}) {
    const names = text.split('/').filter((name) => name !== '' && name !== '.')
    if (names.length === 0) throw new BadPatternError('A pattern must name something')
    const flags = options.ignoreCase === true ? 'isu' : 'su'
    const parts = names.map((name) => (name === '**' ? name : toRegExp(name, flags)))
    this.#parts = text.startsWith('/') ? parts : ['**', ...parts]
  }

  /** @returns whether it means this very path */
  matches(path: Names): boolean {
    return isMatch(this.#parts, path.map(textOf))
  }

  /** @returns whether it means the path, or a folder above it */
  covers(path: Names): boolean {
    const texts = path.map(textOf)
    return texts.some((_, index) => isMatch(this.#parts, texts.slice(0, index + 1)))
  }
}

function isMatch(parts: readonly Part[], names: readonly string[]): boolean {
  // Which prefixes of the names the parts so far can stand for.
  let ends = new Set([0])
  for (const part of parts) {
    const next = new Set<number>()
    for (const end of ends) {
      if (part === '**') for (let at = end; at <= names.length; at += 1) next.add(at)
      else if (end < names.length && part.test(names[end] ?? '')) next.add(end + 1)
    }
    ends = next
  }
  return ends.has(names.length)
}

function toRegExp(glob: string, flags: string): RegExp {
  let source = ''
  for (let at = 0; at < glob.length; at += 1) {
    const character = String.fromCodePoint(glob.codePointAt(at) ?? 0)
    if (character === '*') source += '.*'
    else if (character === '?') source += '.'
    else if (character === '[') {
      const end = glob.indexOf(']', glob[at + 1] === '!' || glob[at + 1] === '^' ? at + 3 : at + 2)
      if (end === -1) throw new BadPatternError(`"${glob}" has a [ without its ]`)
      source += classOf(glob.slice(at + 1, end))
      at = end
    } else {
      const escaped = character === '\\' && at + 1 < glob.length ? glob[(at += 1)] : character
      source += escapeRegExp(escaped ?? '')
    }
    at += character.length - 1
  }
  try {
    return new RegExp(`^${source}$`, flags)
  } catch (cause) {
    throw new BadPatternError(`"${glob}" is no pattern`, { cause })
  }
}

function classOf(inside: string): string {
  const isNegated = inside.startsWith('!') || inside.startsWith('^')
  const members = (isNegated ? inside.slice(1) : inside).replaceAll(/[\\[\]^&|~]/g, '\\$&')
  return `[${isNegated ? '^' : ''}${members}]`
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, '\\$&')
}

function textOf(name: Uint8Array): string {
  try {
    return decoder.decode(name)
  } catch {
    return Buffer.from(name.buffer, name.byteOffset, name.length).toString('latin1')
  }
}
