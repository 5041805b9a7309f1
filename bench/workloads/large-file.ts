/**
 * Large files: pieces at a time, so that a size of many gigabytes needs little memory.
 */

import { closeSync, openSync, readSync, renameSync, writeSync } from 'node:fs'

/** Bytes written or copied at once. */
export const PIECE_SIZE = 4 << 20

/** Write a file of that size from what `draw` gives, a piece at a time. */
export function writeLarge(path: string, size: number, draw: (length: number) => Uint8Array): void {
  const file = openSync(path, 'w')
  try {
    for (let at = 0; at < size; at += PIECE_SIZE) {
      writeAll(file, draw(Math.min(PIECE_SIZE, size - at)), at)
    }
  } finally {
    closeSync(file)
  }
}

/** Overwrite in place. */
export function overwrite(
  path: string,
  pieces: readonly { readonly offset: number; readonly bytes: Uint8Array }[],
): void {
  const file = openSync(path, 'r+')
  try {
    for (const { offset, bytes } of pieces) writeAll(file, bytes, offset)
  } finally {
    closeSync(file)
  }
}

/** One change of a file: `cut` bytes at `offset` of the old file give way to `inserted`. */
export interface Splice {
  readonly offset: number
  readonly cut: number
  readonly inserted: Uint8Array
}

/** Write the file anew beside itself with the splices made, and put it in the old one's place. */
export function splice(path: string, splices: readonly Splice[], size: number): void {
  const from = openSync(path, 'r')
  const to = openSync(`${path}.new`, 'w')
  const output = { file: to, at: 0 }
  try {
    let read = 0
    for (const { offset, cut, inserted } of splices.toSorted((a, b) => a.offset - b.offset)) {
      copy(from, read, offset - read, output)
      put(inserted, output)
      read = offset + cut
    }
    copy(from, read, size - read, output)
  } finally {
    closeSync(from)
    closeSync(to)
  }
  renameSync(`${path}.new`, path)
}

interface Output {
  readonly file: number
  at: number
}

function copy(from: number, start: number, length: number, output: Output): void {
  const buffer = Buffer.allocUnsafe(Math.min(PIECE_SIZE, Math.max(0, length)))
  for (let done = 0; done < length;) {
    const wanted = Math.min(PIECE_SIZE, length - done)
    const got = readSync(from, buffer, 0, wanted, start + done)
    if (got === 0) throw new RangeError(`the file ends at ${start + done}`)
    put(buffer.subarray(0, got), output)
    done += got
  }
}

function put(bytes: Uint8Array, output: Output): void {
  writeAll(output.file, bytes, output.at)
  output.at += bytes.length
}

function writeAll(file: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length;) {
    done += writeSync(file, bytes, done, bytes.length - done, offset + done)
  }
}
