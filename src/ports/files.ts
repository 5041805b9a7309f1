/**
 * Files: the person's own files, as they are.
 *
 * Paths and names are bytes, as the system has them, absolute and without a trailing slash. Nothing
 * here follows a symbolic link in the last component of a path.
 *
 * Errors are `FilesError`s (src/base/errors.ts) whose `code` is the system's: ENOENT, EACCES, ENOSPC …
 */

import type { Hole, Xattr } from '../../protocol/file-extras.ts'
import type { DeviceNumber } from '../../protocol/tree.ts'
import type { Scanning } from './scan.ts'
import type { Writing, XattrRefusal } from './writing.ts'

export type PathBytes = Uint8Array

export type FileKind =
  'file' | 'folder' | 'symlink' | 'fifo' | 'socket' | 'characterDevice' | 'blockDevice'

/** A moment: whole seconds since 1970, possibly negative, and 0–999,999,999 nanoseconds more. */
export interface FileTime {
  readonly seconds: number
  readonly nanoseconds: number
}

export interface FileStatus {
  readonly kind: FileKind
  /** Permission bits with setuid, setgid and sticky: 0o0000–0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes. */
  readonly size: number
  readonly mtime: FileTime
  readonly ctime: FileTime
  readonly device: bigint
  readonly inode: bigint
  /** Number of names (hard links). */
  readonly linkCount: number
  /** What a device file stands for. */
  readonly deviceNumber?: DeviceNumber | undefined
  /** Seconds since 1970 in which it was made, where the file system tells. */
  readonly bornAt?: number | undefined
}

/** A file without content. */
export type SpecialFile =
  | { readonly kind: 'fifo' }
  | { readonly kind: 'characterDevice' | 'blockDevice'; readonly device: DeviceNumber }

/** A small file to be read in one go. */
export interface SmallFileRequest {
  readonly path: PathBytes
  /** Bytes it is believed to have. */
  readonly size: number
}

/** A small file that was whole and calm: state and size were the same before and after. */
export interface SmallFile {
  readonly status: FileStatus
  /** Where its bytes lie among those of all files. */
  readonly offset: number
  readonly xattrs: readonly Xattr[]
}

export interface SmallFiles {
  /** The contents of the files that were read, an array of its own. */
  readonly bytes: Uint8Array
  /**
   * For each file asked for, in order. What failed, changed meanwhile, has another size, has holes or
   * is no regular file is `undefined`: opened by itself it will say what it is.
   */
  readonly files: readonly (SmallFile | undefined)[]
}

export interface FileReader {
  status(): Promise<FileStatus>
  /** @returns up to `length` bytes at `offset`, an array of its own; fewer (or none) only at the end */
  read(offset: number, length: number): Promise<Uint8Array>
  /**
   * A copy of the whole file as it is at one moment, which nobody else sees and which is gone once closed: a
   * reflink. `undefined` where the file system cannot make one, or not where copies are kept.
   */
  clone(): Promise<FileReader | undefined>
  /** Extended attributes, in no particular order. */
  xattrs(): Promise<readonly Xattr[]>
  /** @returns the first `countMax` stretches without room on the disk, ascending; none where nothing tells */
  holes(countMax: number): Promise<readonly Hole[]>
  close(): Promise<void>
}

/** What it takes to read a file, or something that stands for one. */
export type ByteReader = Pick<FileReader, 'status' | 'read' | 'close'>

export interface FileWriter {
  /** Append all the bytes. */
  write(bytes: Uint8Array): Promise<void>
  /** Append zeros, as a hole where the file system has such a thing. */
  skip(size: number): Promise<void>
  /** @returns up to `length` bytes of what was written */
  read(offset: number, length: number): Promise<Uint8Array>
  sync(): Promise<void>
  close(): Promise<void>
}

export interface LookedAt {
  readonly status: FileStatus
  /** In no particular order. */
  readonly xattrs: readonly Xattr[]
  /** Of a symbolic link. */
  readonly target: Uint8Array | undefined
}

/** What cannot be looked at. */
export interface Unseen {
  /** The system's word for why. */
  readonly code: string
}

export interface Files extends Scanning, Writing {
  /** @returns names in the folder in no particular order, without `.` and `..` */
  list(folder: PathBytes): Promise<readonly Uint8Array[]>
  status(path: PathBytes): Promise<FileStatus>
  /** The same where it is not known whether anything answers there: it is given up after a while, with ETIMEDOUT. */
  probe(path: PathBytes): Promise<FileStatus>
  /**
   * What each path itself names, with what is beside it, and as patient as `probe`.
   *
   * @returns in their order
   */
  look(paths: readonly PathBytes[]): Promise<readonly (LookedAt | Unseen)[]>
  readLink(path: PathBytes): Promise<Uint8Array>
  /** Extended attributes of what the path itself names, in no particular order. */
  xattrs(path: PathBytes): Promise<readonly Xattr[]>
  /** Open a regular file for reading; never blocks on a FIFO, never follows a link. */
  open(path: PathBytes): Promise<FileReader>
  /** Read many small files at once, each opened as by `open`. The bytes of all must fit in memory. */
  readSmall(requests: readonly SmallFileRequest[]): Promise<SmallFiles>

  /** An empty file that nobody else sees, gone once closed; for copies of what does not hold still. */
  scratch(): Promise<FileWriter>

  /** Make a new file, readable and writable by its owner only; fails with EEXIST if the name is taken. */
  create(path: PathBytes): Promise<FileWriter>
  makeFolder(path: PathBytes): Promise<void>
  makeSymlink(target: Uint8Array, path: PathBytes): Promise<void>
  /** Make a FIFO or a device file, for its owner only. */
  makeSpecial(path: PathBytes, special: SpecialFile): Promise<void>
  /** Give what is at `existing` a second name. */
  link(existing: PathBytes, path: PathBytes): Promise<void>
  rename(from: PathBytes, to: PathBytes): Promise<void>
  /** Remove a file or link, or an empty folder. */
  remove(path: PathBytes): Promise<void>

  setMode(path: PathBytes, mode: number): Promise<void>
  setOwner(path: PathBytes, owner: { uid: number; gid: number }): Promise<void>
  /** Set the modification time, to the nanosecond where the platform can. */
  setModified(path: PathBytes, mtime: FileTime): Promise<void>

  /**
   * Set extended attributes, and take away POSIX ACLs that it has and should not: a folder gives its own to
   * what is made in it.
   *
   * @returns what could not be set
   */
  setXattrs(path: PathBytes, xattrs: readonly Xattr[]): Promise<readonly XattrRefusal[]>

  /** The folder's true path, with every link resolved. */
  resolve(path: PathBytes): Promise<PathBytes>

  /** @returns the account's name, or `undefined` if the id has none here */
  userName(uid: number): string | undefined
  groupName(gid: number): string | undefined
  userId(name: string): number | undefined
  groupId(name: string): number | undefined
}
