/**
 * What is published: the newest head of this device, and where it leads.
 *
 * The head itself lies on the disk, durable before it is first sent, so that a retry sends the same
 * bytes. What publishing it changes here waits in the settings until enough peers have it.
 */

import { z } from 'zod'
import { bytesField, count, decodeCbor, encodeCbor } from '../../protocol/cbor.ts'
import {
  LEDGER_SEGMENT_SIZE_MAX,
  ledgerPointerSchema,
  ledgerPointerToCbor,
  type LedgerPointer,
} from '../../protocol/ledger.ts'
import { referenceSchema, referenceToCbor, type Reference } from '../../protocol/reference.ts'
import type { Disk } from '../ports/disk.ts'
import { snapshotNoteSchema, type SnapshotNote } from './last-snapshot.ts'
import { LocalSeal } from './local-seal.ts'
import type { Settings } from './settings.ts'
import { StateDamagedError, readWhole, writeWhole } from './whole-file.ts'

/**
 * The size noted for an older segment that could not be read: too large to be merged with others. It is
 * kept as it is until it can.
 */
export const GAP_SIZE = LEDGER_SEGMENT_SIZE_MAX

/** A ledger segment as this device knows it. */
export interface SegmentRecord {
  readonly pointer: LedgerPointer
  /** Bytes of its rows, about: what decides on merging. */
  readonly size: number
  /** Its lowest pack number. */
  readonly first: number
}

export interface PublishedState {
  readonly sequence: number
  /** Id of the head. */
  readonly head: Uint8Array
  readonly root: Reference
  /** Newest first. */
  readonly segments: readonly SegmentRecord[]
  /** Of a pending head: what it adds to the list of snapshots, if anything. */
  readonly snapshot?: SnapshotNote
}

/** Far above what 32 segments take. */
const STATE_SIZE_MAX = 64 * 1024

const HEAD_CURRENT = 'heads/current'
const HEAD_PENDING = 'heads/pending'

const schema = z.strictObject({
  sequence: count(Number.MAX_SAFE_INTEGER),
  head: bytesField(32, 32),
  root: referenceSchema,
  segments: z.array(
    z.strictObject({
      pointer: ledgerPointerSchema,
      size: count(Number.MAX_SAFE_INTEGER),
      first: count(Number.MAX_SAFE_INTEGER),
    }),
  ),
  snapshot: snapshotNoteSchema.exactOptional(),
})

type Name = 'published' | 'publishing'

export class Published {
  readonly #settings: Settings
  readonly #disk: Disk
  readonly #seal: LocalSeal

  /** @param localKey - secret of this vault for local state, 32 bytes: the root's key opens the tree */
  constructor(settings: Settings, disk: Disk, localKey: Uint8Array) {
    this.#settings = settings
    this.#disk = disk
    this.#seal = new LocalSeal(localKey, 'published')
  }

  /** @returns the state after the newest head that enough peers have */
  current(): PublishedState | undefined {
    return this.#get('published')
  }

  /** @returns the state that a pending head will bring */
  pending(): PublishedState | undefined {
    return this.#get('publishing')
  }

  set(name: Name, state: PublishedState): void {
    const plain = encodeCbor({
      sequence: state.sequence,
      head: state.head,
      root: referenceToCbor(state.root),
      segments: state.segments.map(({ pointer, size, first }) => ({
        pointer: ledgerPointerToCbor(pointer),
        size,
        first,
      })),
      ...(state.snapshot === undefined ? {} : { snapshot: { ...state.snapshot } }),
    })
    this.#settings.set(name, this.#seal.seal(plain))
  }

  #get(name: Name): PublishedState | undefined {
    const sealed = this.#settings.get(name, bytesField(1, STATE_SIZE_MAX))
    if (sealed === undefined) return undefined
    const what = { format: `setting ${name}`, sizeMax: STATE_SIZE_MAX }
    return decodeCbor(this.#seal.open(sealed), schema, what)
  }

  clearPending(): void {
    this.#settings.remove('publishing')
  }

  /**
   * @returns a head that was written and perhaps sent, and is not known to be published; a damaged one
   *   is as good as none, since whoever it was sent to has it
   */
  async pendingHead(): Promise<Uint8Array | undefined> {
    try {
      return await readWhole(this.#disk, HEAD_PENDING)
    } catch (error) {
      if (error instanceof StateDamagedError) return undefined
      throw error
    }
  }

  /** Resolves when the head would survive a power cut. */
  async keepPendingHead(head: Uint8Array): Promise<void> {
    await writeWhole(this.#disk, HEAD_PENDING, head)
  }

  /** The pending head is published: it is the current one from now on. */
  async settleHead(): Promise<void> {
    await this.#disk.rename(HEAD_PENDING, HEAD_CURRENT)
    await this.#disk.syncFolder('heads')
  }

  /**
   * @returns the newest head that this home knows to be published, whatever became of the database; a
   *   damaged one is as good as none
   */
  async keptHead(): Promise<Uint8Array | undefined> {
    try {
      return await readWhole(this.#disk, HEAD_CURRENT)
    } catch (error) {
      if (error instanceof StateDamagedError) return undefined
      throw error
    }
  }

  /** The head that local state is made from is published already. */
  async keepHead(head: Uint8Array): Promise<void> {
    await writeWhole(this.#disk, HEAD_CURRENT, head)
  }

  /** Another head took its place on the grid: what waits here leads nowhere. */
  async dropPendingHead(): Promise<void> {
    await this.#disk.remove(HEAD_PENDING)
    await this.#disk.syncFolder('heads')
  }
}
