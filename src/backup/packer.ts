/**
 * The packer: sealed objects back to back, until a pack is full.
 *
 * A pack's number is taken when it is opened, so a reference is known before the pack is whole.
 */

import { concat } from '../../protocol/bytes.ts'
import { PACK_SIZE_TARGET, padPack } from '../../protocol/pack.ts'
import type { PackKind } from '../store/packs.ts'

/** Where a sealed object lies. */
export interface Place {
  readonly pack: number
  readonly offset: number
  readonly length: number
}

/** A whole pack, padded, not yet encoded. */
export interface SealedPack {
  readonly number: number
  readonly kind: PackKind
  readonly bytes: Uint8Array
}

export interface PackerOptions {
  readonly kind: PackKind
  readonly padKey: Uint8Array
  /** Takes the next pack number; numbers are never given twice. */
  readonly nextNumber: () => number
  /** Takes a full pack; the packer waits for it, which is what bounds packs in memory. */
  readonly onPack: (pack: SealedPack) => Promise<void>
}

export class Packer {
  readonly #options: PackerOptions
  #number: number | undefined
  #objects: Uint8Array[] = []
  #size = 0

  constructor(options: PackerOptions) {
    this.#options = options
  }

  /** Add objects so that they lie one after the other in one pack. */
  async add(objects: readonly Uint8Array[]): Promise<Place[]> {
    const size = objects.reduce((sum, object) => sum + object.length, 0)
    if (this.#size > 0 && this.#size + size > PACK_SIZE_TARGET) await this.flush()
    this.#number ??= this.#options.nextNumber()

    const places: Place[] = []
    for (const object of objects) {
      places.push({ pack: this.#number, offset: this.#size, length: object.length })
      this.#objects.push(object)
      this.#size += object.length
    }
    return places
  }

  /** Close the open pack, if any, and hand it on. */
  async flush(): Promise<void> {
    if (this.#number === undefined) return
    const pack: SealedPack = {
      number: this.#number,
      kind: this.#options.kind,
      bytes: padPack(concat(...this.#objects), this.#options.padKey),
    }
    this.#number = undefined
    this.#objects = []
    this.#size = 0
    await this.#options.onPack(pack)
  }
}
