/**
 * Whole files: a version's bytes to read anywhere, from the person's own file or out of the grid.
 */

import { createHash } from 'node:crypto'
import { equal } from '../../protocol/bytes.ts'
import type { Version } from '../../protocol/tree.ts'
import { FilesError } from '../base/errors.ts'
import { release } from '../base/release.ts'
import type { Disk, DiskFile } from '../ports/disk.ts'
import type { Files } from '../ports/files.ts'
import type { WholeFile } from '../repair/rebuild-file.ts'
import type { Temporary } from '../restore/temporary.ts'
import type { VersionReader } from '../restore/version-reader.ts'

/** Bytes read at a time. */
const READ_SIZE = 1024 * 1024

/** Swept with the spool's other unfinished files, should a crash leave it. */
const TEMPORARY_PATH = 'spool/whole'

/**
 * The person's own file, if its bytes are this version's.
 *
 * It may still change: whoever reads it compares digests once more.
 */
export async function openLocal(
  files: Files,
  path: Uint8Array,
  version: Version,
  signal: AbortSignal,
): Promise<WholeFile | undefined> {
  if (version.digest === undefined) return undefined
  try {
    const file = await files.open(path)
    try {
      const hash = createHash('sha256')
      let size = 0
      for (;;) {
        signal.throwIfAborted()
        const bytes = await file.read(size, READ_SIZE)
        const { length } = bytes
        hash.update(bytes)
        size += length
        release(bytes)
        if (length < READ_SIZE || size > version.size) break
      }
      if (size === version.size && equal(new Uint8Array(hash.digest()), version.digest)) {
        return {
          size,
          read: (offset, length) => file.read(offset, length),
          close: () => file.close(),
        }
      }
    } catch (error) {
      await file.close()
      throw error
    }
    await file.close()
  } catch (error) {
    if (!(error instanceof FilesError)) throw error
  }
  return undefined
}

/**
 * A version out of the grid, in a file of our own disk.
 *
 * @param chain - the original first
 */
export async function fetchWhole(
  { disk, versions }: { readonly disk: Disk; readonly versions: VersionReader },
  chain: readonly Version[],
  signal: AbortSignal,
): Promise<WholeFile> {
  let count = 0
  const temporary = async () => makeTemporary(disk, `${TEMPORARY_PATH}-${++count}.new`)
  const whole = await versions.write(chain, temporary, () => undefined, signal)
  return {
    size: chain.at(-1)?.size ?? 0,
    read: (offset, length) => whole.writer.read(offset, length),
    close: () => whole.discard(),
  }
}

/** Our own disk knows no holes. */
const ZEROS = new Uint8Array(65_536)

async function makeTemporary(disk: Disk, path: string): Promise<Temporary> {
  await disk.remove(path)
  const file: DiskFile = await disk.create(path)
  return {
    path: new TextEncoder().encode(path),
    writer: {
      write: (bytes) => file.append(bytes),
      skip: async (size) => {
        for (let left = size; left > 0; left -= ZEROS.length) {
          await file.append(ZEROS.subarray(0, left))
        }
      },
      read: (offset, length) => file.read(offset, length),
      sync: () => file.sync(),
      close: () => file.close(),
    },
    discard: async () => {
      await file.close()
      await disk.remove(path)
    },
  }
}
