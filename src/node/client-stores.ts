/** The client's local state, opened: tables, spool and settings of one home. */

import type { DatabaseSync } from 'node:sqlite'
import type { ReadKeys } from '../../protocol/keys.ts'
import { DatabaseDamagedError } from '../base/errors.ts'
import { BadShares } from '../store/bad-shares.ts'
import { Contents } from '../store/contents.ts'
import { OlderDatabaseError, prepareDatabase } from '../store/database.ts'
import { Entries } from '../store/entries.ts'
import { Marks } from '../store/marks.ts'
import { Moves } from '../store/moves.ts'
import { Packs } from '../store/packs.ts'
import { PeerRecords } from '../store/peer-records.ts'
import { Published } from '../store/published.ts'
import { Queue } from '../store/queue.ts'
import { Rebuilt } from '../store/rebuilt.ts'
import { Receipts } from '../store/receipts.ts'
import { Releases } from '../store/releases.ts'
import { Settings } from '../store/settings.ts'
import { Signatures } from '../store/signatures.ts'
import { Spool } from '../store/spool.ts'
import { DATABASE_NAME, type ClientPorts } from './client-ports.ts'

export interface ClientStores {
  readonly database: DatabaseSync
  readonly entries: Entries
  readonly queue: Queue
  readonly contents: Contents
  readonly packs: Packs
  readonly signatures: Signatures
  readonly settings: Settings
  readonly published: Published
  readonly releases: Releases
  readonly moves: Moves
  readonly rebuilt: Rebuilt
  readonly receipts: Receipts
  readonly peerRecords: PeerRecords
  readonly badShares: BadShares
  readonly marks: Marks
  readonly spool: Spool
  /** Why a new database took the old one's place: its content comes back from the grid. */
  readonly setAside: 'damaged' | 'older' | undefined
}

/**
 * @throws {LockedError}
 * @throws {NewerDatabaseError}
 */
export async function openStores(ports: ClientPorts, keys: ReadKeys): Promise<ClientStores> {
  const { database, setAside } = openSound(ports, DATABASE_NAME)
  const settings = new Settings(database)
  const spool = new Spool(ports.disk)
  try {
    // Only now: what is swept here may be another process's work until the database is ours.
    await spool.open()
  } catch (error) {
    database.close()
    throw error
  }
  return {
    database,
    entries: new Entries(database),
    queue: new Queue(database),
    contents: new Contents(database, keys.localKey),
    packs: new Packs(database),
    signatures: new Signatures(database, keys.localKey),
    settings,
    published: new Published(settings, ports.disk, keys.localKey),
    releases: new Releases(database),
    moves: new Moves(database),
    rebuilt: new Rebuilt(database),
    receipts: new Receipts(database),
    peerRecords: new PeerRecords(database),
    badShares: new BadShares(database, ports.clock),
    marks: new Marks(settings),
    spool,
    setAside,
  }
}

/**
 * Open a database with a client's tables; one that is damaged, or of an older shape, is set aside.
 *
 * @throws {LockedError}
 * @throws {NewerDatabaseError}
 */
export function openSound(
  ports: Pick<ClientPorts, 'log' | 'openDatabase' | 'setDatabaseAside'>,
  name: string,
): Pick<ClientStores, 'database' | 'setAside'> {
  try {
    return { database: openPrepared(ports, name), setAside: undefined }
  } catch (error) {
    if (!(error instanceof DatabaseDamagedError)) throw error
    ports.log.warn(`${name} set aside`, { reason: error.message })
    ports.setDatabaseAside(name)
    const setAside = error instanceof OlderDatabaseError ? 'older' : 'damaged'
    return { database: openPrepared(ports, name), setAside }
  }
}

function openPrepared(ports: Pick<ClientPorts, 'openDatabase'>, name: string): DatabaseSync {
  const database = ports.openDatabase(name)
  try {
    prepareDatabase(database)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}
