/**
 * Words: the root secret as 24 words that a person writes down, by BIP-39 with the English list.
 *
 * 256 bits of secret and 8 bits of checksum, 11 bits a word. Reading is forgiving about everything a
 * person does to a list on paper (capitals, numbering, commas, line breaks) and about nothing else.
 *
 * Format: docs/formats/words.md
 */

import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { FormatError } from './errors.ts'

const ROOT_SIZE = 32

export const WORD_COUNT = 24

const SUGGESTIONS_MAX = 4
const WORD_SHOWN_MAX = 24

const knownWords: ReadonlySet<string> = new Set(wordlist)

/** The words are not those of a recovery kit. Holds only what the person typed, never what is right. */
export class WrongWordsError extends FormatError {
  override readonly name = 'WrongWordsError'
  /** What is wrong: how many there are, one that is not in the list, or the checksum. */
  readonly reason: 'count' | 'unknown-word' | 'checksum'
  /** Which word is unknown, from 1; undefined for the other reasons. */
  readonly position: number | undefined
  /** The unknown word as typed, shortened. */
  readonly word: string | undefined
  /** Words of the list that look like the unknown one, best first; possibly none. */
  readonly suggestions: readonly string[]

  constructor(
    reason: WrongWordsError['reason'],
    message: string,
    unknown?: { position: number; word: string; suggestions: readonly string[] },
  ) {
    super(message)
    this.reason = reason
    this.position = unknown?.position
    this.word = unknown?.word
    this.suggestions = unknown?.suggestions ?? []
  }
}

/**
 * @param root - 32 bytes
 * @returns 24 lower-case words
 * @throws {FormatError} for any other length
 */
export function rootToWords(root: Uint8Array): string[] {
  if (root.length !== ROOT_SIZE) throw new FormatError(`a root is 32 bytes, not ${root.length}`)
  return entropyToMnemonic(root, wordlist).split(' ')
}

/**
 * @param text - 24 words, in any usual layout
 * @returns the 32 bytes of the root secret
 * @throws {WrongWordsError} naming the first word that is not in the list, where there is one
 */
export function wordsToRoot(text: string): Uint8Array {
  const words = splitWords(text)
  const unknown = words.findIndex((word) => !knownWords.has(word))
  if (unknown >= 0) throw unknownWord(unknown + 1, words[unknown] ?? '')
  if (words.length !== WORD_COUNT) {
    throw new WrongWordsError('count', `${WORD_COUNT} words are needed; these are ${words.length}`)
  }
  try {
    return mnemonicToEntropy(words.join(' '), wordlist)
  } catch {
    // The library's error is not passed on: a cause may carry the words.
    throw new WrongWordsError(
      'checksum',
      'every word is known, but the checksum does not agree: two words changed places, or one is another word of the list',
    )
  }
}

/**
 * Bits as words of the same list, 11 a word: for people to compare, not to keep.
 *
 * @param bits - at least 11 × `count` of them, the first are taken
 */
export function bitsToWords(bits: Uint8Array, count: number): string[] {
  if (8 * bits.length < 11 * count) throw new FormatError(`${count} words need more bits`)
  return Array.from({ length: count }, (_, position) => {
    let index = 0
    for (let at = 11 * position; at < 11 * (position + 1); at += 1) {
      index = 2 * index + (((bits[at >>> 3] ?? 0) >>> (7 - (at & 7))) & 1)
    }
    return wordlist[index] ?? ''
  })
}

/** Words as typed, without layout: numbering as `1.` or `1)`, commas, capitals, line breaks. */
function splitWords(text: string): string[] {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .split(/[\s,;]+/u)
    .map((part) => part.replace(/^[("'*•-]*\d*[.):\]]*|[.,"')]+$/gu, ''))
    .filter((part) => part.length > 0)
}

function unknownWord(position: number, typed: string): WrongWordsError {
  const suggestions = similarWords(typed)
  const word = typed.replace(/[^\p{L}\p{N}]/gu, '?').slice(0, WORD_SHOWN_MAX)
  const hint = suggestions.length > 0 ? `; did you mean ${suggestions.join(' or ')}?` : ''
  const message = `word ${position}, "${word}", is not in the list of words${hint}`
  return new WrongWordsError('unknown-word', message, { position, word, suggestions })
}

/** Words within two slips of the typed one, or with its first four letters; nearest first. */
function similarWords(typed: string): string[] {
  if (typed.length > WORD_SHOWN_MAX) return []
  return wordlist
    .map((word) => ({
      word,
      slips: typed.slice(0, 4) === word.slice(0, 4) ? 0.5 : slips(typed, word),
    }))
    .filter((candidate) => candidate.slips <= Math.min(2, typed.length / 2))
    .toSorted((a, b) => a.slips - b.slips)
    .slice(0, SUGGESTIONS_MAX)
    .map((candidate) => candidate.word)
}

/** Letters to insert, drop, change or swap with their neighbour to make one word the other. */
function slips(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, index) => index)]
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const at = (up: number, left: number): number =>
        (up === 0 ? row : rows[i - up])?.[j - left] ?? Infinity
      const isSwapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row.push(
        Math.min(
          at(1, 0) + 1,
          at(0, 1) + 1,
          at(1, 1) + (a[i - 1] === b[j - 1] ? 0 : 1),
          isSwapped ? at(2, 2) + 1 : Infinity,
        ),
      )
    }
    rows.push(row)
  }
  return rows[a.length]?.[b.length] ?? Infinity
}
