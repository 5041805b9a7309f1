/** The digest of a file of the person's, read piece by piece. */

import { createHash } from 'node:crypto'
import type { Files, PathBytes } from '../ports/files.ts'

const PIECE_SIZE = 1024 * 1024

/**
 * @returns SHA-256 of what it held while it was read, 32 bytes
 * @throws {FilesError}
 */
export async function hashFile(
  files: Files,
  path: PathBytes,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const hash = createHash('sha256')
  for await (const piece of readFile(files, path, signal)) hash.update(piece)
  return new Uint8Array(hash.digest())
}

/** @returns its bytes in pieces of 1 MiB, the last one shorter */
export async function* readFile(
  files: Files,
  path: PathBytes,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const file = await files.open(path)
  try {
    for (let offset = 0; ;) {
      signal.throwIfAborted()
      const piece = await file.read(offset, PIECE_SIZE)
      if (piece.length === 0) return
      offset += piece.length
      yield piece
    }
  } finally {
    await file.close()
  }
}
