/**
 * Join words: the six words that a newcomer and their friend compare.
 */

import type { PeerId } from '../ports/network.ts'
import type { Output } from './output.ts'

export function showJoinWords(output: Output, words: readonly string[], inviter: PeerId): void {
  output.json({ message_type: 'join_words', words, inviter })
  output.say(
    `Read these words to your friend, who must see the same ones and confirm them:\n\n    ${words.join(' ')}\n`,
  )
}
