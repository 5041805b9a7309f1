/**
 * Typed bytes: what was typed, byte for byte, though Node gives arguments as text.
 *
 * A byte that is no UTF-8 travels as a lone surrogate, U+DC80 to U+DCFF, as in Python (PEP 383): such text is cut and
 * joined like any other, and no name can hold one. Where Node has put U+FFFD in place of bytes, the system
 * still knows the command line; only Linux is asked, for elsewhere names are text.
 */

import { readFileSync, readlinkSync } from 'node:fs'
import { concat, utf8 } from '../../protocol/bytes.ts'
import { nextCharacter } from './escape.ts'

/** The launcher's command line in base64, where it starts a process of its own: src/cli/launch.mjs. */
const TYPED = 'CAIRN_TYPED'

const LOST = '\ufffd'

const ESCAPE = 0xdc00

/** @param bytes - no zero byte among them */
export function typedText(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const { length, character } = nextCharacter(bytes, at)
    text += character ?? String.fromCharCode(ESCAPE + (bytes[at] ?? 0))
    at += length
  }
  return text
}

/** The inverse of {@link typedText}. */
export function typedBytes(text: string): Uint8Array {
  if (text.isWellFormed()) return utf8(text)
  // With `u`, only a surrogate without its pair is one character.
  const parts = text.split(/([\udc80-\udcff])/u)
  return concat(
    ...parts.map((part, index) =>
      index % 2 === 0 ? utf8(part) : Uint8Array.of(part.charCodeAt(0) - ESCAPE),
    ),
  )
}

/** @returns a pattern as it is compared with names that are no UTF-8: one character a byte */
export function typedPattern(text: string): string {
  return text.isWellFormed() ? text : Buffer.from(typedBytes(text)).toString('latin1')
}

/**
 * @param given - the arguments as Node has them
 * @param env - what the launcher said is taken out
 */
export function typedArguments(given: readonly string[], env: NodeJS.ProcessEnv): string[] {
  const told = env[TYPED]
  delete env[TYPED]
  if (!given.some((word) => word.includes(LOST))) return [...given]
  const line = told === undefined ? commandLine() : Buffer.from(told, 'base64')
  const words = line.toString('latin1').split('\0').slice(0, -1).slice(-given.length)
  const bytes = words.map((word) => Buffer.from(word, 'latin1'))
  const isSame = given.every((word, index) => bytes[index]?.toString('utf8') === word)
  return isSame ? bytes.map(typedText) : [...given]
}

/** @param folder - the working folder as Node has it */
export function typedFolder(folder: string): string {
  if (!folder.includes(LOST)) return folder
  try {
    const bytes = readlinkSync('/proc/self/cwd', 'buffer')
    return bytes.toString('utf8') === folder ? typedText(bytes) : folder
  } catch {
    return folder
  }
}

function commandLine(): Buffer {
  try {
    return readFileSync('/proc/self/cmdline')
  } catch {
    return Buffer.alloc(0)
  }
}
