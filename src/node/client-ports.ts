/** What a client needs of the world: the ports, and how its network and database are opened. */

import type { DatabaseSync } from 'node:sqlite'
import type { codecs } from '../codec/codecs.ts'
import type { Clock } from '../ports/clock.ts'
import type { Compute } from '../ports/compute.ts'
import type { DatabaseCopies } from '../ports/database-copies.ts'
import type { Disk } from '../ports/disk.ts'
import type { Files } from '../ports/files.ts'
import type { Log } from '../ports/log.ts'
import type { Network } from '../ports/network.ts'
import type { Random } from '../ports/random.ts'

export interface ClientPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** The person's files. */
  readonly files: Files
  /** The home. */
  readonly disk: Disk
  readonly compute: Compute<typeof codecs>
  /** Without it, SQLite databases are read as other files are. */
  readonly databaseCopies?: DatabaseCopies
  /** A network as the identity of this 32-byte seed. */
  readonly network: (seed: Uint8Array) => Promise<Network>
  /**
   * @throws {LockedError} another process uses this home
   * @throws {DatabaseDamagedError}
   */
  readonly openDatabase: (name: string) => DatabaseSync
  /** Move a damaged database out of the way, under a name that tells so; nothing if there is none. */
  readonly setDatabaseAside: (name: string) => void
}

/** The one database of a home. */
export const DATABASE_NAME = 'backupdb'
