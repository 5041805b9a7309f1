/**
 * Share store: the shares a peer holds for its friends.
 *
 * One file for each share on the Disk port, accounts in SQLite beside it. A share counts as held only
 * when its file, and the name of its file, would survive a power cut. Shares never change: the same
 * share again is already held, another piece under its name fails its manifest.
 *
 * Layout on disk, order of writes, capacity: docs/peer.md
 */

import type { DatabaseSync } from 'node:sqlite'

import { FormatError } from '../../protocol/errors.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { decodeManifest, leafCount, packId, type PackId } from '../../protocol/manifest.ts'
import { MerkleTree, verifyLeaves } from '../../protocol/merkle.ts'
import { shareLayout, type ShareHeader } from '../../protocol/share.ts'
import { DiskError } from '../base/errors.ts'
import { KeyedMutex } from '../base/mutex.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk, DiskFile } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import { makeDurableFolder } from './durable-folder.ts'
import { ShareAccounts, type ShareAccount, type ShareKey } from './share-accounts.ts'
import { folderOf, keyText, PART_SUFFIX, pathOf, readHeader, withFile } from './share-files.ts'
import { settleAccounts } from './share-recount.ts'
import { ShareUpload } from './share-upload.ts'

export interface ShareStoreParts {
  readonly disk: Disk
  /** Open, and for these accounts alone. */
  readonly database: DatabaseSync
  readonly clock: Clock
  readonly log: Log
}

export interface ShareStoreOptions {
  /** Bytes this peer lends. */
  readonly capacity: number
  /** Bytes of the volume that stay free whatever happens. */
  readonly reserve: number
}

/** Leaves of one share, contiguous, with what is needed to check them. */
export interface LeavesRead {
  readonly bytes: Uint8Array
  readonly proof: readonly Uint8Array[]
}

export class ShareStore {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #log: Log
  readonly #options: ShareStoreOptions
  readonly #accounts: ShareAccounts
  readonly #turns = new KeyedMutex()
  /** Bytes promised to uploads under way, by vault. */
  readonly #promised = new Map<VaultId, number>()
  readonly #folders = new Set<string>()
  #uploads = 0

  private constructor(
    parts: Omit<ShareStoreParts, 'database'>,
    accounts: ShareAccounts,
    options: ShareStoreOptions,
  ) {
    this.#disk = parts.disk
    this.#clock = parts.clock
    this.#log = parts.log
    this.#accounts = accounts
    this.#options = options
  }

  /**
   * Open the store: sweep what was being received, and make the accounts agree with the files.
   *
   * @throws {VersionError} a newer Cairn wrote the accounts
   */
  static async open(parts: ShareStoreParts, options: ShareStoreOptions): Promise<ShareStore> {
    const accounts = new ShareAccounts(parts.database)
    await settleAccounts({ ...parts, accounts })
    return new ShareStore(parts, accounts, options)
  }

