/**
 * Escape: names as text that a terminal cannot misread.
 *
 * A name is bytes and may hold newlines, terminal commands or bytes that are no UTF-8. On screen
 * each such character becomes a `\` sequence; a backslash is doubled, so that the text says exactly
 * which bytes were meant. JSON carries the exact bytes beside the text when they differ.
 */

const SHORT: Readonly<Record<number, string>> = {
  0x09: '\\t',
  0x0a: '\\n',
  0x0d: '\\r',
  0x5c: '\\\\',
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** @returns printable text that no two different names share */
export function escapeName(name: Uint8Array): string {
  let text = ''
  for (let at = 0; at < name.length;) {
    const { length, character } = nextCharacter(name, at)
    if (character === undefined) text += hex(name[at] ?? 0)
    else text += escapeCharacter(character)
    at += length
  }
  return text
}

/** The same for whole messages, such as an error's, which have newlines of their own; they stay. */
export function escapeText(text: string): string {
  let safe = ''
  for (const character of text.toWellFormed()) {
    safe += character === '\n' || character === '\\' ? character : escapeCharacter(character)
  }
  return safe
}

/**
 * The same for a part of a line that comes from elsewhere, a peer's name above all: a friend, or whoever
 * holds an invite code, must not write lines of ours by calling himself by several.
 */
export function escapeLine(text: string): string {
  return escapeText(text).replaceAll('\n', '\\n')
}

/** A path for JSON: readable always, and exact as base64 where the text alone is not. */
export function pathFields(path: Uint8Array): { path: string; path_b64?: string } {
  const bytes = Buffer.from(path.buffer, path.byteOffset, path.byteLength)
  const text = bytes.toString('utf8')
  if (Buffer.from(text, 'utf8').equals(bytes)) return { path: text }
  return { path: text, path_b64: bytes.toString('base64') }
}

/** @returns how many bytes the character at `at` takes, and it, unless the byte starts none */
export function nextCharacter(
  name: Uint8Array,
  at: number,
): { length: number; character?: string } {
  const first = name[at] ?? 0
  const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  try {
    return { length, character: decoder.decode(name.subarray(at, at + length)) }
  } catch {
    return { length: 1 }
  }
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const short = SHORT[code]
  if (short !== undefined) return short
  if (code < 0x20 || code === 0x7f) return hex(code)
  // C1 controls, and what turns the direction or the line of the text around it.
  return /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}|\p{Co}|\p{Cn}/u.test(character)
    ? `\\u{${code.toString(16)}}`
    : character
}

function hex(byte: number): string {
  return `\\x${byte.toString(16).padStart(2, '0')}`
}
