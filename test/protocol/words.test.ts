import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { FormatError } from '../../protocol/errors.ts'
import { rootToWords, wordsToRoot, WrongWordsError } from '../../protocol/words.ts'

const root = Uint8Array.from({ length: 32 }, (_, index) => 7 * index + 3)
const words = rootToWords(root)

describe('words', () => {
  it('come out as they went in', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        const list = rootToWords(bytes)
        expect(list).toHaveLength(24)
        expect(wordsToRoot(list.join(' '))).toEqual(bytes)
      }),
    )
  })

  it('are those of BIP-39 for its test vectors of 256 bits', () => {
    expect(rootToWords(new Uint8Array(32)).join(' ')).toBe(`${'abandon '.repeat(23)}art`)
    expect(rootToWords(new Uint8Array(32).fill(0x7f)).join(' ')).toBe(
      `${'legal winner thank year wave sausage worth useful '.repeat(2)}legal winner thank year wave sausage worth title`,
    )
    expect(rootToWords(new Uint8Array(32).fill(0xff)).join(' ')).toBe(`${'zoo '.repeat(23)}vote`)
  })

  it('K02: are read however a person wrote them down', () => {
    const layouts = [
      words.join('  \t '),
      words.join('\n'),
      words.join('\r\n'),
      words.join(', '),
      words.join(','),
      `\n  ${words.join(' ').toUpperCase()}  \n`,
      words.map((word) => word[0]?.toUpperCase() + word.slice(1)).join(' '),
      words.map((word, index) => `${index + 1}. ${word}`).join('\n'),
      words.map((word, index) => `${index + 1}.${word}`).join(' '),
      words.map((word, index) => `${index + 1}) ${word}`).join(' '),
      words.map((word, index) => `(${index + 1}) ${word};`).join(' '),
      words.map((word, index) => `${index + 1}: ${word}`).join('\n'),
      words.map((word, index) => `${index + 1} ${word}`).join('\n'),
      words.map((word) => `- ${word}`).join('\n'),
      `${words.join('\u00a0')}.`,
      `\ufeff${words.join(' ')}`,
      `"${words.join(' ')}"`,
    ]
    expect(layouts.map(wordsToRoot)).toEqual(layouts.map(() => root))
  })

  it('K02: name the word that is not in the list, and what it may have been', () => {
    const error = failure(words.with(16, 'abandom').join(' '))
    expect(error).toMatchObject({ reason: 'unknown-word', position: 17, word: 'abandom' })
    expect(error.suggestions[0]).toBe('abandon')
    expect(error.message).toBe(
      'word 17, "abandom", is not in the list of words; did you mean abandon or random?',
    )
  })

  it('suggest for a letter lost, added, changed or swapped, and for a beginning', () => {
    const slips = {
      zebr: 'zebra',
      zebbra: 'zebra',
      zebta: 'zebra',
      zbera: 'zebra',
      abst: 'abstract',
    }
    for (const [typed, meant] of Object.entries(slips)) {
      expect(failure(words.with(0, typed).join(' ')).suggestions).toContain(meant)
    }
    expect(failure(words.with(0, 'x').join(' ')).suggestions).toEqual([])
  })

  it('K02: with one changed for another word of the list, mostly do not agree', () => {
    const error = failure(words.with(5, words[5] === 'zoo' ? 'able' : 'zoo').join(' '))
    expect(error).toMatchObject({ reason: 'checksum', position: undefined, suggestions: [] })
    expect(error.message).toMatch(/every word is known/)
    expect(error.cause).toBeUndefined()
  })

  it('K02: with two swapped mostly do not agree', () => {
    const swapped = words.with(2, words[3] ?? '').with(3, words[2] ?? '')
    expect(failure(swapped.join(' ')).reason).toBe('checksum')
  })

  it('K02: too few or too many are counted', () => {
    for (const count of [0, 1, 12, 23, 25, 48]) {
      const error = failure([...words, ...words].slice(0, count).join(' '))
      expect(error.reason).toBe('count')
      expect(error.message).toBe(`24 words are needed; these are ${count}`)
    }
  })

  it('never show a right word in an error', () => {
    fc.assert(
      fc.property(
        fc.nat(23),
        fc.stringMatching(/^[a-z]{0,3}[0-9#]{1,8}[a-z]{0,9}$/),
        (at, typed) => {
          const error = failure(words.with(at, typed).join(' '))
          const shown = error.message.replaceAll(/"[^"]*"/g, '').split(/[^a-z]+/)
          const said = new Set([...error.suggestions, 'word', 'list'])
          const leaked = words.filter((word) => !said.has(word) && shown.includes(word))
          expect(leaked).toEqual([])
        },
      ),
    )
  })

  it('show a typed word without anything a terminal would obey, and shortened', () => {
    const error = failure(`\u001b[31mred${'x'.repeat(1000)} ${words.join(' ')}`)
    expect(error.word).toMatch(/^[?\w]{24}$/)
  })

  it('throw nothing but FormatErrors, whatever the text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (text) => {
        expect(() => wordsToRoot(text)).toThrow(WrongWordsError)
      }),
    )
    expect(() => rootToWords(new Uint8Array(31))).toThrow(FormatError)
  })
})

function failure(text: string): WrongWordsError {
  try {
    wordsToRoot(text)
  } catch (error) {
    if (error instanceof WrongWordsError) return error
    throw error
  }
  throw new Error('the words were accepted')
}
