/** What may be in the way of something that is to be made, and how two names may be one. */

import { toHex, utf8 } from '../../protocol/bytes.ts'
import { FilesError } from '../base/errors.ts'
import type { Files, FileStatus, FileTime, PathBytes } from '../ports/files.ts'
import type { Random } from '../ports/random.ts'
import { join } from '../source/path.ts'

/** What stays, and keeps its name. */
export function taken(): FilesError {
  return new FilesError('EEXIST', 'Something is there already and is left as it is')
}

/** @returns `undefined` too where it failed with one of the codes */
export async function ignoring<T>(
  codes: readonly string[],
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FilesError && codes.includes(error.code)) return undefined
    throw error
  }
}

/** @returns `undefined` where nothing is there */
export function statusOf(files: Files, path: PathBytes): Promise<FileStatus | undefined> {
  return ignoring(['ENOENT', 'ENOTDIR'], () => files.status(path))
}

/** @returns whether a folder was made; something may be there already */
export async function isFolderMade(files: Files, path: PathBytes): Promise<boolean> {
  const made = await ignoring(['EEXIST'], async () => {
    await files.makeFolder(path)
    return true
  })
  return made === true
}

/**
 * An empty folder gives way to something else.
 *
 * @throws {FilesError} ENOTEMPTY: one that holds anything does not
 */
export async function removeFolder(files: Files, path: PathBytes): Promise<void> {
  if ((await statusOf(files, path))?.kind !== 'folder') return
  try {
    await files.remove(path)
  } catch (cause) {
    const isFull = cause instanceof FilesError && ['ENOTEMPTY', 'EEXIST'].includes(cause.code)
    if (!isFull) throw cause
    const message = 'A folder that holds something is in the way and stays'
    throw new FilesError('ENOTEMPTY', message, { cause })
  }
}

/** Why a folder takes nothing new. */
const UNWRITABLE: readonly string[] = ['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOENT']

/**
 * @param folders - the target and folders in it, one in the other: not all of them need be there, or take
 *   anything new
 * @returns whether names that differ in the case of letters, or in how accents are written, are one there
 */
export async function foldsNames(
  parts: { readonly files: Files; readonly random: Random },
  folders: readonly { readonly path: PathBytes; readonly there: FileStatus | undefined }[],
): Promise<boolean> {
  for (const [depth, { path, there }] of [...folders.entries()].toReversed()) {
    if (depth > 0 && there?.kind !== 'folder') continue
    const found = await ignoring(UNWRITABLE, () => foldsNamesIn(parts, path))
    if (found !== undefined) return found
  }
  return false
}

/** An empty folder is made there, for a moment. */
async function foldsNamesIn(
  { files, random }: { readonly files: Files; readonly random: Random },
  folder: PathBytes,
): Promise<boolean> {
  const name = `.cairn-${toHex(random.bytes(8))}-\u00e9.part`
  const path = join(folder, utf8(name))
  await files.makeFolder(path)
  try {
    // Some file systems know the case of ASCII letters only.
    for (const other of [name.replace('cairn', 'CAIRN'), name.normalize('NFD')]) {
      if ((await statusOf(files, join(folder, utf8(other)))) !== undefined) return true
    }
    return false
  } finally {
    await files.remove(path)
  }
}

export function isSameTime(a: FileTime, b: FileTime): boolean {
  return a.seconds === b.seconds && a.nanoseconds === b.nanoseconds
}
