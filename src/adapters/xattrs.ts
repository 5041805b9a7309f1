/**
 * Extended attributes, as `xattr(7)` has them: `user.*`, POSIX ACLs and capabilities among them.
 *
 * On Linux. Elsewhere there are none to be read and all are refused with ENOSYS.
 */

import type { Xattr } from '../../protocol/file-extras.ts'
import { equal } from '../../protocol/bytes.ts'
import type { PathBytes } from '../ports/files.ts'
import type { XattrRefusal } from '../ports/writing.ts'
import { lastCode, lastError, loadLibc, terminated } from './libc.ts'

/** Linux lets neither the list nor one value be longer (xattr(7)). */
const SIZE_MAX = 65_536

/** A file system without such a thing; an attribute that went meanwhile. */
const NONE: readonly string[] = ['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'ENODATA']

/** What a folder gives to all that is made in it. */
const ACL_PREFIX = new TextEncoder().encode('system.posix_acl_')

const calls = loadLibc(['linux'], {
  llistxattr: { arguments: ['pointer', 'pointer', 'u64'], return: 'i64' },
  flistxattr: { arguments: ['i32', 'pointer', 'u64'], return: 'i64' },
  lgetxattr: { arguments: ['pointer', 'pointer', 'pointer', 'u64'], return: 'i64' },
  fgetxattr: { arguments: ['i32', 'pointer', 'pointer', 'u64'], return: 'i64' },
  lsetxattr: { arguments: ['pointer', 'pointer', 'pointer', 'u64', 'i32'], return: 'i32' },
  lremovexattr: { arguments: ['pointer', 'pointer'], return: 'i32' },
})

/** Whether extended attributes are kept on this platform. */
export const hasXattrs = calls !== undefined

/** What lists and values are read into; each thread has its own. */
let buffer: Uint8Array | undefined

/**
 * Of what a path itself names.
 *
 * @throws {FilesError}
 */
export function readXattrs(path: PathBytes): readonly Xattr[] {
  if (calls === undefined) return []
  const place = terminated(path)
  return read(path, {
    list: (into) => calls.llistxattr(place, into, BigInt(into.length)),
    get: (name, into) => calls.lgetxattr(place, name, into, BigInt(into.length)),
  })
}

/**
 * Of an open file.
 *
 * @throws {FilesError}
 */
export function readXattrsOf(file: number, path: PathBytes): readonly Xattr[] {
  if (calls === undefined) return []
  return read(path, {
    list: (into) => calls.flistxattr(file, into, BigInt(into.length)),
    get: (name, into) => calls.fgetxattr(file, name, into, BigInt(into.length)),
  })
}

/** @returns what could not be set; ACLs that are not wanted are gone */
export function writeXattrs(path: PathBytes, wanted: readonly Xattr[]): readonly XattrRefusal[] {
  if (calls === undefined) return wanted.map(({ name }) => ({ name, code: 'ENOSYS' }))
  const place = terminated(path)
  const refused: XattrRefusal[] = []
  const found = readXattrs(path)
  for (const { name } of found) {
    const isLeft = isAcl(name) && !wanted.some((xattr) => equal(xattr.name, name))
    if (isLeft && calls.lremovexattr(place, terminated(name)) !== 0) {
      refused.push({ name, code: lastCode() })
    }
  }
  for (const { name, value } of wanted) {
    const now = found.find((xattr) => equal(xattr.name, name))
    if (now !== undefined && equal(now.value, value)) continue
    // An empty array may have no address.
    const bytes = value.length === 0 ? new Uint8Array(1) : value
    const size = BigInt(value.length)
    if (calls.lsetxattr(place, terminated(name), bytes, size, 0) === 0) continue
    refused.push({ name, code: lastCode() })
  }
  return refused
}

interface Calls {
  readonly list: (into: Uint8Array) => bigint
  readonly get: (name: Uint8Array, into: Uint8Array) => bigint
}

function read(path: PathBytes, { list, get }: Calls): readonly Xattr[] {
  const into = (buffer ??= new Uint8Array(SIZE_MAX))
  const size = Number(list(into))
  // Most files have none.
  if (size === 0) return []
  if (size < 0) {
    const error = lastError(path)
    if (NONE.includes(error.code)) return []
    throw error
  }
  const xattrs: Xattr[] = []
  for (const name of split(into.slice(0, size))) {
    const length = Number(get(terminated(name), into))
    if (length >= 0) {
      xattrs.push({ name, value: into.slice(0, length) })
      continue
    }
    const error = lastError(path)
    if (!NONE.includes(error.code)) throw error
  }
  return xattrs
}

/** Names come one after the other, each with a zero byte behind. */
function split(list: Uint8Array): Uint8Array[] {
  const names: Uint8Array[] = []
  let start = 0
  for (let end = list.indexOf(0); end !== -1; end = list.indexOf(0, start)) {
    names.push(list.slice(start, end))
    start = end + 1
  }
  return names
}

function isAcl(name: Uint8Array): boolean {
  return equal(name.subarray(0, ACL_PREFIX.length), ACL_PREFIX)
}
