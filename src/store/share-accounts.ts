/**
 * Share accounts: what a peer holds and for whom, in SQLite.
 *
 * They answer `have` and quota questions without touching a share, and remember what the files cannot:
 * when a share came, which head adopted it, and which released it. Lost accounts are made again from the share files, so
 * they are a convenience with `synchronous=FULL`, never the truth.
 */

import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'

import { fromHex } from '../../protocol/bytes.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import { parsePackId, type PackId } from '../../protocol/manifest.ts'
import { prepareAccounts } from './accounts-schema.ts'
import { inTransaction } from './database.ts'

/** Which share, whose. */
export interface ShareKey {
  readonly vault: VaultId
  readonly pack: PackId
  readonly shareNumber: number
}

/** A release that waits for its time. */
export interface DueRelease {
  /** Sequence of the head that does without the share. */
  readonly sequence: number
  /** The peer's age, ms, from which the share may go. */
  readonly dueAge: number
}

export interface ShareAccount extends ShareKey {
  /** Bytes of the whole file. */
  readonly size: number
  /** Milliseconds, by this peer's clock. */
  readonly receivedAt: number
  /** Sequence of the head that adopted it; 0 where that is not known any more; null: provisional. */
  readonly adoptedBy: number | null
  /** The peer's age, ms, when it came, or came again while provisional. */
  readonly receivedAge: number
  /** The highest sequence that an adoption or a cancel named: older releases count no more. */
  readonly keptBy: number
  /** The peer's age, ms, when the vault first did without it, though it came before; null: it did not. */
  readonly forgoneAge: number | null
  /** Null: not in release. */
  readonly release: DueRelease | null
  /** Found damaged on disk: not offered any more, and replaced when it comes again. */
  readonly isDamaged: boolean
}

type Row = Readonly<Record<string, SQLOutputValue>>

export class ShareAccounts {
  readonly #database: DatabaseSync
  readonly #statements: ReturnType<typeof prepare>
  /** Bytes held for each vault, damaged shares included: they take the same room. */
  readonly #used = new Map<VaultId, number>()
  /** Those of them that are in release. */
  readonly #released = new Map<VaultId, number>()
  #onChange: (vault: VaultId) => void = () => undefined

  /**
   * @param database - already open, and nobody else's
   * @throws {VersionError} a newer Cairn wrote it; nothing was changed
   */
  constructor(database: DatabaseSync) {
    this.#database = database
    prepareAccounts(database)
    this.#statements = prepare(database)
    for (const row of this.#statements.sums.all()) {
      this.#used.set(vaultOf(row), Number(row['size']))
      this.#released.set(vaultOf(row), Number(row['released']))
    }
  }

