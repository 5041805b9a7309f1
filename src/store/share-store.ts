/**
 * Share store: the shares a peer holds for its friends.
 *
 * One file for each share on the Disk port, accounts in SQLite beside it. A share counts as held only
 * when its file, and the name of its file, would survive a power cut. Shares never change: the same
 * share again is already held, another piece under its name fails its manifest. A share goes when
 * whoever may say so says so: then first its file, durably, and only then its account.
 *
 * Layout on disk, order of writes, capacity: docs/peer.md
 */

import type { DatabaseSync } from 'node:sqlite'

import { FormatError } from '../../protocol/errors.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { packId, type PackId } from '../../protocol/manifest.ts'
import type { OpenedRelease } from '../../protocol/release.ts'
import { manifestOf, shareLayout, type ShareHeader } from '../../protocol/share.ts'
import { toDatabaseError } from '../base/database-error.ts'
import { DiskError } from '../base/errors.ts'
import { KeyedMutex } from '../base/mutex.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk, DiskFile } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import type { PeerId } from '../ports/network.ts'
import { AgeClock } from './age-clock.ts'
import { ByteDays } from './byte-days.ts'
import { makeDurableFolder } from './durable-folder.ts'
import { Leases } from './leases.ts'
import { ShareAccounts, type ShareAccount, type ShareKey } from './share-accounts.ts'
import { folderOf, keyText, PART_SUFFIX, pathOf, readHeader, withFile } from './share-files.ts'
import { NoSuchLeafError, readLeaves, type LeavesRead } from './share-leaves.ts'
import { reclaim } from './share-reclaim.ts'
import { settleAccounts } from './share-recount.ts'
import {
  adoptShares,
  cancelReleases,
  releaseShares,
  type ReleaseOutcome,
  type ReleaseParts,
} from './share-releases.ts'
import { ShareRoom, type Limits, type NoRoom, type RoomOptions } from './share-room.ts'
import { ShareUpload } from './share-upload.ts'

export interface ShareStoreParts {
  readonly disk: Disk
  /** Open, and for these accounts alone. */
  readonly database: DatabaseSync
  readonly clock: Clock
  readonly log: Log
}

export type ShareStoreOptions = RoomOptions

export class ShareStore {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #log: Log
  readonly #accounts: ShareAccounts
  /** What ages go by here; checked by the sweeper. */
  readonly ages: AgeClock
  readonly leases: Leases
  /** What was held for whom over the last month. */
  readonly byteDays: ByteDays
  readonly #turns = new KeyedMutex()
  readonly #room: ShareRoom
  readonly #folders = new Set<string>()
  /** Shares being removed at this moment, by `keyText`: for everybody else they are gone. */
  readonly #leaving = new Set<string>()
  #uploads = 0

  private constructor(
    parts: Omit<ShareStoreParts, 'database'>,
    book: {
      readonly accounts: ShareAccounts
      readonly ages: AgeClock
      readonly leases: Leases
      readonly byteDays: ByteDays
    },
    options: ShareStoreOptions,
  ) {
    this.#disk = parts.disk
    this.#clock = parts.clock
    this.#log = parts.log
    this.#accounts = book.accounts
    this.ages = book.ages
    this.leases = book.leases
    this.byteDays = book.byteDays
    const reclaimed = (missing: number) => this.#reclaim(missing)
    this.#room = new ShareRoom({ ...parts, accounts: book.accounts, reclaim: reclaimed }, options)
  }

  /**
   * Open the store: sweep what was being received, and make the accounts agree with the files.
   *
   * @throws {VersionError} a newer Cairn wrote the accounts
   */
  static async open(parts: ShareStoreParts, options: ShareStoreOptions): Promise<ShareStore> {
    const accounts = new ShareAccounts(parts.database)
    const ages = new AgeClock(parts.database, parts.clock)
    const leases = new Leases(parts.database)
    await settleAccounts({ ...parts, accounts, age: ages.age })
    leases.begin(ages.age)
    const byteDays = new ByteDays(parts.database)
    byteDays.begin(accounts.countedByVault(), ages.age)
    accounts.watch((vault) => byteDays.set(vault, accounts.counted(vault), ages.age))
    return new ShareStore(parts, { accounts, ages, leases, byteDays }, options)
  }

