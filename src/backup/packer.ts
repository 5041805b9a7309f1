/**
 * The packer: sealed objects back to back, until a pack is full.
 *
 * A pack's number is taken when it is opened, so a reference is known before the pack is whole.
 */

import { PACK_SIZE_TARGET, packPadding } from '../../protocol/pack.ts'
import { release, unfilled } from '../codec/buffers.ts'
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
  /** Begins with the pack, and may be longer: cutting off the rest would be a copy. Handed over. */
  readonly bytes: Uint8Array
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

/** Bytes gathered before they are written: small objects would cost a call each. */
const GATHERED_SIZE_MAX = 1024 * 1024

/**
 * Room that a pack begins with, bytes, and the next steps. Few, and the last holds a whole pack with its
 * padding: a larger room is a copy.
 */
const ROOMS = [64 * 1024, 1024 * 1024, 9 * 1024 * 1024]

interface OpenPack {
  readonly number: number
  readonly draft: PackDraft
  /** The objects so far, and room for more. */
  bytes: Uint8Array
  size: number
  /** How much of it is in the spool. */
  written: number
}

export class Packer {
  readonly #options: PackerOptions
  #open: OpenPack | undefined
  /** The full pack on its way to the disk and onward, while the next one is filled. */
  #closing: Promise<void> = Promise.resolve()

  constructor(options: PackerOptions) {
    this.#options = options
  }

  /** Add objects so that they lie one after the other in one pack. */
  async add(objects: readonly Uint8Array[]): Promise<Place[]> {
    const size = objects.reduce((sum, object) => sum + object.length, 0)
    if (this.#open !== undefined && this.#open.size + size > PACK_SIZE_TARGET) await this.#close()
    const open = this.#open ?? (await this.#begin())

    makeRoom(open, size)
    const places: Place[] = []
    for (const object of objects) {
      places.push({ pack: open.number, offset: open.size, length: object.length })
      open.bytes.set(object, open.size)
      open.size += object.length
    }
    if (open.size - open.written >= GATHERED_SIZE_MAX) await write(open)
    return places
  }

  /** Close the open pack, if any; resolves when it and all before it were handed on. */
  async flush(): Promise<void> {
    await this.#close()
    await this.#closing
  }

  /** Give up the open pack: nothing that was recorded rests on it. */
  async abandon(): Promise<void> {
    const open = this.#open
    this.#open = undefined
    await Promise.allSettled([this.#closing, open?.draft.discard()])
  }

  /** Resolves when the pack before was handed on: so two are in memory at most. */
  async #close(): Promise<void> {
    await this.#closing
    const open = this.#open
    if (open === undefined) return
    this.#open = undefined
    this.#closing = this.#handOn(open)
    // Its failure is told to whoever closes the next one, or flushes.
    this.#closing.catch(() => undefined)
  }

  async #handOn(open: OpenPack): Promise<void> {
    const { padKey, kind, onPack } = this.#options
    try {
      const padding = packPadding(open.size, open.bytes.subarray(0, open.size), padKey)
      makeRoom(open, padding.length)
      open.bytes.set(padding, open.size)
      open.size += padding.length
      await write(open)
      await open.draft.finish()
    } catch (error) {
      await open.draft.discard()
      throw error
    }
    await onPack({ number: open.number, kind, size: open.size, bytes: open.bytes })
  }

  async #begin(): Promise<OpenPack> {
    const number = this.#options.nextNumber()
    const draft = await this.#options.spool.begin(number)
    this.#open = { number, draft, bytes: unfilled(0), size: 0, written: 0 }
    return this.#open
  }
}

/** Room for so many bytes more. */
function makeRoom(open: OpenPack, size: number): void {
  const needed = open.size + size
  if (needed <= open.bytes.length) return
  const larger = unfilled(ROOMS.find((room) => room >= needed) ?? needed)
  larger.set(open.bytes.subarray(0, open.size))
  release(open.bytes)
  open.bytes = larger
}

async function write(open: OpenPack): Promise<void> {
  const { written, size } = open
  open.written = size
  await open.draft.append(open.bytes.subarray(written, size))
}
