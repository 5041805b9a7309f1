/**
 * Files: the person's own files, as they are.
 *
 * Paths and names are bytes, as the system has them, absolute and without a trailing slash. Nothing
 * here follows a symbolic link in the last component of a path.
 *
 * Errors are `FilesError`s (src/base/errors.ts) whose `code` is the system's: ENOENT, EACCES, ENOSPC …
 */

import type { Scanning } from './scan.ts'
import type { Writing } from './writing.ts'

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
}

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
}

export interface SmallFiles {
  /** The contents of the files that were read, an array of its own. */
  readonly bytes: Uint8Array
  /**
   * For each file asked for, in order. What failed, changed meanwhile, has another size or is no
   * regular file is `undefined`: opened by itself it will say what it is.
   */
  readonly files: readonly (SmallFile | undefined)[]
}

export interface FileReader {
  status(): Promise<FileStatus>
  /** @returns up to `length` bytes at `offset`, an array of its own; fewer (or none) only at the end */
  read(offset: number, length: number): Promise<Uint8Array>
  close(): Promise<void>
}

export interface FileWriter {
  /** Append all the bytes. */
  write(bytes: Uint8Array): Promise<void>
  /** @returns up to `length` bytes of what was written */
  read(offset: number, length: number): Promise<Uint8Array>
  sync(): Promise<void>
  close(): Promise<void>
}

export interface Files extends Scanning, Writing {
  /** @returns names in the folder in no particular order, without `.` and `..` */
  list(folder: PathBytes): Promise<readonly Uint8Array[]>
  status(path: PathBytes): Promise<FileStatus>
  /** The same where it is not known whether anything answers there: it is given up after a while, with ETIMEDOUT. */
  probe(path: PathBytes): Promise<FileStatus>
  readLink(path: PathBytes): Promise<Uint8Array>
  /** Open a regular file for reading; never blocks on a FIFO, never follows a link. */
  open(path: PathBytes): Promise<FileReader>
  /** Read many small files at once, each opened as by `open`. The bytes of all must fit in memory. */
  readSmall(requests: readonly SmallFileRequest[]): Promise<SmallFiles>

  /** Make a new file, readable and writable by its owner only; fails with EEXIST if the name is taken. */
  create(path: PathBytes): Promise<FileWriter>
  makeFolder(path: PathBytes): Promise<void>
  makeSymlink(target: Uint8Array, path: PathBytes): Promise<void>
  rename(from: PathBytes, to: PathBytes): Promise<void>
  /** Remove a file or link, or an empty folder. */
  remove(path: PathBytes): Promise<void>

  setMode(path: PathBytes, mode: number): Promise<void>
  setOwner(path: PathBytes, owner: { uid: number; gid: number }): Promise<void>
  /** Set the modification time, to the nanosecond where the platform can. */
  setModified(path: PathBytes, mtime: FileTime): Promise<void>

  /** The folder's true path, with every link resolved. */
  resolve(path: PathBytes): Promise<PathBytes>

  /** @returns the account's name, or `undefined` if the id has none here */
  userName(uid: number): string | undefined
  groupName(gid: number): string | undefined
  userId(name: string): number | undefined
  groupId(name: string): number | undefined
}
