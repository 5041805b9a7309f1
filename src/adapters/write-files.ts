/**
 * Writing small files with synchronous calls, for a thread that has nothing else to do.
 *
 * A file takes ten calls of a few microseconds; through the thread pool each costs ten times as much.
 */

import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lstatSync,
  openSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs'

import { beside, REFUSALS } from '../ports/writing.ts'
import type { NewFile, NewFiles, WrittenFile } from '../ports/writing.ts'
import { setModificationTime } from './file-times.ts'
import { isFull, systemCode } from './system.ts'
import { writeXattrs } from './xattrs.ts'

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants
const FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW

const PRIVATE = 0o600

/** setuid and setgid: of no use, or worse, with another owner. */
const RIGHTS_MASK = 0o6000

/** What became of the files, in order; see src/ports/writing.ts. */
export function writeFiles({ bytes, files, temporaryName }: NewFiles): WrittenFile[] {
  return files.map((file) => {
    const { path, offset, size } = file
    const content = bytes.subarray(offset, offset + size)
    try {
      return writeOne(file, content, Buffer.from(beside(path, temporaryName)))
    } catch (error) {
      const code = systemCode(error)
      if (code === undefined) throw error
      return { trouble: isFull(code) ? 'ENOSPC' : code, hasOwner: true, hasMode: true }
    }
  })
}

function writeOne(file: NewFile, content: Uint8Array, temporary: Buffer): WrittenFile {
  const path = Buffer.from(file.path.buffer, file.path.byteOffset, file.path.length)
  if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
    return { trouble: 'EEXIST', hasOwner: true, hasMode: true }
  }
  const handle = openSync(temporary, FLAGS, PRIVATE)
  try {
    let set: Omit<WrittenFile, 'trouble'>
    try {
      for (let done = 0; done < content.length;) done += writeSync(handle, content, done)
      set = setAttributes(handle, temporary, file)
    } finally {
      closeSync(handle)
    }
    setModificationTime(temporary, file.mtime)
    renameSync(temporary, path)
    return { trouble: undefined, ...set }
  } catch (error) {
    unlinkSync(temporary)
    throw error
  }
}

/**
 * The owner first: a change of owner takes rights and capabilities away. Attributes before the mode, which
 * may forbid to write them, and which is an ACL's mask.
 */
function setAttributes(
  handle: number,
  temporary: Buffer,
  { uid, gid, mode, xattrs = [] }: NewFile,
): Omit<WrittenFile, 'trouble'> {
  const now = fstatSync(handle)
  const isOwned = now.uid === uid && now.gid === gid
  const hasOwner = isOwned || isAllowed(() => fchownSync(handle, uid, gid))
  const refused = writeXattrs(temporary, xattrs)
  const hasMode = isAllowed(() => fchmodSync(handle, hasOwner ? mode : mode & ~RIGHTS_MASK))
  return { hasOwner, hasMode, refused }
}

function isAllowed(set: () => void): boolean {
  try {
    set()
    return true
  } catch (error) {
    if (REFUSALS.includes(systemCode(error) ?? '')) return false
    throw error
  }
}