  /**
   * Make room for a share that is about to be received.
   *
   * @param quota - bytes this vault may use here; any, where not given
   * @returns the upload, or why there is none: the share is here already, this peer lends no more, or
   *   the vault has no more quota
   * @throws {FormatError} for a bad manifest or share number; nothing was written
   */
  async begin(
    header: ShareHeader,
    quota?: number,
  ): Promise<ShareUpload | 'held' | 'full' | 'quota'> {
    const { size } = shareLayout(header)
    const manifest = decodeManifest(header.manifest)
    const { vault, shareNumber } = header
    const key = { vault, shareNumber, pack: packId(header.manifest) }
    if (shareNumber >= manifest.total) throw new FormatError('share: no such share number')
    if (this.#isHeld(key)) return 'held'
    if (quota !== undefined && this.#taken(vault) + size > quota) return 'quota'
    if (this.#taken() + size > this.#options.capacity) return 'full'

    this.#promise(vault, size)
    let file: DiskFile | undefined
    try {
      if (await this.#isVolumeFull()) return 'full'
      await this.#prepareFolder(folderOf(key))
      this.#uploads += 1
      const path = `${pathOf(key)}.${this.#uploads}${PART_SUFFIX}`
      file = await this.#disk.create(path)
      let hasName = false
      return new ShareUpload(header, manifest, {
        file,
        settle: async () => {
          const outcome = await this.#settle(path, key, size)
          hasName = outcome === 'stored'
          return outcome
        },
        discard: async () => {
          this.#promise(vault, -size)
          if (!hasName) await this.#disk.remove(path)
        },
      })
    } finally {
      if (file === undefined) this.#promise(vault, -size)
    }
  }

  /**
   * @param owner - look only at what is held for this vault; for anybody, where not given
   * @returns numbers of the shares of a pack held here, ascending
   */
  have(pack: PackId, owner?: VaultId): number[] {
    const sound = this.#of(pack, owner).filter((account) => !account.isDamaged)
    return [...new Set(sound.map((account) => account.shareNumber))]
  }

  /** @returns the pack's manifest, encoded; `undefined` if no share of it can be read here */
  async manifest(pack: PackId, owner?: VaultId): Promise<Uint8Array | undefined> {
    for (const account of this.#of(pack, owner)) {
      const header = await this.#use(account, (_, found) => Promise.resolve(found))
      if (header !== undefined) return header.manifest
    }
    return undefined
  }

  /**
   * Read leaves `first` to `first + count` − 1 of a share; fewer if it ends before.
   *
   * They are checked against the stored tree on the way out, so rot is noticed here, not only by
   * whoever asked.
   *
   * @returns `undefined` if the share is not here, or these leaves of it are damaged
   * @throws {FormatError} if the share has no leaf `first`
   */
  async read(
    share: { readonly pack: PackId; readonly shareNumber: number; readonly owner?: VaultId },
    range: { readonly first: number; readonly count: number },
  ): Promise<LeavesRead | undefined> {
    for (const account of this.#of(share.pack, share.owner)) {
      if (account.shareNumber !== share.shareNumber) continue
      const leaves = await this.#use(account, (file, header) => readLeaves(file, header, range))
      if (leaves !== undefined) return leaves
    }
    return undefined
  }

  /**
   * Take the vault's word that its head `sequence` needs these packs.
   *
   * @returns how many of their shares are here
   */
  adopt(vault: VaultId, packs: readonly PackId[], sequence: number): number {
    return this.#accounts.adopt(vault, packs, sequence)
  }

  account(key: ShareKey): ShareAccount | undefined {
    return this.#accounts.get(key)
  }

  /** @returns bytes held for the vault, or for everybody */
  used(vault?: VaultId): number {
    return this.#accounts.used(vault)
  }

  /** @returns bytes this peer lends, and how many of them are left */
  async space(): Promise<{ readonly capacity: number; readonly free: number }> {
    const { capacity, reserve } = this.#options
    const onVolume = (await this.#disk.space()).free - reserve
    return { capacity, free: Math.max(0, Math.min(capacity - this.#taken(), onVolume)) }
  }

  #of(pack: PackId, owner: VaultId | undefined): ShareAccount[] {
    const accounts = this.#accounts.ofPack(pack)
    return accounts.filter(({ vault }) => owner === undefined || vault === owner)
  }

  #isHeld(key: ShareKey): boolean {
    return this.#accounts.get(key)?.isDamaged === false
  }

  /** Bytes held and promised. */
  #taken(vault?: VaultId): number {
    const promised =
      vault === undefined
        ? [...this.#promised.values()].reduce((sum, size) => sum + size, 0)
        : (this.#promised.get(vault) ?? 0)
    return this.used(vault) + promised
  }

  #promise(vault: VaultId, change: number): void {
    const promised = (this.#promised.get(vault) ?? 0) + change
    if (promised === 0) this.#promised.delete(vault)
    else this.#promised.set(vault, promised)
  }

  /** Counts every promised byte as still to be written, which errs on the side of the reserve. */
  async #isVolumeFull(): Promise<boolean> {
    const { free } = await this.#disk.space()
    const promised = [...this.#promised.values()].reduce((sum, size) => sum + size, 0)
    return free - promised < this.#options.reserve
  }

  async #prepareFolder(folder: string): Promise<void> {
    if (this.#folders.has(folder)) return
    await makeDurableFolder(this.#disk, folder)
    this.#folders.add(folder)
  }

  async #settle(path: string, key: ShareKey, size: number): Promise<'stored' | 'held'> {
    return await this.#turns.run(keyText(key), async () => {
      if (this.#isHeld(key)) return 'held'
      await this.#disk.rename(path, pathOf(key))
      await this.#disk.syncFolder(folderOf(key))
      try {
        const receivedAt = this.#clock.now()
        this.#accounts.put({ ...key, size, receivedAt, adoptedBy: null, isDamaged: false })
      } catch (cause) {
        // A share that nobody accounts for would take room unseen.
        await this.#disk.remove(pathOf(key))
        throw new DiskError('the accounts of shares cannot be written', { cause })
      }
      return 'stored'
    })
  }

  /**
   * Use a share's file.
   *
   * @returns `undefined` if that fails: wrong or missing bytes mark the share as damaged, while an
   *   error of the disk may pass and only goes to the log
   */
  async #use<T>(
    account: ShareAccount,
    use: (file: DiskFile, header: ShareHeader) => Promise<T>,
  ): Promise<T | undefined> {
    try {
      const result = await withFile(this.#disk, pathOf(account), async (file) => ({
        value: await use(file, await readHeader(file, account)),
      }))
      if (result === undefined) throw new FormatError('the file is gone')
      return result.value
    } catch (error) {
      if (error instanceof NoSuchLeafError) throw error
      if (!(error instanceof FormatError) && !(error instanceof DiskError)) throw error
      const { pack, shareNumber: share } = account
      this.#log.error('share unreadable', { pack, share, error: error.name, why: error.message })
      const isDamaged = account.isDamaged || error instanceof FormatError
      if (isDamaged !== account.isDamaged) this.#accounts.put({ ...account, isDamaged })
      return undefined
    }
  }
}

/** A question for leaves that a share does not have. */
export class NoSuchLeafError extends FormatError {
  override readonly name = 'NoSuchLeafError'
}

async function readLeaves(
  file: DiskFile,
  header: ShareHeader,
  range: { readonly first: number; readonly count: number },
): Promise<LeavesRead> {
  const manifest = decodeManifest(header.manifest)
  const { piece, tree } = shareLayout(header)
  const { leafSize } = manifest
  const count = Math.min(range.count, leafCount(manifest) - range.first)
  if (range.first < 0 || count < 1) throw new NoSuchLeafError(`share: no leaf ${range.first}`)

  const start = range.first * leafSize
  const size = Math.min(count * leafSize, piece.size - start)
  const bytes = await file.read(piece.offset + start, size)
  const nodes = await file.read(tree.offset, tree.size)
  const proof = MerkleTree.fromNodes(nodes, leafCount(manifest)).prove(range.first, count)
  const root = manifest.roots[header.shareNumber] ?? new Uint8Array(0)
  const { shareNumber } = header
  verifyLeaves({ root, shareNumber, pieceSize: piece.size, leafSize }, range.first, bytes, proof)
  return { bytes, proof }
}
