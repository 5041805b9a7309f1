/**
 * New objects for versions that exist already: originals and deltas made again in another form.
 */

import type { Reference } from '../../protocol/reference.ts'
import { OBJECT_SIZE_MAX } from '../../protocol/object.ts'
import { sha256 } from '../../protocol/hash.ts'
import { concat } from '../../protocol/bytes.ts'
import { assert } from '../base/assert.ts'
import type { codecs } from '../codec/codecs.ts'
import type { PatchBase } from '../codec/rdiff-patch.ts'
import type { Compute } from '../ports/compute.ts'
import type { ContentSink } from './content-sink.ts'
import { blockSizeFor } from './delta-policy.ts'
import type { Slot } from './object-writer.ts'

/** Bytes asked for at a time. */
const READ_SIZE = 1024 * 1024

/** References that are there once everything was flushed. */
export type LaterReferences = () => readonly Reference[]

/** An original that was stored again. */
export interface StoredOriginal {
  readonly references: LaterReferences
  /** Bytes of the file in each object. */
  readonly sizes: readonly number[]
  readonly digest: Uint8Array
  /** For deltas to come; none for small files. */
  readonly signature: Uint8Array | undefined
}

export class NewObjects {
  readonly #sink: ContentSink
  readonly #compute: Compute<typeof codecs>
  readonly #keys: { readonly cutKey: Uint8Array; readonly contentSecret: Uint8Array }
  readonly #signal: AbortSignal

  constructor(
    sink: ContentSink,
    compute: Compute<typeof codecs>,
    { cutKey, contentSecret }: { cutKey: Uint8Array; contentSecret: Uint8Array },
    signal: AbortSignal,
  ) {
    this.#sink = sink
    this.#compute = compute
    this.#keys = { cutKey, contentSecret }
    this.#signal = signal
  }

  /** Store a whole file; chunks that the vault holds already are not stored again. */
  async putOriginal(file: PatchBase): Promise<StoredOriginal> {
    const params = { ...this.#keys, blockSize: blockSizeFor(file.size) }
    const run = await this.#compute.open('original', params)
    const slots: Slot[] = []
    const sizes: number[] = []
    try {
      for (let offset = 0; offset < file.size; offset += READ_SIZE) {
        this.#signal.throwIfAborted()
        const bytes = await file.read(offset, Math.min(READ_SIZE, file.size - offset))
        for (const output of await run.push(bytes)) {
          if (output.type !== 'object') continue
          sizes.push(output.size)
          slots.push(await this.#sink.writeContent(output))
        }
      }
      for (const output of await run.close()) {
        if (output.type === 'object') {
          sizes.push(output.size)
          slots.push(await this.#sink.writeContent(output))
          continue
        }
        const { digest, signature } = output
        return { references: later(slots), sizes, digest, signature }
      }
    } finally {
      run.cancel()
    }
    return assert(false, 'an original ends with its digest') as never
  }

  /** Store a delta. @param parts - its bytes in order, split anywhere */
  async putDelta(
    parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<LaterReferences> {
    const slots: Slot[] = []
    let gathered: Uint8Array[] = []
    let size = 0
    const put = async () => {
      const body = concat(...gathered)
      gathered = []
      size = 0
      slots.push(await this.#sink.write('delta', body, sha256(body)))
    }
    for await (const part of parts) {
      for (let at = 0; at < part.length;) {
        const piece = part.subarray(at, at + OBJECT_SIZE_MAX - size)
        gathered.push(piece)
        size += piece.length
        at += piece.length
        if (size === OBJECT_SIZE_MAX) await put()
      }
    }
    if (size > 0) await put()
    return later(slots)
  }

  /** At the end of a file. */
  async endFile(): Promise<void> {
    await this.#sink.endRun()
  }

  /** Resolves when everything lies in packs that are durable here: references are there. */
  async flush(): Promise<void> {
    await this.#sink.flush()
  }
}

function later(slots: readonly Slot[]): LaterReferences {
  return () =>
    slots.map(({ reference }) => {
      assert(reference !== undefined, 'everything was flushed')
      return reference
    })
}
