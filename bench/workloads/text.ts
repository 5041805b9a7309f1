/**
 * Text: prose that compresses about 2.5 : 1 with zstd, as letters, notes and source code do.
 *
 * Words come from a vocabulary of invented ones, short ones often and long ones seldom (Zipf's law), with
 * capitals, numbers, punctuation and lines. Nothing repeats but words and a few set phrases.
 */

import type { Random } from '../random.ts'

const VOCABULARY_SIZE = 24_000
const TABLE_BITS = 16
const LETTERS = 'eeeeeettttaaaaoooiiinnnsssrrrhhllddccuummffppggwwyybbvvkxjqz'

/** How many bytes of one word the table may hold, separator included. */
const WORD_SIZE_MAX = 32

/** A vocabulary, and how often each of its words comes. */
export class Language {
  /** Words back to back, and where each begins. */
  readonly words: Uint8Array
  readonly starts: Uint32Array
  /** Word by 16 random bits: frequent words have many places. */
  readonly table: Uint16Array

  constructor(random: Random) {
    const words = makeVocabulary(random)
    this.words = Buffer.from(words.join(''), 'latin1')
    this.starts = new Uint32Array(words.length + 1)
    for (const [index, word] of words.entries()) {
      this.starts[index + 1] = (this.starts[index] ?? 0) + word.length
    }
    this.table = makeTable(words.length)
  }
}

export class TextWriter {
  readonly #random: Random
  readonly #language: Language

  /** @param language - the same for all texts of a tree */
  constructor(random: Random, language: Language) {
    this.#random = random
    this.#language = language
  }

  /** @returns text of exactly that many bytes, an array of its own */
  bytes(size: number): Buffer {
    const text = Buffer.allocUnsafeSlow(size + WORD_SIZE_MAX)
    const { words, starts, table } = this.#language
    let at = 0
    let lineLength = 0
    while (at < size) {
      const draw = this.#random.word()
      const word = table[draw & ((1 << TABLE_BITS) - 1)] ?? 0
      const start = starts[word] ?? 0
      const end = starts[word + 1] ?? start
      const from = at
      for (let index = start; index < end; index++) text[at++] = words[index] ?? 0
      const style = draw >>> TABLE_BITS
      // One in 16: the word ends a sentence part, or is followed by a number.
      if ((style & 15) === 0) at = this.#punctuate(text, at, style >>> 4)
      lineLength += at - from + 1
      const isLineEnd = lineLength > 72
      text[at++] = isLineEnd ? 10 : 32
      if (isLineEnd) lineLength = 0
    }
    return text.subarray(0, size)
  }

  #punctuate(text: Uint8Array, end: number, style: number): number {
    let at = end
    if (style % 4 === 0) {
      text[at++] = 32
      for (const digit of String(style % 1000)) text[at++] = digit.charCodeAt(0)
    }
    text[at++] = ',.;:.?-,)(.,"\'.,'.charCodeAt(style % 16)
    return at
  }
}

function makeVocabulary(random: Random): string[] {
  const words = new Set<string>()
  while (words.size < VOCABULARY_SIZE) {
    // Frequent words are short: the first hundred have up to four letters.
    const typical = 2.2 + Math.log10(1 + words.size) * 1.45
    const length = Math.max(1, Math.min(18, Math.round(random.logNormal(typical, 0.32))))
    let word = ''
    for (let at = 0; at < length; at++) word += LETTERS[random.below(LETTERS.length)] ?? 'e'
    words.add(random.isOnce(0.08) ? word[0]?.toUpperCase() + word.slice(1) : word)
  }
  return [...words]
}

/** Zipf: the word of rank r comes about 1/(r + 2.7) as often. */
function makeTable(count: number): Uint16Array {
  const table = new Uint16Array(1 << TABLE_BITS)
  const weight = (rank: number) => 1 / (rank + 2.7)
  let total = 0
  for (let rank = 0; rank < count; rank++) total += weight(rank)
  let sum = 0
  let place = 0
  for (let rank = 0; rank < count; rank++) {
    sum += weight(rank)
    const end = Math.round((sum / total) * table.length)
    while (place < end) table[place++] = rank
  }
  return table
}
