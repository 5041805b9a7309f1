/**
 * Head store: the heads a peer keeps, each with the receipt it gave for it.
 *
 * One small file for each head, durable before the receipt leaves. Heads only go forward: an older
 * one is refused, one far ahead too; two for one place in the order are both kept, since both are
 * evidence.
 *
 * Layout and promises: docs/peer.md
 */

import { equal, toHex } from '../../protocol/bytes.ts'
import { bytesField, decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import { FormatError } from '../../protocol/errors.ts'
import {
  compareHeads,
  HEAD_SIZE_MAX,
  openHead,
  openReceipt,
  SEQUENCE_JUMP_MAX,
  signReceipt,
  type OpenedHead,
} from '../../protocol/head.ts'
import type { DeviceId, VaultId } from '../../protocol/ids.ts'
import { peerIdOf, type SigningKey } from '../../protocol/keys.ts'
import { RECEIPT_SIZE_MAX } from '../../protocol/receipt.ts'
import { z } from 'zod'

import { DiskError } from '../base/errors.ts'
import { KeyedMutex } from '../base/mutex.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import { makeDurableFolder } from './durable-folder.ts'
import { withFile } from './share-files.ts'

const HEADS_FOLDER = 'heads'
/** Our own names: whatever else a person, or their system, put beside them stays. */
const VAULT_NAME = /^[0-9a-f]{64}$/
const HEAD_NAME = /^\d{14}-[0-9a-f]{32}\.head$/
const PART_NAME = /^\d{14}-[0-9a-f]{32}\.head\.\d+\.part$/
const PART_SUFFIX = '.part'
const DAY_MS = 24 * 3600_000

/** A head younger than this stays whatever happens. */
export const HEAD_KEPT_MS = 30 * DAY_MS

/**
 * Heads of one vault: one an hour for two years. Beyond it, heads older than 30 days make room, oldest
 * first; a vault that publishes as many within 30 days is refused. A device that took another's place has
 * as many of its own, or a thief of the old one could keep it out; a vault has twice as many at most.
 */
export const HEADS_PER_VAULT_MAX = 17_520

/** The first head a peer ever sees of a vault may be at most this far: it may have joined late. */
export const FIRST_SEQUENCE_MAX = 2 ** 32

export interface KeptHead {
  /** As it was published. */
  readonly head: Uint8Array
  /** Signed by this peer, with the time of the first arrival. */
  readonly receipt: Uint8Array
}

interface Entry extends KeptHead {
  readonly opened: OpenedHead
  readonly receivedAt: number
  readonly path: string
}

/** What became of a published head. */
export type PublishOutcome =
  | { readonly type: 'kept'; readonly receipt: Uint8Array }
  /** Kept beside another head for the same place in the order. */
  | { readonly type: 'fork'; readonly receipt: Uint8Array }
  | { readonly type: 'stale-head' | 'jump' | 'quota' }

const fileSchema = z.strictObject({
  head: bytesField(1, HEAD_SIZE_MAX),
  receipt: bytesField(1, RECEIPT_SIZE_MAX),
})
const FILE_SIZE_MAX = HEAD_SIZE_MAX + RECEIPT_SIZE_MAX + 64

export interface HeadStoreParts {
  readonly disk: Disk
  readonly clock: Clock
  readonly log: Log
  /** The peer's identity; signs receipts. */
  readonly key: SigningKey
}

export interface HeadStoreOptions {
  /** Heads of one vault; {@link HEADS_PER_VAULT_MAX} where not given. */
  readonly perVaultMax?: number
}

export class HeadStore {
  readonly #parts: HeadStoreParts
  readonly #perVaultMax: number
  /** Heads of each vault, oldest sequence first, in order of arrival within one. */
  readonly #entries = new Map<VaultId, Entry[]>()
  readonly #turns = new KeyedMutex()
  #count = 0

  private constructor(parts: HeadStoreParts, { perVaultMax }: HeadStoreOptions) {
    this.#parts = parts
    this.#perVaultMax = perVaultMax ?? HEADS_PER_VAULT_MAX
  }

  /**
   * Open the store: sweep unfinished files and read every head. A damaged file is set aside; one that
   * the disk does not give is left out until the next time.
   */
  static async open(parts: HeadStoreParts, options: HeadStoreOptions = {}): Promise<HeadStore> {
    const store = new HeadStore(parts, options)
    const vaults = await parts.disk.list(HEADS_FOLDER)
    for (const vault of vaults.filter((name) => VAULT_NAME.test(name))) await store.#load(vault)
    return store
  }

  /**
   * Take a head.
   *
   * @returns what became of it; the same head again gets the same receipt again
   * @throws {WrongSignerError} unless vault and device signed it
   * @throws {FormatError}
   */
  async publish(bytes: Uint8Array): Promise<PublishOutcome> {
    const opened = openHead(bytes)
    return await this.#turns.run(opened.vault, async () => {
      const known = this.#of(opened.vault)
      const same = known.find((entry) => equal(entry.opened.id, opened.id))
      if (same !== undefined) return { type: 'kept', receipt: same.receipt }
      const standing = standingOf(known, opened, this.#parts.clock.now())
      if (standing === 'stale') return { type: 'stale-head' }
      if (standing === 'jump') return { type: 'jump' }
      if (!(await this.#makeRoom(opened))) return { type: 'quota' }
      const { receipt } = await this.#keep(bytes, opened)
      if (standing === 'next') return { type: 'kept', receipt }
      const fields = { vault: opened.vault, sequence: opened.sequence, head: toHex(opened.id) }
      this.#parts.log.warn('heads fork', fields)
      return { type: 'fork', receipt }
    })
  }

  /** @returns the newest head of every device (both, if they fork), or all; newest first */
  heads(vault: VaultId, { all }: { readonly all: boolean }): KeptHead[] {
    const entries = this.#of(vault).toReversed()
    if (all) return entries
    const newest = new Map<DeviceId, number>()
    return entries.filter(({ opened: { device, sequence } }) => {
      const first = newest.get(device) ?? sequence
      newest.set(device, first)
      return sequence === first
    })
  }

  /** @returns the head of the highest sequence; of a fork, the one that came last */
  newest(vault: VaultId): OpenedHead | undefined {
    return this.#of(vault).at(-1)?.opened
  }

  /**
   * Whether a head is kept here, and the order from it on is beyond doubt.
   *
   * - 'kept': it is, and no fork has its sequence or a later one
   * - 'fork': it has a rival, or one of the heads after it has or passes over the one before it
   * - 'unknown': it is not kept here
   */
  standing(
    vault: VaultId,
    head: { readonly sequence: number; readonly id: Uint8Array },
  ): 'kept' | 'fork' | 'unknown' {
    const entries = this.#of(vault)
    const heads = entries.map(({ opened }) => opened)
    const from = heads.filter(({ sequence }) => sequence >= head.sequence)
    const isKept = from.some((kept) => kept.sequence === head.sequence && equal(kept.id, head.id))
    if (!isKept) return 'unknown'
    const isForked = from.some((kept, index) => {
      const before = from[index - 1]
      if (before === undefined) return false
      return before.sequence === kept.sequence || compareHeads(before, kept) === 'fork'
    })
    return isForked ? 'fork' : 'kept'
  }

  #of(vault: VaultId): readonly Entry[] {
    return this.#entries.get(vault) ?? []
  }

  async #keep(head: Uint8Array, opened: OpenedHead): Promise<Entry> {
    const { clock, disk, key } = this.#parts
    const receivedAt = clock.now()
    const { vault, sequence } = opened
    const peer = peerIdOf(key.publicKey)
    const receipt = signReceipt({ vault, sequence, headId: opened.id, receivedAt, peer }, key)

    const folder = `${HEADS_FOLDER}/${vault}`
    const path = `${folder}/${nameOf(opened)}`
    this.#count += 1
    const part = `${path}.${this.#count}${PART_SUFFIX}`
    await this.#prepareFolder(vault, folder)
    const file = await disk.create(part)
    try {
      await file.append(encodeCbor({ head, receipt }))
      await file.sync()
    } catch (error) {
      await disk.remove(part)
      throw error
    } finally {
      await file.close()
    }
    await disk.rename(part, path)
    await disk.syncFolder(folder)
    return this.#enter({ head, receipt, opened, receivedAt, path })
  }

  async #prepareFolder(vault: VaultId, folder: string): Promise<void> {
    if (this.#entries.has(vault)) return
    await makeDurableFolder(this.#parts.disk, folder)
  }

  #enter(entry: Entry): Entry {
    const entries = [...this.#of(entry.opened.vault), entry]
    entries.sort((a, b) => a.opened.sequence - b.opened.sequence || a.receivedAt - b.receivedAt)
    this.#entries.set(entry.opened.vault, entries)
    return entry
  }

  /** @returns whether one more head has a place */
  async #makeRoom({ vault, epoch }: OpenedHead): Promise<boolean> {
    const entries = this.#of(vault)
    const own = entries.filter(({ opened }) => opened.epoch >= epoch)
    if (own.length < this.#perVaultMax && entries.length < 2 * this.#perVaultMax) return true
    const oldest = entries.find(
      ({ receivedAt }) => receivedAt < this.#parts.clock.now() - HEAD_KEPT_MS,
    )
    if (oldest === undefined) return false
    await this.#parts.disk.remove(oldest.path)
    this.#entries.set(
      vault,
      entries.filter((entry) => entry !== oldest),
    )
    return true
  }

  async #load(vault: string): Promise<void> {
    const { disk, log } = this.#parts
    const folder = `${HEADS_FOLDER}/${vault}`
    // Whoever was killed between a rename and its sync left a name that a power cut may still take.
    await disk.syncFolder(folder)
    for (const name of await disk.list(folder)) {
      const path = `${folder}/${name}`
      if (PART_NAME.test(name)) await disk.remove(path)
      if (!HEAD_NAME.test(name)) continue
      try {
        this.#enter(await this.#read(path))
      } catch (error) {
        if (error instanceof DiskError) {
          log.error('head unreadable', { path, why: error.message })
          continue
        }
        if (!(error instanceof FormatError)) throw error
        log.error('head set aside', { path, error: error.name })
        await disk.rename(path, `${path}.bad`)
      }
    }
  }

  async #read(path: string): Promise<Entry> {
    const bytes = await withFile(this.#parts.disk, path, (file) => file.read(0, FILE_SIZE_MAX + 1))
    const limits = { format: 'kept head', sizeMax: FILE_SIZE_MAX }
    const { head, receipt } = decodeCbor(bytes ?? new Uint8Array(0), fileSchema, limits)
    const [opened, { receivedAt, headId }] = [openHead(head), openReceipt(receipt)]
    if (!equal(headId, opened.id)) throw new FormatError('kept head: the receipt is for another')
    return { head, receipt, opened, receivedAt, path }
  }
}

/** How a head stands to all that are known of its vault. */
function standingOf(
  known: readonly Entry[],
  head: OpenedHead,
  now: number,
): 'next' | 'stale' | 'jump' | 'fork' {
  const newest = known.at(-1)
  if (newest === undefined) return head.sequence > FIRST_SEQUENCE_MAX ? 'jump' : 'next'
  const tops = known.filter(({ opened }) => opened.sequence === newest.opened.sequence)
  const standings = tops.map(({ opened }) => compareHeads(opened, head))
  if (standings.includes('next')) return 'next'
  if (standings.includes('stale')) return 'stale'
  if (standings.includes('fork')) return 'fork'
  // A peer that was away must be able to follow: a day away allows as much as a step.
  const daysAway = Math.max(0, Math.floor((now - newest.receivedAt) / DAY_MS))
  const ahead = head.sequence - newest.opened.sequence
  return ahead <= SEQUENCE_JUMP_MAX * (1 + daysAway) ? 'next' : 'jump'
}

/** Names sort by sequence. */
function nameOf({ sequence, id }: OpenedHead): string {
  return `${sequence.toString().padStart(14, '0')}-${toHex(id).slice(0, 32)}.head`
}
