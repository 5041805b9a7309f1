/**
 * Disk: our own state (shares, heads, spooled packs).
 *
 * Everything we keep is immutable, so there is no write in place. Names are relative paths with `/`
 * between the parts, made by us from `a-z 0-9 . _ -`; a disk is one folder that it never leaves.
 *
 * What survives a power cut: bytes of a file up to its last `sync`, and names (creations, renames,
 * removals) up to the last `syncFolder` of the folder that holds them. Anything later may be there,
 * be gone, or be torn.
 */

export interface DiskFile {
  /** @returns up to `length` bytes from `offset`, an array of its own; fewer only at the end */
  read(offset: number, length: number): Promise<Uint8Array>

  /** @throws {DiskFullError} no space; what was appended before is still readable */
  append(bytes: Uint8Array): Promise<void>

  /** Resolves when everything appended so far would survive a power cut. */
  sync(): Promise<void>

  /** @returns bytes in the file */
  size(): Promise<number>

  close(): Promise<void>
}

export interface DiskSpace {
  /** Bytes that may still be written. */
  readonly free: number
  /** Bytes of the whole volume. */
  readonly total: number
}

export interface Disk {
  /**
   * Make a new, empty file for appending and reading.
   *
   * @throws {DiskError} if the name exists or its folder does not
   */
  create(path: string): Promise<DiskFile>

  /** Open for reading only; `undefined` if there is no such file. */
  open(path: string): Promise<DiskFile | undefined>

  /** Move a file, replacing what had the new name: the one atomic step. */
  rename(from: string, to: string): Promise<void>

  /** Remove a file; nothing happens if it is not there. */
  remove(path: string): Promise<void>

  /** Make a folder and those above it; nothing happens if it is there. */
  makeFolder(path: string): Promise<void>

  /** @returns names in the folder, sorted; empty if there is no such folder; '' is the disk itself */
  list(folder: string): Promise<readonly string[]>

  /** Resolves when all names in the folder would survive a power cut. */
  syncFolder(folder: string): Promise<void>

  space(): Promise<DiskSpace>
}
