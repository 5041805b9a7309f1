/**
 * QR: a text as a QR code of letters, for a phone to read from the screen.
 *
 * Two rows of the code make one line: each letter is an upper and a lower half. What is light in the code is drawn, as on a
 * terminal with a dark background; on a terminal the colours are set, so that its own do not matter.
 */

import { encodeQR } from 'qr'

const BLACK_AND_WHITE = '\u001b[40;97m'
const PLAIN = '\u001b[0m'

/** Light upper half, light lower half. */
const HALVES = [
  [' ', '▄'],
  ['▀', '█'],
] as const

/**
 * @param text - letters, digits and colons only make the smallest code; they are made capitals, which is the same text
 * @returns lines of the same width, with a light border around
 */
export function qrLines(text: string, { isTerminal }: { readonly isTerminal: boolean }): string[] {
  const rows = encodeQR(text.toUpperCase(), 'raw', { ecc: 'low', border: 2 })
  const lines: string[] = []
  for (let top = 0; top < rows.length; top += 2) {
    const [upper = [], lower] = [rows[top], rows[top + 1]]
    const letters = upper.map((isDark, at) => halves(!isDark, lower !== undefined && !lower[at]))
    const line = letters.join('')
    lines.push(isTerminal ? `${BLACK_AND_WHITE}${line}${PLAIN}` : line)
  }
  return lines
}

function halves(isUpperLight: boolean, isLowerLight: boolean): string {
  return HALVES[isUpperLight ? 1 : 0][isLowerLight ? 1 : 0]
}
