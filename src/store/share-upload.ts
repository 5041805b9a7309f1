/**
 * Share upload: one share on its way to the disk.
 *
 * The piece is hashed leaf by leaf while it is appended to a file of its own, so a share of any size
 * takes one leaf of memory. `commit` compares the root with the manifest's before anything gets the
 * share's name.
 */

import { equal } from '../../protocol/bytes.ts'
import type { Manifest } from '../../protocol/manifest.ts'
import { BadBlockError, leafHash, MerkleTree } from '../../protocol/merkle.ts'
import { encodeShareHeader, shareLayout, type ShareHeader } from '../../protocol/share.ts'
import type { DiskFile } from '../ports/disk.ts'

/** Hashes the leaves of a piece that comes in parts of any size. */
class LeafHasher {
  readonly hashes: Uint8Array[] = []
  readonly #shareNumber: number
  readonly #leaf: Uint8Array
  #filled = 0

  constructor(shareNumber: number, leafSize: number) {
    this.#shareNumber = shareNumber
    this.#leaf = new Uint8Array(leafSize)
  }

  push(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length;) {
      const part = bytes.subarray(from, from + this.#leaf.length - this.#filled)
      this.#leaf.set(part, this.#filled)
      this.#filled += part.length
      from += part.length
      if (this.#filled === this.#leaf.length) this.#close()
    }
  }

  end(): MerkleTree {
    if (this.#filled > 0) this.#close()
    return MerkleTree.ofLeafHashes(this.hashes)
  }

  #close(): void {
    const leaf = this.#leaf.subarray(0, this.#filled)
    this.hashes.push(leafHash(this.#shareNumber, this.hashes.length, leaf))
    this.#filled = 0
  }
}

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
  readonly #hasher: LeafHasher
  #received = 0

  /** Made by `ShareStore.begin`; the file is empty. */
  constructor(header: ShareHeader, manifest: Manifest, place: UploadPlace) {
    this.#header = header
    this.#manifest = manifest
    this.#place = place
    this.#hasher = new LeafHasher(header.shareNumber, manifest.leafSize)
  }

  /**
   * Take the next bytes of the piece.
   *
   * @throws {BadBlockError} for more bytes than the piece has
   * @throws {DiskFullError}
   */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.#received === 0) await this.#place.file.append(encodeShareHeader(this.#header))
    this.#received += bytes.length
    if (this.#received > this.#pieceSize) throw new BadBlockError('share: longer than its piece')
    this.#hasher.push(bytes)
    await this.#place.file.append(bytes)
  }

  /**
   * Check the whole piece and make it durable. Only then is the share here.
   *
   * @returns 'held' if the same share was stored by somebody else meanwhile
   * @throws {BadBlockError} if the piece is not the one that the manifest names; nothing is kept
   */
  async commit(): Promise<'stored' | 'held'> {
    if (this.#received !== this.#pieceSize) throw new BadBlockError('share: shorter than its piece')
    const tree = this.#hasher.end()
    const root = this.#manifest.roots[this.#header.shareNumber]
    if (root === undefined || !equal(tree.root, root)) {
      throw new BadBlockError(`share ${this.#header.shareNumber}: not the piece of its manifest`)
    }
    await this.#place.file.append(tree.nodes)
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

  get #pieceSize(): number {
    return shareLayout(this.#header).piece.size
  }
}
