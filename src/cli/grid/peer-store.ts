/**
 * Peer store: the small files that a storage peer keeps beside its shares.
 *
 *     key         its identity: 32 bytes as hex, for its owner only
 *     grid        the grid it was founded with: its id, then a roster statement a line in base64
 *     control     a socket for commands that ask it something, while it runs (peer-control.ts)
 *     addresses   where it can be reached now: a multiaddr a line; gone when it stopped
 *     pid         its process number while it runs
 *     listen      where it listens, so that it comes back at the same place
 */

import {
  closeSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { signingKeyFromSeed, type SigningKey } from '../../../protocol/keys.ts'
import { gridIdFromBytes, gridIdToBytes, type GridId } from '../../../protocol/roster.ts'
import { UsageError } from '../../base/errors.ts'
import { NodeRandom } from '../../adapters/node-random.ts'
import { assertEntropy } from '../../base/entropy.ts'
import { assertPrivateFile, makePrivateFolder } from '../home.ts'
import { syncFolderOf } from '../sync-folder.ts'

/** A grid, and the words about it to begin with. */
export interface Founding {
  readonly grid: GridId
  readonly statements: readonly Uint8Array[]
}

export class PeerStore {
  /** Absolute. */
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  /** Open the folder, making it if need be. */
  static open(folder: string): PeerStore {
    makePrivateFolder(folder)
    return new PeerStore(folder)
  }

  /**
   * @returns the peer's key, made at the first call
   * @throws {KeysExposedError} others may read it
   * @throws {EntropyError}
   */
  key(): SigningKey {
    assertPrivateFile(join(this.folder, 'key'))
    const known = this.#read('key')
    const text = known ?? freshKey()
    if (!/^[0-9a-f]{64}\s*$/.test(text)) {
      throw new UsageError(`${join(this.folder, 'key')} is damaged: it should hold 64 hex digits`)
    }
    if (known === undefined) this.#write('key', `${text}\n`)
    return signingKeyFromSeed(new Uint8Array(Buffer.from(text.trim(), 'hex')))
  }

  /** @returns the grid this peer was founded with; what it learnt since is the peer service's */
  grid(): Founding | undefined {
    const [grid, ...lines] = (this.#read('grid') ?? '').split('\n').filter((line) => line !== '')
    if (grid === undefined) return undefined
    return {
      grid: gridIdFromBytes(gridIdToBytes(grid as GridId)),
      statements: lines.map((line) => new Uint8Array(Buffer.from(line, 'base64'))),
    }
  }

  setGrid({ grid, statements }: Founding): void {
    const lines = statements.map((statement) => Buffer.from(statement).toString('base64'))
    this.#write('grid', `${[grid, ...lines].join('\n')}\n`)
  }

  /**
   * Take over the identity and the grid of another store.
   *
   * @throws {UsageError} another peer lives here
   */
  become({ seed, ...founding }: Founding & { readonly seed: Uint8Array }): void {
    const text = Buffer.from(seed).toString('hex')
    const known = this.#read('key')?.trim()
    if (known !== undefined && known !== text) {
      throw new UsageError(`${this.folder} belongs to another peer; nothing was changed`)
    }
    // The grid first: a key alone would found a new one at the next start.
    this.setGrid(founding)
    this.#write('key', `${text}\n`)
  }

  listen(): string | undefined {
    return this.#read('listen')?.trim()
  }

  setListen(multiaddr: string): void {
    this.#write('listen', `${multiaddr}\n`)
  }

  addresses(): string[] {
    return (this.#read('addresses') ?? '').split('\n').filter((line) => line !== '')
  }

  pid(): number | undefined {
    const pid = Number(this.#read('pid'))
    return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
  }

  /** Say which process will answer. */
  setStarting(pid: number): void {
    this.#write('pid', `${pid}\n`)
  }

  /** Say that the peer answers from now on. */
  setRunning(pid: number, addresses: readonly string[]): void {
    this.setStarting(pid)
    this.#write('addresses', `${addresses.join('\n')}\n`)
  }

  /** Say that nobody answers here. */
  setStopped(): void {
    rmSync(join(this.folder, 'addresses'), { force: true })
    rmSync(join(this.folder, 'pid'), { force: true })
  }

  #read(name: string): string | undefined {
    try {
      return readFileSync(join(this.folder, name), 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** Whole or not at all: whoever reads meanwhile sees the old file. */
  #write(name: string, text: string): void {
    const path = join(this.folder, name)
    const descriptor = openSync(`${path}.new`, 'w', 0o600)
    writeSync(descriptor, text)
    fsyncSync(descriptor)
    closeSync(descriptor)
    renameSync(`${path}.new`, path)
    syncFolderOf(path)
  }
}

function freshKey(): string {
  const random = new NodeRandom()
  assertEntropy(random)
  return Buffer.from(random.bytes(32)).toString('hex')
}
