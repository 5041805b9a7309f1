/**
 * Database copies: what a SQLite database holds at one moment, while others go on writing to it.
 *
 * Only SQLite itself knows which of its pages count, so the real port asks SQLite. Where there is none, as in
 * the simulator, databases are read as other files are.
 */

import type { ByteReader, PathBytes } from './files.ts'

export interface DatabaseCopies {
  /**
   * Copy the committed content, page for page in the place that each page has, so that two copies differ
   * where the database changed.
   *
   * @returns the copy, which is gone once it is closed
   * @throws {DiskError} the database is locked, damaged, larger than the spool may be, or not readable
   */
  copy(path: PathBytes, signal: AbortSignal): Promise<ByteReader>
  /** @returns whether the database can be read by SQLite right now, so that nobody is amid a change */
  isSettled(path: PathBytes): Promise<boolean>
  /** Remove what was not closed. */
  close(): Promise<void>
}
