/** The commit that is played. */

import { execFileSync } from 'node:child_process'

let known: string | undefined

/** @returns its short name, with a word if the tree has changes; `unknown` where git cannot tell */
export function commit(): string {
  if (known !== undefined) return known
  try {
    known = execFileSync('git', ['describe', '--always', '--dirty'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    known = 'unknown'
  }
  return known
}
