/**
 * Ports: the real world, opened for one home.
 */

import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { HomeLock } from '../adapters/home-lock.ts'
import { NodeClock } from '../adapters/node-clock.ts'
import { NodeDisk } from '../adapters/node-disk.ts'
import { NodeFiles } from '../adapters/node-files.ts'
import { NodeRandom } from '../adapters/node-random.ts'
import { openDatabase } from '../adapters/open-database.ts'
import { PinoLog } from '../adapters/pino-log.ts'
import { SqliteCopies } from '../adapters/sqlite-copies.ts'
import { WorkerCompute } from '../adapters/worker-compute.ts'
import { DatabaseDamagedError } from '../base/errors.ts'
import { Pace } from '../base/pace.ts'
import type { codecs } from '../codec/codecs.ts'
import type { ClientPorts } from '../node/client-ports.ts'
import type { HelperPorts } from '../node/open-helper.ts'
import { withPace } from '../node/paced-network.ts'
import type { Network } from '../ports/network.ts'
import type { Config } from './config.ts'
import { rateAt, type Rates } from './rates.ts'
import { assertPrivateFile, makePrivateFolder, type Home } from './home.ts'

/** What each worker thread loads; beside us as TypeScript in a checkout, as JavaScript in a package. */
const CODECS = new URL(
  import.meta.url.endsWith('.ts') ? '../adapters/system-codecs.ts' : '../adapters/system-codecs.js',
  import.meta.url,
)

export interface OpenPorts extends ClientPorts {
  /** Stop the threads and let others use the home. */
  close(): Promise<void>
}

/**
 * Open the home's folder, making it if need be, for this process alone.
 *
 * @param options.copies - folder for copies of files that do not hold still; as the config says, or in the home, if
 *   absent
 * @param options.limitUpload - how fast to send; as the config says if absent
 * @throws {LockedError} another process works on this home
 * @throws {KeysExposedError} others may read its keys
 */
export async function openPorts(
  home: Home,
  config: Config,
  {
    copies = config.backup.spool ?? join(home.data, 'spool'),
    limitUpload = config.network['limit-upload'],
  }: { readonly copies?: string; readonly limitUpload?: Rates | undefined } = {},
): Promise<OpenPorts> {
  makePrivateFolder(home.data)
  makePrivateFolder(join(home.logFile, '..'))
  assertPrivateFile(join(home.data, 'keys', 'keyring'))
  const lock = HomeLock.take(home.data, 'write')
  const databases: DatabaseSync[] = []
  // One thread beside ours: a second would be a little faster and take 40 MB more (ADR 3).
  const compute = new WorkerCompute<typeof codecs>({ table: CODECS, threads: 1 })
  const files = new NodeFiles({ copies, stallMs: 1_000 * config.backup['stall-seconds'] })
  const { 'copy-limit': sizeMax, 'busy-seconds': busySeconds } = config.adapters
  const databaseCopies = new SqliteCopies(files, join(home.data, 'copies'), {
    ...(sizeMax === undefined ? {} : { sizeMax }),
    ...(busySeconds === undefined ? {} : { busyMsMax: 1_000 * busySeconds }),
  })
  return {
    clock: new NodeClock(),
    random: new NodeRandom(),
    network: (seed) =>
      openNetwork({ seed, listen: [], isNearby: config.network.mdns, limitUpload }),
    disk: await NodeDisk.open(home.data),
    files,
    databaseCopies,
    compute,
    log: new PinoLog({ level: config.log.level, file: home.logFile }),
    openDatabase: (name) => {
      const database = openDatabase(join(home.data, name))
      databases.push(database)
      return database
    },
    setDatabaseAside: (name) => void setAside(join(home.data, name)),
    close: async () => {
      await compute.stop()
      await databaseCopies.close()
      for (const database of databases) if (database.isOpen) database.close()
      lock.release()
    },
  }
}

/** What a peer needs to look after others' vaults: opened when it is first asked for. */
export function helperPorts(folder: string): HelperPorts & { close(): Promise<void> } {
  const databases: DatabaseSync[] = []
  let compute: WorkerCompute<typeof codecs> | undefined
  const pathOf = (name: string) => join(folder, `${name}.db`)
  return {
    openDatabase: (name) => {
      const database = openDatabase(pathOf(name))
      databases.push(database)
      return database
    },
    setDatabaseAside: (name) => void setAside(pathOf(name)),
    compute: () => (compute ??= new WorkerCompute<typeof codecs>({ table: CODECS, threads: 1 })),
    close: async () => {
      await compute?.stop()
      for (const database of databases) if (database.isOpen) database.close()
    },
  }
}

/**
 * Open a peer's accounts. Damaged ones are set aside, since the share files tell most of what they held.
 *
 * @param onAside - told where the damaged ones are
 */
export function openAccounts(folder: string, onAside: (path: string) => void): DatabaseSync {
  const path = join(folder, 'accounts.db')
  try {
    return openDatabase(path)
  } catch (error) {
    if (!(error instanceof DatabaseDamagedError)) throw error
    onAside(setAside(path))
    return openDatabase(path)
  }
}

/**
 * Keep a damaged database for whoever wants to look at it, under the first free name.
 *
 * @returns its path
 */
function setAside(path: string): string {
  let aside = `${path}.damaged`
  for (let number = 2; existsSync(aside); number++) aside = `${path}.damaged-${number}`
  // What SQLite left in its journals belongs to the damaged file.
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(path + suffix)) renameSync(path + suffix, aside + suffix)
  }
  return aside
}

/** Libp2p is loaded only by commands that talk to somebody: it takes longer than most commands do. */
export async function openNetwork(options: {
  seed: Uint8Array
  listen: readonly string[]
  announce?: readonly string[]
  isRelay?: boolean
  isMapping?: boolean
  isNearby?: boolean
  /** How fast to send. */
  limitUpload?: Rates | undefined
}): Promise<Network> {
  const { createNetwork } = await import('../adapters/libp2p-network.ts')
  const { limitUpload, ...rest } = options
  const network = await createNetwork(rest)
  if (limitUpload === undefined) return network
  return withPace(network, new Pace(new NodeClock(), () => rateAt(limitUpload, new Date())))
}
