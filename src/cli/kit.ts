/**
 * Kit: the recovery words as a file that still explains itself when it is found years later.
 *
 * Lines that start with `#` are for the reader; everything else is words.
 */

const WORDS_PER_LINE = 6

/** @returns the file's text */
export function kitText(
  words: readonly string[],
  vault: { host: string; createdAt: number },
): string {
  const lines = [
    '# Cairn recovery kit',
    `# Vault made on ${vault.host}, ${new Date(vault.createdAt).toISOString().slice(0, 10)}.`,
    '# These 24 words open the whole backup. Print them, keep them apart from the computer, show nobody.',
    '# To get everything back: cairn recover --words-from THIS-FILE --code-from INVITE (or --peer ADDRESS)',
    '',
  ]
  for (let at = 0; at < words.length; at += WORDS_PER_LINE) {
    lines.push(words.slice(at, at + WORDS_PER_LINE).join(' '))
  }
  return `${lines.join('\n')}\n`
}

/** @returns the words part of a kit or of any other text that holds the words */
export function wordsInKit(text: string): string {
  return text
    .split(/\r?\n/)
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .trim()
}
