/**
 * Fresh contents: what was sealed and whose pack is not durable yet.
 *
 * It is found by its digest as what the vault holds is, and recorded together with its pack.
 */

import { toHex } from '../../protocol/bytes.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { Contents } from '../store/contents.ts'
import type { NewContent } from './object-writer.ts'

export class FreshContents {
  readonly #contents: Pick<Contents, 'add' | 'find'>
  readonly #fresh = new Map<string, NewContent>()

  constructor(contents: Pick<Contents, 'add' | 'find'>) {
    this.#contents = contents
  }

  add(content: NewContent): void {
    this.#fresh.set(toHex(content.digest), content)
  }

  /** @returns where an object with exactly these bytes lies, or will lie */
  find(digest: Uint8Array): Reference | undefined {
    const fresh = this.#fresh.get(toHex(digest))
    if (fresh === undefined) return this.#contents.find(digest)
    return { ...fresh.place, key: { type: 'raw', secret: fresh.key } }
  }

  /** The pack is durable. Runs in the transaction that says so. */
  record(pack: number): void {
    for (const [id, { digest, place, key }] of this.#fresh) {
      if (place.pack !== pack) continue
      this.#contents.add(digest, place, key)
      this.#fresh.delete(id)
    }
  }
}
