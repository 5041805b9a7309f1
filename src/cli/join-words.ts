/**
 * Join words: the six words that a newcomer and their friend compare.
 */

import type { PeerId } from '../ports/network.ts'
import { escapeLine } from './escape.ts'
import type { Output } from './output.ts'

export function showJoinWords(output: Output, words: readonly string[], inviter: PeerId): void {
  output.json({ message_type: 'join_words', words, inviter })
  output.say(
    `Read these words to your friend, who must see the same ones and confirm them:\n\n    ${words.join(' ')}\n`,
  )
}

/** Who came with a code, as they say of themselves. */
export interface Newcomer {
  readonly name: string | undefined
  readonly isPeer: boolean
  readonly peer: string
  readonly words: readonly string[]
  readonly isTriedByOthers: boolean
}

export function showNewcomer(output: Output, newcomer: Newcomer): void {
  const { name, isPeer, peer, words, isTriedByOthers } = newcomer
  // Whoever got hold of the code chooses the name: it must not bring words of its own to compare.
  const who = name === undefined ? 'Somebody without a name' : escapeLine(name)
  output.say(`${who} ${isPeer ? 'wants to lend disk' : 'wants to back up'}: ${peer}`)
  output.say(`Both of you must see these words:\n\n    ${words.join(' ')}\n`)
  if (isTriedByOthers) {
    output.warn(
      'somebody else came with the same code: if the words differ, it is they whom you see here',
    )
  }
}
