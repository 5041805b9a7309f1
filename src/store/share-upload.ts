/**
 * Share upload: one share on its way to the disk.
 *
 * The piece is gathered into blocks; a full block is hashed leaf by leaf and appended to a file of its
 * own, so a share of any size takes one block of memory and few calls of the disk. `commit` compares
 * the root with the manifest's before anything gets the share's name.
 */

import { concat, equal } from '../../protocol/bytes.ts'
import type { Manifest } from '../../protocol/manifest.ts'
import { BadBlockError, leafHash, MerkleTree } from '../../protocol/merkle.ts'
import { encodeShareHeader, shareLayout, type ShareHeader } from '../../protocol/share.ts'
import type { DiskFile } from '../ports/disk.ts'

/**
 * Bytes of the piece written at once: whole leaves of any size. Each call of the disk costs a peer some
 * 100 µs; with 64 KiB, as they come from the network, that was a quarter of its time.
 */
const BLOCK_SIZE = 256 * 1024

/** What an upload needs from its store. */
export interface UploadPlace {
  readonly file: DiskFile
  /** Give the synced file its name, durably, and account for it. */
  readonly settle: () => Promise<'stored' | 'held'>
  /** Remove the file if it has no name yet, and free the room that was kept for it. */
  readonly discard: () => Promise<void>
}

export class ShareUpload {
  readonly #header: ShareHeader
  readonly #manifest: Manifest
  readonly #place: UploadPlace
  readonly #pieceSize: number
  /** Where the piece lies in the block: behind the share's header, which leaves with the first. */
  #start = 0
  #block: Uint8Array
  #filled = 0
  #received = 0
  readonly #leafHashes: Uint8Array[] = []

  /** Made by `ShareStore.begin`; the file is empty. */
  constructor(header: ShareHeader, manifest: Manifest, place: UploadPlace) {
    this.#header = header
    this.#manifest = manifest
    this.#place = place
    this.#pieceSize = shareLayout(header).piece.size
    this.#block = new Uint8Array(0)
  }

  /** Bytes of the piece that came so far. */
  get received(): number {
    return this.#received
  }

  /**
   * Take the next bytes of the piece; they are copied.
   *
   * @throws {BadBlockError} for more bytes than the piece has
   * @throws {DiskFullError}
   */
  async write(bytes: Uint8Array): Promise<void> {
    this.#received += bytes.length
    if (this.#received > this.#pieceSize) throw new BadBlockError('share: longer than its piece')
    if (this.#block.length === 0) this.#makeBlock()
    for (let from = 0; from < bytes.length;) {
      // Only now: what comes last leaves together with the tree.
      if (this.#filled === this.#block.length) await this.#flush()
      const part = bytes.subarray(from, from + this.#block.length - this.#filled)
      this.#block.set(part, this.#filled)
      this.#filled += part.length
      from += part.length
    }
  }

  /**
   * Check the whole piece and make it durable. Only then is the share here.
   *
   * @returns 'held' if the same share was stored by somebody else meanwhile
   * @throws {BadBlockError} if the piece is not the one that the manifest names; nothing is kept
   */
  async commit(): Promise<'stored' | 'held'> {
    if (this.#received !== this.#pieceSize) throw new BadBlockError('share: shorter than its piece')
    this.#hashLeaves()
    const tree = MerkleTree.ofLeafHashes(this.#leafHashes)
    const root = this.#manifest.roots[this.#header.shareNumber]
    if (root === undefined || !equal(tree.root, root)) {
      throw new BadBlockError(`share ${this.#header.shareNumber}: not the piece of its manifest`)
    }
    await this.#place.file.append(concat(this.#block.subarray(0, this.#filled), tree.nodes))
    await this.#place.file.sync()
    return await this.#place.settle()
  }

  /** Remove what was received, unless it was committed. Call it in the end in any case. */
  async close(): Promise<void> {
    try {
      await this.#place.file.close()
    } finally {
      await this.#place.discard()
    }
  }

  #makeBlock(): void {
    const header = encodeShareHeader(this.#header)
    this.#block = new Uint8Array(header.length + Math.min(BLOCK_SIZE, this.#pieceSize))
    this.#block.set(header)
    this.#start = header.length
    this.#filled = header.length
  }

  /** The block is full of whole leaves. */
  async #flush(): Promise<void> {
    this.#hashLeaves()
    await this.#place.file.append(this.#block)
    this.#block = this.#block.subarray(this.#start)
    this.#start = 0
    this.#filled = 0
  }

  #hashLeaves(): void {
    const { leafSize } = this.#manifest
    for (let from = this.#start; from < this.#filled; from += leafSize) {
      const leaf = this.#block.subarray(from, Math.min(from + leafSize, this.#filled))
      this.#leafHashes.push(leafHash(this.#header.shareNumber, this.#leafHashes.length, leaf))
    }
  }
}
