/**
 * The object writer: bodies become sealed objects with a place.
 *
 * A body that the vault already holds becomes a reference to it. Small objects of one folder wait
 * until they make a run (design §4): consecutive in one pack, under one secret, so that the tree
 * stores 32 bytes for all of them. Large ones carry a key of their own.
 */

import { toHex } from '../../protocol/bytes.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import type { ObjectKey, Reference } from '../../protocol/reference.ts'
import { assert } from '../base/assert.ts'
import { release } from '../base/release.ts'
import { RUN_OBJECT_SIZE_MAX, type ContentObject } from '../codec/content-object.ts'
import { objectKeyBytes, preparePlain, rawKey, runSecret, seal } from '../codec/seal.ts'
import type { Packer, Place } from './packer.ts'

/** A run ends here, so that sealing it never needs more memory (design §4). */
const RUN_SIZE_MAX = 4 * 1024 * 1024
const RUN_COUNT_MAX = 256

/** A reference that is there once its object is sealed. */
export interface Slot {
  readonly reference: Reference | undefined
}

/** New content, to be remembered once the pack that holds it is safe on disk. */
export interface NewContent {
  readonly digest: Uint8Array
  readonly place: Place
  readonly key: Uint8Array
}

export interface ObjectWriterParts {
  readonly packer: Packer
  /** Where the vault already has this content; `undefined` if nowhere. */
  readonly find: (digest: Uint8Array) => Reference | undefined
  readonly onSealed: (content: NewContent) => void
}

interface Waiting {
  readonly plain: Uint8Array
  readonly plainDigest: Uint8Array
  /** Of the body, where it may be found again. */
  readonly digest: Uint8Array | undefined
  readonly slot: { reference: Reference | undefined }
}

export class ObjectWriter {
  readonly #parts: ObjectWriterParts
  readonly #contentSecret: Uint8Array
  #run: Waiting[] = []
  #runSize = 0
  /** Bodies of the open run, by digest: a duplicate within it waits with the first. */
  readonly #open = new Map<string, Slot>()
  /** Bytes of sealed objects written so far. */
  sealedSize = 0

  constructor(parts: ObjectWriterParts, contentSecret: Uint8Array) {
    this.#parts = parts
    this.#contentSecret = contentSecret
  }

  /**
   * @param body - up to 4 MiB
   * @param digest - SHA-256 of `body`; only `content` is looked up and remembered by it
   */
  async write(kind: ObjectKind, body: Uint8Array, digest: Uint8Array): Promise<Slot> {
    const isShared = kind === 'content'
    const known = isShared ? this.#known(digest) : undefined
    if (known !== undefined) return known

    const { plain, digest: plainDigest } = preparePlain(kind, body)
    return this.#add(plain, plainDigest, isShared ? digest : undefined)
  }

  /** Content that was made into an object already; its bytes belong to the writer from now on. */
  async writeContent(object: ContentObject): Promise<Slot> {
    const { digest } = object
    const known = this.#known(digest)
    if (known !== undefined) {
      release(object.form === 'sealed' ? object.sealed : object.plain)
      return known
    }
    if (object.form === 'plain') return this.#add(object.plain, object.plainDigest, digest)
    const key: ObjectKey = { type: 'raw', secret: object.secret }
    this.sealedSize += object.sealed.length
    return { reference: await this.#place(object.sealed, key, digest) }
  }

  /** @param digest - of the body, where it may be found again */
  async #add(
    plain: Uint8Array,
    plainDigest: Uint8Array,
    digest: Uint8Array | undefined,
  ): Promise<Slot> {
    if (plain.length > RUN_OBJECT_SIZE_MAX) {
      const key = rawKey(this.#contentSecret, plainDigest)
      return { reference: await this.#place(this.#seal(plain, key), key, digest) }
    }

    const isFull = this.#runSize + plain.length > RUN_SIZE_MAX || this.#run.length >= RUN_COUNT_MAX
    if (isFull) await this.endRun()
    const slot: Waiting['slot'] = { reference: undefined }
    this.#run.push({ plain, plainDigest, digest, slot })
    this.#runSize += plain.length
    if (digest !== undefined) this.#open.set(toHex(digest), slot)
    return slot
  }

  /** Seal the open run: at the end of a folder, and of everything. */
  async endRun(): Promise<void> {
    if (this.#run.length === 0) return
    const run = this.#run
    this.#run = []
    this.#runSize = 0
    this.#open.clear()

    const secret = runSecret(
      this.#contentSecret,
      run.map(({ plainDigest }) => plainDigest),
    )
    const keys: ObjectKey[] = run.map((_, ordinal) => ({ type: 'run', secret, ordinal }))
    const sealed = run.map(({ plain }, ordinal) => this.#seal(plain, keys[ordinal] as ObjectKey))
    const places = await this.#parts.packer.add(sealed)
    for (const [ordinal, { digest, slot }] of run.entries()) {
      slot.reference = this.#placed(places[ordinal] as Place, keys[ordinal] as ObjectKey, digest)
    }
  }

  async #place(
    sealed: Uint8Array,
    key: ObjectKey,
    digest: Uint8Array | undefined,
  ): Promise<Reference> {
    const [place] = await this.#parts.packer.add([sealed])
    release(sealed)
    assert(place !== undefined, 'one object has one place')
    return this.#placed(place, key, digest)
  }

  #seal(plain: Uint8Array, key: ObjectKey): Uint8Array {
    const sealed = seal(plain, key)
    this.sealedSize += sealed.length
    return sealed
  }

  #placed(place: Place, key: ObjectKey, digest: Uint8Array | undefined): Reference {
    if (digest !== undefined) this.#parts.onSealed({ digest, place, key: objectKeyBytes(key) })
    return { ...place, key }
  }

  #known(digest: Uint8Array): Slot | undefined {
    const reference = this.#parts.find(digest)
    return reference === undefined ? this.#waiting(digest) : { reference }
  }

  /** A second use of a waiting object must not carry the run's secret into another folder. */
  #waiting(digest: Uint8Array): Slot | undefined {
    const first = this.#open.get(toHex(digest))
    if (first === undefined) return undefined
    return {
      get reference() {
        const { reference } = first
        if (reference === undefined) return undefined
        const key: ObjectKey = { type: 'raw', secret: objectKeyBytes(reference.key) }
        return { ...reference, key }
      },
    }
  }
}
