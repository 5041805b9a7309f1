/**
 * The content sink: content and deltas go into packs, each kind into packs of its own.
 *
 * A version that is a chain rests on every pack its deltas lie in, so packs of deltas are coded
 * stronger than others (src/grid/loss.ts); deltas are small, and it costs little.
 */

import type { ObjectKind } from '../../protocol/object.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { ContentObject } from '../codec/content-object.ts'
import type { Spool } from '../store/spool.ts'
import { ObjectWriter, type NewContent, type Slot } from './object-writer.ts'
import { Packer, type SealedPack } from './packer.ts'

export interface ContentSinkParts {
  readonly spool: Pick<Spool, 'begin'>
  readonly nextPackNumber: () => number
  readonly onPack: (pack: SealedPack) => Promise<void>
  /** Where the vault already has this content; `undefined` if nowhere. */
  readonly find: (digest: Uint8Array) => Reference | undefined
  readonly onSealed: (content: NewContent) => void
}

export class ContentSink {
  readonly #packers: readonly Packer[]
  readonly #content: ObjectWriter
  readonly #deltas: ObjectWriter

  constructor(
    { spool, nextPackNumber, onPack, find, onSealed }: ContentSinkParts,
    { padKey, contentSecret }: { readonly padKey: Uint8Array; readonly contentSecret: Uint8Array },
  ) {
    const packer = (kind: 'data' | 'delta') =>
      new Packer({ kind, padKey, spool, nextNumber: nextPackNumber, onPack })
    const writer = (into: Packer) =>
      new ObjectWriter({ packer: into, find, onSealed }, contentSecret)
    const [data, delta] = [packer('data'), packer('delta')]
    this.#packers = [data, delta]
    this.#content = writer(data)
    this.#deltas = writer(delta)
  }

  /** Bytes of sealed objects written so far. */
  get sealedSize(): number {
    return this.#content.sealedSize + this.#deltas.sealedSize
  }

  /** @see ObjectWriter.write */
  write(kind: ObjectKind, body: Uint8Array, digest: Uint8Array): Promise<Slot> {
    return (kind === 'delta' ? this.#deltas : this.#content).write(kind, body, digest)
  }

  /** @see ObjectWriter.writeContent */
  writeContent(object: ContentObject): Promise<Slot> {
    return this.#content.writeContent(object)
  }

  /** At the end of a folder: objects of one folder make runs of their own. */
  async endRun(): Promise<void> {
    await this.#content.endRun()
    await this.#deltas.endRun()
  }

  /** Hand on all packs: every slot has its reference now. */
  async flush(): Promise<void> {
    await this.endRun()
    for (const packer of this.#packers) await packer.flush()
  }

  /** Give up open packs: nothing that was recorded rests on them. */
  async abandon(): Promise<void> {
    for (const packer of this.#packers) await packer.abandon()
  }
}
