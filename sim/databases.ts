/**
 * SimDatabases: a machine's SQLite databases, in memory, with the power cuts of a real one.
 *
 * A kill rolls back the open transaction. A power cut may also take back the last commits, to a
 * picture taken earlier, or lose the database whole; how often, the machine's owner says.
 */

import { DatabaseSync } from 'node:sqlite'
import { DatabaseDamagedError, LockedError } from '../src/base/errors.ts'
import type { SimRandom } from './random.ts'

/** Chances at a power cut. SQLite promises zeros; a lying disk or a lost folder does not. */
export interface DatabaseFaults {
  readonly losesCommits: number
  readonly losesAll: number
  /** Pages turn out to be broken when it is opened next. */
  readonly damages: number
}

const NO_FAULTS: DatabaseFaults = { losesCommits: 0, losesAll: 0, damages: 0 }

/** Pictures kept of one database, the oldest being dropped. */
const PICTURES_MAX = 3

interface Stored {
  /** Committed content as of the last close or crash. */
  bytes: Uint8Array | undefined
  isDamaged: boolean
  /** Earlier committed contents, oldest first. */
  readonly pictures: Uint8Array[]
  open: DatabaseSync | undefined
}

export class SimDatabases {
  readonly #random: SimRandom
  readonly #stored = new Map<string, Stored>()
  faults: DatabaseFaults = NO_FAULTS

  constructor(random: SimRandom) {
    this.#random = random
  }

  /**
   * Open a database by name, making it if need be. Closing it keeps its content for the next open.
   *
   * @throws {LockedError} it is open already
   * @throws {DatabaseDamagedError} a power cut broke it
   */
  open(name: string): DatabaseSync {
    const stored = this.#stored.get(name) ?? {
      bytes: undefined,
      isDamaged: false,
      pictures: [],
      open: undefined,
    }
    if (stored.open?.isOpen === true) throw new LockedError(name)
    if (stored.isDamaged) throw new DatabaseDamagedError(name, 'the power went')
    const database = new DatabaseSync(':memory:')
    if (stored.bytes !== undefined) database.deserialize(stored.bytes)
    stored.open = database
    this.#stored.set(name, stored)

    const close = (): void => {
      if (database.isOpen) stored.bytes = committed(database)
      stored.open = undefined
      DatabaseSync.prototype.close.call(database)
    }
    Object.defineProperty(database, 'close', { value: close })
    Object.defineProperty(database, Symbol.dispose, { value: close })
    return database
  }

  /** Remember what is committed now as something a power cut may fall back to. */
  picture(): void {
    for (const stored of this.#stored.values()) {
      const { open } = stored
      if (open?.isOpen !== true || open.isTransaction) continue
      stored.pictures.push(open.serialize())
      if (stored.pictures.length > PICTURES_MAX) stored.pictures.shift()
    }
  }

  /** The machine's programs are gone; with `isPowerCut`, what was in flight may be too. */
  crash(isPowerCut: boolean): string[] {
    const losses: string[] = []
    for (const [name, stored] of this.#stored) {
      if (stored.open?.isOpen === true) stored.open.close()
      stored.open = undefined
      const fate = this.#random.weighted({ ...this.faults, survives: survival(this.faults) })
      const picture = stored.pictures.pop()
      if (!isPowerCut || fate === 'survives') continue
      if (fate === 'losesAll') this.setAside(name)
      if (fate === 'damages') stored.isDamaged = true
      if (fate === 'losesCommits') stored.bytes = picture ?? stored.bytes
      losses.push(`${name} ${fate}`)
    }
    return losses
  }

  /** The world is over: nothing keeps their memory. */
  close(): void {
    for (const { open } of this.#stored.values()) if (open?.isOpen === true) open.close()
  }

  /** Move a database away; the next open makes a new one. */
  setAside(name: string): void {
    this.#stored.delete(name)
  }

  /** Contents by name, to come back to with `become`. Nothing may be open. */
  save(): ReadonlyMap<string, Uint8Array | undefined> {
    return new Map([...this.#stored].map(([name, { bytes }]) => [name, bytes]))
  }

  /** Contents by name as they are now, those that are open included, save in the middle of a transaction. */
  look(): ReadonlyMap<string, Uint8Array | undefined> {
    return new Map(
      [...this.#stored].map(([name, { open, bytes }]) => {
        const isReadable = open?.isOpen === true && !open.isTransaction
        return [name, isReadable ? open.serialize() : bytes]
      }),
    )
  }

  become(contents: ReadonlyMap<string, Uint8Array | undefined>): void {
    this.wipe()
    for (const [name, bytes] of contents) {
      this.#stored.set(name, { bytes, isDamaged: false, pictures: [], open: undefined })
    }
  }

  /** Lose every database, as with a wiped disk. */
  wipe(): void {
    this.crash(false)
    this.#stored.clear()
  }
}

function survival({ losesCommits, losesAll, damages }: DatabaseFaults): number {
  return 1 - losesCommits - losesAll - damages
}

/** Serialized content without the open transaction, which is rolled back. */
function committed(database: DatabaseSync): Uint8Array {
  if (database.isTransaction) database.exec('ROLLBACK')
  return database.serialize()
}
