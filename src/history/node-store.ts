/**
 * The tree's objects, decoded; the last few are kept, since a folder is often asked for twice.
 */

import { decodeHistory } from '../../protocol/history.ts'
import type { HistoryPage } from '../../protocol/history.ts'
import { decodeIndexPage } from '../../protocol/index-page.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import { decodePage } from '../../protocol/page.ts'
import { decodePastPage } from '../../protocol/past-page.ts'
import type { PastPage } from '../../protocol/past-page.ts'
import { referenceId } from '../../protocol/reference.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { IndexPage, Page } from '../../protocol/tree.ts'
import { FormatError } from '../base/errors.ts'
import type { ObjectSource } from './objects.ts'

/** Decoded objects kept: some 20 KiB each, and enough for every page between a root and a file. */
const KEPT_MAX = 64

export class NodeStore {
  readonly #source: ObjectSource
  readonly #kept = new Map<string, unknown>()

  constructor(source: ObjectSource) {
    this.#source = source
  }

  page(reference: Reference): Promise<Page> {
    return this.#get(reference, 'page', decodePage)
  }

  /** @throws {FormatError} also for an index page of another level */
  async index(reference: Reference, level: number): Promise<IndexPage> {
    const page = await this.#get(reference, 'index', decodeIndexPage)
    if (page.level !== level) throw new FormatError(`index: level ${page.level}, not ${level}`)
    return page
  }

  past(reference: Reference): Promise<PastPage> {
    return this.#get(reference, 'past', decodePastPage)
  }

  history(reference: Reference): Promise<HistoryPage> {
    return this.#get(reference, 'history', decodeHistory)
  }

  async #get<T>(
    reference: Reference,
    kind: ObjectKind,
    decode: (body: Uint8Array) => T,
  ): Promise<T> {
    const id = `${kind} ${referenceId(reference)}`
    const kept = this.#kept.get(id) as T | undefined
    const value = kept ?? decode(await this.#source.read(reference, kind))
    this.#kept.delete(id)
    this.#kept.set(id, value)
    if (this.#kept.size > KEPT_MAX) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest)
        break
      }
    }
    return value
  }
}
