import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { escapeName, escapeText, pathFields } from '../../src/cli/escape.ts'
import { ODD_NAMES } from '../../src/cli/demo/odd-names.ts'

const anyName = fc.uint8Array({ minLength: 1, maxLength: 300 })

describe('an escaped name', () => {
  it('reads as it is where every character is harmless', () => {
    for (const name of ['letter.txt', 'two words', 'café', '日本語', '🪨', 'a-b_c', "it's"]) {
      expect(escapeName(bytes(name))).toBe(name)
    }
  })

  it.each([
    ['new\nline', 'new\\nline'],
    ['tab\there\r', 'tab\\there\\r'],
    ['\u001b[31mred', '\\x1b[31mred'],
    ['a\\b', 'a\\\\b'],
    ['\u007f', '\\x7f'],
    ['\u009b31m', '\\u{9b}31m'],
    ['right\u202eto left', 'right\\u{202e}to left'],
    ['line\u2028separator', 'line\\u{2028}separator'],
    ['zero\u200bwidth', 'zero\\u{200b}width'],
  ])('shows what a terminal would obey: %j', (name, shown) => {
    expect(escapeName(bytes(name))).toBe(shown)
  })

  it('shows bytes that are no UTF-8 one by one', () => {
    expect(escapeName(Uint8Array.of(0x66, 0xff, 0xc3, 0x28))).toBe('f\\xff\\xc3(')
    // A surrogate and an overlong form are no UTF-8 either.
    expect(escapeName(Uint8Array.of(0xed, 0xa0, 0x80))).toBe('\\xed\\xa0\\x80')
    expect(escapeName(Uint8Array.of(0xc0, 0xaf))).toBe('\\xc0\\xaf')
    // Cut short at the end.
    expect(escapeName(Uint8Array.of(0x61, 0xf0, 0x9f))).toBe('a\\xf0\\x9f')
  })

  it('never holds a control character, for any bytes at all', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        expect(escapeName(name)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u)
      }),
    )
    for (const name of ODD_NAMES) expect(escapeName(name)).not.toMatch(/\p{Cc}/u)
  })

  it('is the same for no two names', () => {
    fc.assert(
      fc.property(anyName, anyName, (one, other) => {
        fc.pre(Buffer.compare(one, other) !== 0)
        expect(escapeName(one)).not.toBe(escapeName(other))
      }),
    )
  })
})

describe('escaped text', () => {
  it('keeps its lines and loses its commands', () => {
    expect(escapeText('two\nlines \u001b[2J C:\\x')).toBe('two\nlines \\x1b[2J C:\\x')
  })
})

describe('a path in JSON', () => {
  it('is text alone where the text says it all', () => {
    expect(pathFields(bytes('/home/é\n'))).toEqual({ path: '/home/é\n' })
  })

  it('carries its exact bytes where it is no UTF-8', () => {
    const path = Uint8Array.of(0x2f, 0xff)
    const fields = pathFields(path)
    expect(fields.path).toBe('/\ufffd')
    expect([...Buffer.from(fields.path_b64 ?? '', 'base64')]).toEqual([...path])
  })
})

function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'utf8'))
}