  /**
   * Make room for a share that is about to be received. One that is here and in release is taken out
   * of it and is provisional again; one that is provisional anyhow begins its time anew.
   *
   * @returns the upload, or why there is none: the share is here already, this peer lends no more, or
   *   the vault may keep no more, or has too much under way
   * @throws {FormatError} for a bad manifest or share number; nothing was written
   */
  async begin(header: ShareHeader, limits: Limits = {}): Promise<ShareUpload | 'held' | NoRoom> {
    const { size } = shareLayout(header)
    const manifest = manifestOf(header)
    const { vault, shareNumber } = header
    const key = { vault, shareNumber, pack: packId(header.manifest) }
    if (shareNumber >= manifest.total) throw new FormatError('share: no such share number')
    const hold = () => Promise.resolve(this.#hold(key))
    if (await this.#turns.run(keyText(key), hold)) return 'held'
    const room = await this.#room.promise(vault, size, limits)
    if (room !== 'promised') return room

    let file: DiskFile | undefined
    try {
      if (!(await this.#room.hasVolumeRoom())) return 'full'
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
          this.#room.free(vault, size)
          if (!hasName) await this.#disk.remove(path)
        },
      })
    } finally {
      if (file === undefined) this.#room.free(vault, size)
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
   * Take the vault's word that its head `sequence` needs these packs. Releases of that head or older
   * ones count no more for them.
   *
   * @param order - the sequence that releases are measured by: at most that of the newest head here
   * @returns how many of their shares are here
   */
  adopt(
    vault: VaultId,
    packs: readonly PackId[],
    sequence: number,
    order: number = sequence,
  ): number {
    return adoptShares(this.#releaseParts(), vault, packs, { sequence, order })
  }

  /** Take a release; that its head is kept here, and stands, is for the caller to know. */
  release(release: OpenedRelease): ReleaseOutcome {
    return releaseShares(this.#releaseParts(), release)
  }

  /** @param order - sequence of the cancel's head, at most that of the newest head kept here */
  cancel(release: OpenedRelease, order: number): ReleaseOutcome {
    return cancelReleases(this.#releaseParts(), release, order)
  }

  /**
   * Take the vault's word that it needs nothing of what came so far but what was adopted. Who was not
   * asked for long may know more: that the word is of the newest head is for the caller to know.
   *
   * @returns how many shares are not adopted, and bytes of their files
   */
  forgo(vault: VaultId): { readonly count: number; readonly bytes: number } {
    return this.#accounts.forgo(vault, this.ages.age)
  }

  /** @returns at most `limit` shares that their vaults did without at this age or before */
  forgone(age: number, limit: number): ShareAccount[] {
    return this.#accounts.forgone(age, limit)
  }

  /** @returns at most `limit` shares that a head needs and that are whole, in order, after `after` */
  adopted(after: ShareKey | undefined, limit: number): ShareAccount[] {
    return this.#accounts.adopted(after, limit)
  }

  /**
   * A provisional share whose time is over, and that was adopted once: it is due as a released one is,
   * and goes no faster. Or whoever releases a share and stores it again could have all of them go at once.
   */
  letGo(key: ShareKey): void {
    const account = this.#accounts.get(key)
    if (account === undefined || account.adoptedBy !== null || account.release !== null) return
    // Any head that speaks for it outranks this.
    this.#accounts.put({ ...account, release: { sequence: 1, dueAge: this.ages.age } })
  }

  /** @returns vaults with shares whose release is due at this age */
  vaultsDue(age: number): VaultId[] {
    return this.#accounts.vaultsDue(age)
  }

  /** @returns the vault's share whose release has been due for longest */
  firstDue(vault: VaultId, age: number): ShareAccount | undefined {
    return this.#accounts.firstDue(vault, age)
  }

  /**
   * Remove a share: its file, durably, and then its account.
   *
   * @param isMeant - asked about the share as it is when its turn has come
   * @param also - done in one transaction with the account's removal
   * @returns bytes freed; 0 if it was not meant any more
   * @throws {DiskError} its account stays, marked as damaged where the file may be gone
   */
  async remove(
    key: ShareKey,
    isMeant: (account: ShareAccount) => boolean,
    also: () => void = () => undefined,
  ): Promise<number> {
    const name = keyText(key)
    return await this.#turns.run(name, async () => {
      const account = this.#accounts.get(key)
      if (account === undefined || !isMeant(account)) return 0
      this.#leaving.add(name)
      let isRemoved = false
      try {
        await this.#disk.remove(pathOf(key))
        isRemoved = true
        await this.#disk.syncFolder(folderOf(key))
        this.#accounts.transaction(() => {
          this.#accounts.remove(key)
          also()
        })
        return account.size
      } catch (error) {
        if (isRemoved) this.#markDamaged(key)
        throw error
      } finally {
        this.#leaving.delete(name)
      }
    })
  }

  /**
   * A device of the vault was heard, or a helper.
   *
   * @throws {DiskError} the accounts cannot be written
   */
  renewLease(vault: VaultId, helper?: PeerId): void {
    try {
      this.leases.renew(vault, this.ages.age)
      if (helper !== undefined) this.leases.helpers.note(vault, helper, this.#clock.now())
    } catch (error) {
      throw toDatabaseError('accounts', error)
    }
  }

  account(key: ShareKey): ShareAccount | undefined {
    return this.#accounts.get(key)
  }

  /** @returns vaults with shares here */
  vaults(): VaultId[] {
    return this.#accounts.vaults()
  }

  /** @returns bytes held for the vault, or for everybody */
  used(vault?: VaultId): number {
    return this.#accounts.used(vault)
  }

  /** @returns those of the bytes held that are in release: they count against no quota */
  released(vault?: VaultId): number {
    return this.#accounts.released(vault)
  }

  /** @returns for each vault with shares here the bytes that count against its quota and grant */
  countedByVault(): Map<VaultId, number> {
    return this.#accounts.countedByVault()
  }

  /** @returns bytes this peer lends, and how many of them are left */
  async space(): Promise<{ readonly capacity: number; readonly free: number }> {
    return await this.#room.space()
  }

  #of(pack: PackId, owner: VaultId | undefined): ShareAccount[] {
    const accounts = this.#accounts.ofPack(pack)
    return accounts.filter(
      (account) => (owner === undefined || account.vault === owner) && !this.#isLeaving(account),
    )
  }

  #isLeaving(key: ShareKey): boolean {
    return this.#leaving.has(keyText(key))
  }

  #releaseParts(): ReleaseParts {
    const isLeaving = (account: ShareAccount) => this.#isLeaving(account)
    return { accounts: this.#accounts, leases: this.leases, age: this.ages.age, isLeaving }
  }

  /**
   * @returns whether the share is here; if so it is none of those that may go soon. That it was adopted
   *   once is remembered in `keptBy`: see `letGo`
   */
  #hold(key: ShareKey): boolean {
    const account = this.#accounts.get(key)
    if (account === undefined || account.isDamaged) return false
    if (account.release === null && account.adoptedBy !== null) return true
    const receivedAge = this.ages.age
    const keptBy = account.adoptedBy === null ? account.keptBy : Math.max(account.keptBy, 1)
    const waiting = { adoptedBy: null, forgoneAge: null, release: null }
    this.#accounts.put({ ...account, ...waiting, receivedAge, keptBy })
    return true
  }

