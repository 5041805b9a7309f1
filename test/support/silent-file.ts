/**
 * A file whose file system answers until it is opened, and never after: FUSE, served by hand up to there. It takes
 * root, and calls on it must not be made by the thread that serves.
 *
 * Layouts: linux/fuse.h, protocol 7.31.
 */

import { constants, readSync, writeSync } from 'node:fs'
import { constants as system } from 'node:os'
import { mountFuse } from './stalled-folder.ts'

const { O_NONBLOCK, O_RDWR } = constants
const { ENOSYS } = system.errno

const LOOKUP = 1
const GETATTR = 3
const OPEN = 14
const RELEASE = 18
const FLUSH = 25
const STATX = 52
const INIT = 26

const REQUEST_SIZE_MAX = 256 * 1024
const ROOT = 1n
const FILE = 2n
const FOREVER = 1_000_000_000n

/** The folder at `path` has one file, of any name. @returns how to end it; undefined where it cannot be made */
export function silentFile(
  path: string,
  { size, blocks }: { readonly size: number; readonly blocks: number },
): (() => void) | undefined {
  const mounted = mountFuse(path, O_RDWR | O_NONBLOCK)
  if (mounted === undefined) return undefined
  const { fuse, end } = mounted
  const request = Buffer.alloc(REQUEST_SIZE_MAX)
  const timer = setInterval(() => {
    for (;;) {
      const length = readRequest(fuse, request)
      if (length === 0) return
      const code = request.readUInt32LE(4)
      const body = answerTo(code, request.readBigUInt64LE(16), { size, blocks })
      if (body === undefined) continue
      const header = Buffer.alloc(16)
      header.writeUInt32LE(header.length + body.length, 0)
      // Then it asks in the older way.
      if (code === STATX) header.writeInt32LE(-ENOSYS, 4)
      request.copy(header, 8, 8, 16) // the request's own number
      writeSync(fuse, Buffer.concat([header, body]))
    }
  }, 1)
  return () => {
    clearInterval(timer)
    end()
  }
}

/** @returns 0 where there is none */
function readRequest(fuse: number, into: Buffer): number {
  try {
    return readSync(fuse, into, 0, into.length, null)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0
    throw error
  }
}

function answerTo(
  code: number,
  node: bigint,
  file: { size: number; blocks: number },
): Buffer | undefined {
  if (code === INIT) {
    const body = Buffer.alloc(64)
    body.writeUInt32LE(7, 0)
    body.writeUInt32LE(31, 4)
    body.writeUInt32LE(4096, 20) // largest write
    return body
  }
  if (code === LOOKUP) {
    return Buffer.concat([numbers(FILE, 0n, FOREVER, FOREVER, 0n), attributes(FILE, file)])
  }
  if (code === GETATTR) return Buffer.concat([numbers(FOREVER, 0n), attributes(node, file)])
  if (code === OPEN) return numbers(1n, 0n)
  return [FLUSH, RELEASE, STATX].includes(code) ? Buffer.alloc(0) : undefined
}

function attributes(node: bigint, { size, blocks }: { size: number; blocks: number }): Buffer {
  const isFile = node !== ROOT
  const rest = Buffer.alloc(40)
  rest.writeUInt32LE(isFile ? 0o100644 : 0o40755, 12)
  rest.writeUInt32LE(1, 16) // links
  const sizes = isFile ? [BigInt(size), BigInt(blocks)] : [0n, 0n]
  return Buffer.concat([numbers(node, ...sizes, 0n, 0n, 0n), rest])
}

function numbers(...values: readonly bigint[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length)
  for (const [index, value] of values.entries()) bytes.writeBigUInt64LE(value, 8 * index)
  return bytes
}
