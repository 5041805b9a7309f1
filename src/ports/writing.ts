/** Writing many small files at once: what a restore mostly does. */

import type { Xattr } from '../../protocol/file-extras.ts'
import type { FileTime, PathBytes } from './files.ts'

/** A small file to be made, with all that is to be known of it. */
export interface NewFile {
  readonly path: PathBytes
  /** Where its content lies among the bytes of all. */
  readonly offset: number
  readonly size: number
  /** Permission bits: 0o0000–0o7777; without setuid and setgid where the owner could not be set. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: FileTime
  readonly xattrs?: readonly Xattr[] | undefined
}

/** An extended attribute that could not be set, and the system's word for why. */
export interface XattrRefusal {
  readonly name: Uint8Array
  readonly code: string
}

/** What became of a file. */
export interface WrittenFile {
  /** The system's word for why it is not there; EEXIST where something else has the name. */
  readonly trouble: string | undefined
  /** Whether the system let us set what it has to be asked for; true where nothing was to be set. */
  readonly hasOwner: boolean
  readonly hasMode: boolean
  readonly refused?: readonly XattrRefusal[] | undefined
}

export interface NewFiles {
  /** Their contents; handed over. */
  readonly bytes: Uint8Array
  readonly files: readonly NewFile[]
  /** A name that nothing in their folders has: each file bears it until it is whole. */
  readonly temporaryName: Uint8Array
}

export interface Writing {
  /**
   * Make files one after another. Each appears under its name whole and with its attributes, or not at
   * all, and never in place of something else.
   *
   * @returns what became of each, in order
   */
  writeSmall(request: NewFiles): Promise<readonly WrittenFile[]>
}

/** Not ours to set; an account that this container does not have; a file system without such a thing. */
export const REFUSALS: readonly string[] = ['EPERM', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP']

/** @returns the path of another name in the same folder */
export function beside(path: PathBytes, name: Uint8Array): Uint8Array {
  const folder = path.subarray(0, path.lastIndexOf(0x2f) + 1)
  const other = new Uint8Array(folder.length + name.length)
  other.set(folder)
  other.set(name, folder.length)
  return other
}