  #isHeld(key: ShareKey): boolean {
    return this.#accounts.get(key)?.isDamaged === false
  }

  async #reclaim(missing: number): Promise<boolean> {
    const parts = { accounts: this.#accounts, leases: this.leases, log: this.#log }
    const remove = (account: ShareAccount, isMeant: () => boolean) => this.remove(account, isMeant)
    return await reclaim({ ...parts, age: this.ages.age, remove }, missing)
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
        this.#accounts.put(this.#arrived(key, size))
      } catch (cause) {
        // A share that nobody accounts for would take room unseen.
        await this.#disk.remove(pathOf(key))
        throw new DiskError('the accounts of shares cannot be written', { cause })
      }
      return 'stored'
    })
  }

  /** The account of a share that just came. One that took a damaged one's place is adopted as that was. */
  #arrived(key: ShareKey, size: number): ShareAccount {
    const before = this.#accounts.get(key)
    const adoptedBy = before?.release === null ? before.adoptedBy : null
    const [receivedAt, receivedAge] = [this.#clock.now(), this.ages.age]
    const came = {
      size,
      receivedAt,
      receivedAge,
      forgoneAge: null,
      release: null,
      isDamaged: false,
    }
    return { ...key, ...came, adoptedBy, keptBy: before?.keptBy ?? 0 }
  }

  #markDamaged(key: ShareKey): void {
    const account = this.#accounts.get(key)
    if (account?.isDamaged === false) this.#accounts.put({ ...account, isDamaged: true })
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
      if (error instanceof FormatError && !this.#isLeaving(account)) this.#markDamaged(account)
      return undefined
    }
  }
}
