/**
 * The commands of a librsync delta, for its writer and its reader.
 *
 * One opcode byte, then its numbers, big-endian, each 1, 2, 4 or 8 bytes wide as the opcode says.
 *
 * | opcode      | command                | numbers                                   |
 * | ----------- | ---------------------- | ----------------------------------------- |
 * | 0x00        | end                    |                                           |
 * | 0x01 – 0x40 | literal of that length | then the bytes                            |
 * | 0x41 – 0x44 | literal                | length, width 1, 2, 4, 8; then the bytes  |
 * | 0x45 – 0x54 | copy                   | start, length: 0x45 + 4 · width + width   |
 * | 0x55 – 0xff | reserved               |                                           |
 *
 * Format: docs/formats/delta.md
 */

import type { ByteWriter } from '../../protocol/bytes.ts'

/** 'rs' 02 '6'. */
export const DELTA_MAGIC = 0x72730236
export const MAGIC_SIZE = 4

export const END_OPCODE = 0x00
/** Literals up to this length have it as their opcode. */
export const LITERAL_SHORT_MAX = 0x40
export const LITERAL_OPCODE = 0x41
export const COPY_OPCODE = 0x45
export const RESERVED_OPCODE = 0x55

/** The widths of numbers in bytes, by the code that opcodes add up. */
export const WIDTHS = [1, 2, 4, 8] as const

/** Opcode, start and length, each as wide as can be. */
export const COMMAND_SIZE_MAX = 1 + 8 + 8

/** @returns bytes of the head of a literal of `length` bytes: 1 … 9 */
export function literalHeadSize(length: number): number {
  return length <= LITERAL_SHORT_MAX ? 1 : 1 + WIDTHS[widthCode(length)]!
}

/** @returns bytes of the command that copies `length` bytes from `start`: 3 … 17 */
export function copyCommandSize(start: number, length: number): number {
  return 1 + WIDTHS[widthCode(start)]! + WIDTHS[widthCode(length)]!
}

/** Write the head of a literal; its `length` bytes, at least one, come next. */
export function putLiteralHead(writer: ByteWriter, length: number): void {
  if (length <= LITERAL_SHORT_MAX) {
    writer.u8(length)
    return
  }
  const code = widthCode(length)
  writer.u8(LITERAL_OPCODE + code)
  putNumber(writer, length, code)
}

/** Write a copy of `length` bytes of the old file, at least one, from `start`. */
export function putCopy(writer: ByteWriter, start: number, length: number): void {
  const startCode = widthCode(start)
  const lengthCode = widthCode(length)
  writer.u8(COPY_OPCODE + WIDTHS.length * startCode + lengthCode)
  putNumber(writer, start, startCode)
  putNumber(writer, length, lengthCode)
}

/** The least width that holds `value`. */
function widthCode(value: number): number {
  return WIDTHS.findIndex((width) => value < 256 ** width)
}

function putNumber(writer: ByteWriter, value: number, code: number): void {
  const bytes = new Uint8Array(WIDTHS[code]!)
  for (let at = bytes.length - 1, rest = value; at >= 0; at--, rest = Math.floor(rest / 256))
    bytes[at] = rest % 256
  writer.put(bytes)
}
