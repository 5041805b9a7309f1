/**
 * The packer: sealed objects back to back, until a pack is full.
 *
 * A pack's number is taken when it is opened, so a reference is known before the pack is whole.
 */

import { concat } from '../../protocol/bytes.ts'
import { PACK_SIZE_TARGET, packPadding } from '../../protocol/pack.ts'
import type { PackKind } from '../store/packs.ts'
import type { PackDraft, Spool } from '../store/spool.ts'

/** Where a sealed object lies. */
export interface Place {
  readonly pack: number
  readonly offset: number
  readonly length: number
}

/** A whole pack, padded, durable in the spool, not yet encoded. */
export interface SealedPack {
  readonly number: number
  readonly kind: PackKind
  /** Bytes, padding included. */
  readonly size: number
}

export interface PackerOptions {
  readonly kind: PackKind
  readonly padKey: Uint8Array
  readonly spool: Pick<Spool, 'begin'>
  /** Takes the next pack number; numbers are never given twice. */
  readonly nextNumber: () => number
  /** Takes a full pack; the packer waits for it, which is what bounds packs on their way. */
  readonly onPack: (pack: SealedPack) => Promise<void>
}

/** Objects gathered before they are written: small ones would cost a call each. */
const GATHERED_SIZE_MAX = 1024 * 1024

interface OpenPack {
  readonly number: number
  readonly draft: PackDraft
  size: number
  gathered: Uint8Array[]
  gatheredSize: number
}

export class Packer {
  readonly #options: PackerOptions
  #open: OpenPack | undefined
  #last: Uint8Array = new Uint8Array(0)

  constructor(options: PackerOptions) {
    this.#options = options
  }

  /** Add objects so that they lie one after the other in one pack. */
  async add(objects: readonly Uint8Array[]): Promise<Place[]> {
    const size = objects.reduce((sum, object) => sum + object.length, 0)
    if (this.#open !== undefined && this.#open.size + size > PACK_SIZE_TARGET) await this.flush()
    const open = this.#open ?? (await this.#begin())

    const places: Place[] = []
    for (const object of objects) {
      places.push({ pack: open.number, offset: open.size, length: object.length })
      open.gathered.push(object)
      open.gatheredSize += object.length
      open.size += object.length
      this.#last = object
    }
    if (open.gatheredSize >= GATHERED_SIZE_MAX) await write(open)
    return places
  }

  /** Close the open pack, if any, and hand it on. */
  async flush(): Promise<void> {
    const open = this.#open
    if (open === undefined) return
    // A sealed object is longer than what the padding is made from.
    const padding = packPadding(open.size, this.#last, this.#options.padKey)
    open.gathered.push(padding)
    await write(open)
    await open.draft.finish()
    this.#open = undefined
    const size = open.size + padding.length
    await this.#options.onPack({ number: open.number, kind: this.#options.kind, size })
  }

  /** Give up the open pack: nothing that was recorded rests on it. */
  async abandon(): Promise<void> {
    await this.#open?.draft.discard()
    this.#open = undefined
  }

  async #begin(): Promise<OpenPack> {
    const number = this.#options.nextNumber()
    const draft = await this.#options.spool.begin(number)
    this.#open = { number, draft, size: 0, gathered: [], gatheredSize: 0 }
    return this.#open
  }
}

async function write(open: OpenPack): Promise<void> {
  const bytes = concat(...open.gathered)
  open.gathered = []
  open.gatheredSize = 0
  await open.draft.append(bytes)
}
