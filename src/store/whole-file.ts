/**
 * Whole files: small state that is replaced in one step and read back checked.
 *
 * The bytes go to a temporary name, are synced, renamed over the old file, and the folder is synced;
 * so after a power cut the file is the old one or the new one. A SHA-256 in front tells a damaged
 * file from a good one.
 */

import { concat, equal } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { DiskError } from '../base/errors.ts'
import type { Disk } from '../ports/disk.ts'
import { makeDurableFolder } from './durable-folder.ts'

const HASH_SIZE = 32

/** The file is there, and its bytes are not what was written. */
export class StateDamagedError extends DiskError {
  override readonly name = 'StateDamagedError'
}

/** Replace the file at `path`. Resolves when the new bytes would survive a power cut. */
export async function writeWhole(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
  const temporary = `${path}.new`
  if (folder !== '') await makeDurableFolder(disk, folder)
  await disk.remove(temporary)

  const file = await disk.create(temporary)
  try {
    await file.append(concat(sha256(bytes), bytes))
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(temporary, path)
  await disk.syncFolder(folder)
}

/**
 * @returns the bytes as they were written, or `undefined` if there is no such file
 * @throws {StateDamagedError}
 */
export async function readWhole(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  const file = await disk.open(path)
  if (file === undefined) return undefined
  try {
    const stored = await file.read(0, await file.size())
    const bytes = stored.slice(HASH_SIZE)
    if (stored.length < HASH_SIZE || !equal(stored.subarray(0, HASH_SIZE), sha256(bytes))) {
      throw new StateDamagedError(`${path} is damaged: its checksum does not match its bytes`)
    }
    return bytes
  } finally {
    await file.close()
  }
}
