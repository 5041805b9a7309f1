/** How a canary gets into the text of its file. */

import type { Canary } from './canary-list.ts'

/** The code has moved on from what a canary knew of it. */
export class StaleCanaryError extends Error {
  override readonly name = 'StaleCanaryError'
}

/** @throws {StaleCanaryError} unless the text is there exactly once */
export function patch(
  source: string,
  { name, file, text, replacement }: Pick<Canary, 'name' | 'file' | 'text' | 'replacement'>,
): string {
  const parts = source.split(text)
  if (text === '' || parts.length !== 2) {
    throw new StaleCanaryError(`${name}: ${file} has its text ${parts.length - 1} times, not once`)
  }
  return parts.join(replacement)
}
