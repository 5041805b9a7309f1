/**
 * Ask: a question to whoever sits there, and one line for an answer.
 *
 * The answer comes from standard input, from a terminal or from a script.
 */

import { createInterface } from 'node:readline'
import { reasonOf } from '../base/abort.ts'
import type { Output } from './output.ts'

/**
 * @param question - ends without a line break
 * @returns the answer without its line end; `undefined` if nobody answers
 * @throws the signal's reason once it aborts
 */
export async function askPerson(
  output: Output,
  question: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!output.isJson) output.stderr.write(question)
  const lines = createInterface({ input: process.stdin, terminal: false })
  try {
    return await new Promise<string | undefined>((resolve, reject) => {
      if (signal.aborted) return reject(reasonOf(signal))
      signal.addEventListener('abort', () => reject(reasonOf(signal)), { once: true })
      lines.once('line', resolve).once('close', () => resolve(undefined))
    })
  } finally {
    lines.close()
    process.stdin.pause()
  }
}

/** @returns whether the answer is a yes; `undefined` where it is neither yes nor no */
export function yesOrNo(answer: string | undefined): boolean | undefined {
  const word = answer?.trim().toLowerCase()
  if (word === 'y' || word === 'yes') return true
  return word === 'n' || word === 'no' ? false : undefined
}