  /** @returns bytes held for this vault, or for everybody */
  used(vault?: VaultId): number {
    return countOf(this.#used, vault)
  }

  /** @returns vaults of which anything is held */
  vaults(): VaultId[] {
    return [...this.#used].flatMap(([vault, size]) => (size > 0 ? [vault] : [])).toSorted()
  }

  /** @returns those of the bytes held that are in release */
  released(vault?: VaultId): number {
    return countOf(this.#released, vault)
  }

  /** @returns bytes that count against the vault's quota and grant: all but those in release */
  counted(vault: VaultId): number {
    return this.used(vault) - this.released(vault)
  }

  /** @returns for each vault with shares here the bytes that count */
  countedByVault(): Map<VaultId, number> {
    return new Map([...this.#used.keys()].map((vault) => [vault, this.counted(vault)]))
  }

  /** From now on be told whenever what is held for a vault changed. */
  watch(onChange: (vault: VaultId) => void): void {
    this.#onChange = onChange
  }

  get(key: ShareKey): ShareAccount | undefined {
    const row = this.#statements.get.get(key.pack, key.shareNumber, key.vault)
    return row === undefined ? undefined : toAccount(row)
  }

  /** @returns the accounts of a pack's shares, whoever owns them, by share number */
  ofPack(pack: PackId): ShareAccount[] {
    return this.#statements.ofPack.all(pack).map(toAccount)
  }

  /** @returns at most `limit` accounts of the vault's shares, by pack and share number */
  ofVault(vault: VaultId, limit: number): ShareAccount[] {
    return this.#statements.ofVault.all(vault, limit).map(toAccount)
  }

  /** @returns at most `limit` accounts of shares that a head needs, by pack, share and vault, after `after` */
  adopted(after: ShareKey | undefined, limit: number): ShareAccount[] {
    const { pack = '', shareNumber = 0, vault = '' } = after ?? {}
    return this.#statements.adopted.all(pack, shareNumber, vault, limit).map(toAccount)
  }

  /** All accounts; the table must not change while this runs. */
  *all(): Generator<ShareAccount> {
    for (const row of this.#statements.all.iterate()) yield toAccount(row)
  }

  /**
   * @returns at most `limit` shares that their vaults did without at this age or before, those forgone
   *   first; without those that were adopted once and wait for their release
   */
  forgone(age: number, limit: number): ShareAccount[] {
    return this.#statements.forgone.all(age, limit).map(toAccount)
  }

  /** @returns at most `limit` of the vault's provisional shares, by pack and share number */
  provisionalOf(vault: VaultId, limit: number): ShareAccount[] {
    return this.#statements.provisionalOf.all(vault, limit).map(toAccount)
  }

  /**
   * The vault does without all shares of its that no head adopted; from when on stays with each.
   *
   * @returns how many they are, and bytes of their files
   */
  forgo(vault: VaultId, age: number): { readonly count: number; readonly bytes: number } {
    this.#statements.forgo.run(age, vault)
    const row = this.#statements.sumProvisional.get(vault)
    return { count: Number(row?.['count'] ?? 0), bytes: Number(row?.['bytes'] ?? 0) }
  }

  /** @returns vaults with shares whose release is due at this age */
  vaultsDue(age: number): VaultId[] {
    return this.#statements.vaultsDue.all(age).map(vaultOf)
  }

  /** @returns the vault's share whose release has been due for longest */
  firstDue(vault: VaultId, age: number): ShareAccount | undefined {
    const row = this.#statements.firstDue.get(vault, age)
    return row === undefined ? undefined : toAccount(row)
  }

  /** @returns the vault's shares that are in release */
  inRelease(vault: VaultId): ShareAccount[] {
    return this.#statements.inRelease.all(vault).map(toAccount)
  }

  /** Write one account, in place of an older one for the same key. */
  put(account: ShareAccount): void {
    const before = this.get(account)
    this.#statements.put.run(
      account.pack,
      account.shareNumber,
      account.vault,
      account.size,
      account.receivedAt,
      account.adoptedBy,
      account.isDamaged ? 1 : 0,
      account.receivedAge,
      account.keptBy,
      account.release?.sequence ?? null,
      account.release?.dueAge ?? null,
      account.forgoneAge,
    )
    this.#count(before, account)
  }

  remove(key: ShareKey): void {
    const before = this.get(key)
    if (before === undefined) return
    this.#statements.remove.run(key.pack, key.shareNumber, key.vault)
    this.#count(before, undefined)
  }

  /** Do all of `work` or nothing of it. */
  transaction<T>(work: () => T): T {
    const counts = [this.#used, this.#released].map((map) => [map, new Map(map)] as const)
    try {
      return inTransaction(this.#database, work)
    } catch (error) {
      const touched = new Set(counts.flatMap(([map]) => [...map.keys()]))
      for (const [map, before] of counts) {
        map.clear()
        for (const [vault, size] of before) map.set(vault, size)
      }
      for (const vault of touched) this.#onChange(vault)
      throw error
    }
  }

  #count(before: ShareAccount | undefined, after: ShareAccount | undefined): void {
    const vault = (after ?? before)?.vault
    if (vault === undefined) return
    add(this.#used, vault, (after?.size ?? 0) - (before?.size ?? 0))
    add(this.#released, vault, releasedSize(after) - releasedSize(before))
    this.#onChange(vault)
  }
}

function releasedSize(account: ShareAccount | undefined): number {
  return account === undefined || account.release === null ? 0 : account.size
}

function add(counts: Map<VaultId, number>, vault: VaultId, change: number): void {
  counts.set(vault, (counts.get(vault) ?? 0) + change)
}

function countOf(counts: ReadonlyMap<VaultId, number>, vault: VaultId | undefined): number {
  if (vault !== undefined) return counts.get(vault) ?? 0
  return [...counts.values()].reduce((sum, size) => sum + size, 0)
}

const COLUMNS = [
  'pack',
  'share',
  'vault',
  'size',
  'received_at',
  'adopted_by',
  'is_damaged',
  'received_age',
  'kept_by',
  'released_by',
  'due_age',
  'forgone_age',
]

function prepare(database: DatabaseSync) {
  const select = (rest: string) => database.prepare(`SELECT * FROM shares ${rest}`)
  const values = COLUMNS.map(() => '?').join(', ')
  return {
    get: select('WHERE pack = ? AND share = ? AND vault = ?'),
    ofPack: select('WHERE pack = ? ORDER BY share, vault'),
    ofVault: select('WHERE vault = ? ORDER BY pack, share LIMIT ?'),
    all: select('ORDER BY pack, share, vault'),
    adopted: select(
      `WHERE adopted_by IS NOT NULL AND due_age IS NULL AND is_damaged = 0
       AND (pack, share, vault) > (?, ?, ?) ORDER BY pack, share, vault LIMIT ?`,
    ),
    forgone: select(
      `WHERE forgone_age <= ? AND (kept_by = 0 OR due_age IS NULL)
       ORDER BY forgone_age, pack, share LIMIT ?`,
    ),
    provisionalOf: select('WHERE vault = ? AND adopted_by IS NULL ORDER BY pack, share LIMIT ?'),
    forgo: database.prepare(
      `UPDATE shares SET forgone_age = ?
       WHERE vault = ? AND adopted_by IS NULL AND forgone_age IS NULL`,
    ),
    sumProvisional: database.prepare(
      `SELECT COUNT(*) AS count, SUM(size) AS bytes FROM shares
       WHERE vault = ? AND adopted_by IS NULL`,
    ),
    vaultsDue: database.prepare(
      'SELECT DISTINCT vault FROM shares WHERE due_age IS NOT NULL AND due_age <= ? ORDER BY vault',
    ),
    firstDue: select(
      `WHERE vault = ? AND due_age IS NOT NULL AND due_age <= ?
       ORDER BY due_age, pack, share LIMIT 1`,
    ),
    inRelease: select('WHERE vault = ? AND due_age IS NOT NULL ORDER BY pack, share'),
    sums: database.prepare(
      `SELECT vault, SUM(size) AS size, SUM(IIF(due_age IS NULL, 0, size)) AS released
       FROM shares GROUP BY vault`,
    ),
    put: database.prepare(
      `INSERT OR REPLACE INTO shares (${COLUMNS.join(', ')}) VALUES (${values})`,
    ),
    remove: database.prepare('DELETE FROM shares WHERE pack = ? AND share = ? AND vault = ?'),
  }
}

function toAccount(row: Row): ShareAccount {
  const isReleased = row['due_age'] !== null
  return {
    pack: parsePackId(String(row['pack'])),
    shareNumber: Number(row['share']),
    vault: vaultOf(row),
    size: Number(row['size']),
    receivedAt: Number(row['received_at']),
    receivedAge: Number(row['received_age']),
    adoptedBy: row['adopted_by'] === null ? null : Number(row['adopted_by']),
    keptBy: Number(row['kept_by']),
    forgoneAge: row['forgone_age'] === null ? null : Number(row['forgone_age']),
    release: isReleased
      ? { sequence: Number(row['released_by']), dueAge: Number(row['due_age']) }
      : null,
    isDamaged: row['is_damaged'] !== 0,
  }
}

function vaultOf(row: Row): VaultId {
  return vaultIdFromBytes(fromHex(String(row['vault'])))
}
