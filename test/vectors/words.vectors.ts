/** Vectors of words: the bytes are the text a person typed; out comes the root. */

import { fromUtf8, utf8 } from '../../protocol/bytes.ts'
import { rootToWords, wordsToRoot } from '../../protocol/words.ts'
import { sample, type Scenario } from './format.ts'

export function decode(bytes: Uint8Array): Uint8Array {
  return wordsToRoot(fromUtf8(bytes))
}

const words = rootToWords(sample(32))
const plain = words.join(' ')

export const scenarios: readonly Scenario[] = [
  good('plain', 'one space between', plain),
  good('zeros', 'BIP-39 test vector, 256 bits of 0', `${'abandon '.repeat(23)}art`),
  good('ones', 'BIP-39 test vector, 256 bits of 1', `${'zoo '.repeat(23)}vote`),
  good('capitals', 'K02', plain.toUpperCase()),
  good('extra-spaces', 'K02', `  ${words.join('   ')} \n`),
  good('one-a-line', 'K02', `${words.join('\r\n')}\r\n`),
  good('numbered', 'as on the printed kit', words.map((word, at) => `${at + 1}. ${word}`).join('\n')),
  good('numbered-without-space', '1.word', words.map((word, at) => `${at + 1}.${word}`).join(' ')),
  good('commas', 'K02', words.join(', ')),

  bad('one-wrong-word', 'not in the list (K02)', words.with(6, 'abandom').join(' ')),
  bad('another-word-of-the-list', 'the checksum does not agree (K02)', words.with(6, 'zoo').join(' ')),
  bad('two-swapped', 'the checksum does not agree (K02)', words.with(0, words[1] ?? '').with(1, words[0] ?? '').join(' ')),
  bad('23-words', 'one below', words.slice(1).join(' ')),
  bad('25-words', 'one above', [...words, 'zoo'].join(' ')),
  bad('12-words', 'a shorter phrase of BIP-39, with a right checksum', `${'abandon '.repeat(11)}about`),
  bad('empty', 'nothing typed', ''),
  bad('spanish', 'another list of BIP-39', `${'ábaco '.repeat(23)}abdomen`),
  {
    name: 'not-utf-8',
    expect: 'FormatError',
    comment: 'no text at all',
    bytes: Uint8Array.of(0xff, 0xfe, 0x61, 0x00),
  },
]

function good(name: string, comment: string, text: string): Scenario {
  return { name, expect: 'success', comment, bytes: utf8(text) }
}

function bad(name: string, comment: string, text: string): Scenario {
  return { name, expect: 'WrongWordsError', comment, bytes: utf8(text) }
}
