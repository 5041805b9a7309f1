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

/** Decoded objects kept of each kind: some 20 KiB each, and enough for every page between a root and a file. */
const KEPT_MAX = 32

export class NodeStore {
  readonly #pages: DecodedObjects<Page>
  readonly #indexes: DecodedObjects<IndexPage>
  readonly #pasts: DecodedObjects<PastPage>
  readonly #histories: DecodedObjects<HistoryPage>

  constructor(source: ObjectSource) {
    this.#pages = new DecodedObjects(source, 'page', decodePage)
    this.#indexes = new DecodedObjects(source, 'index', decodeIndexPage)
    this.#pasts = new DecodedObjects(source, 'past', decodePastPage)
    this.#histories = new DecodedObjects(source, 'history', decodeHistory)
  }

  page(reference: Reference): Promise<Page> {
    return this.#pages.get(reference)
  }

  /** @throws {FormatError} also for an index page of another level */
  async index(reference: Reference, level: number): Promise<IndexPage> {
    const page = await this.#indexes.get(reference)
    if (page.level !== level) throw new FormatError(`index: level ${page.level}, not ${level}`)
    return page
  }

  past(reference: Reference): Promise<PastPage> {
    return this.#pasts.get(reference)
  }

  history(reference: Reference): Promise<HistoryPage> {
    return this.#histories.get(reference)
  }
}

/** Objects of one kind; the least recently used one is forgotten first. */
class DecodedObjects<T extends object> {
  readonly #source: ObjectSource
  readonly #kind: ObjectKind
  readonly #decode: (body: Uint8Array) => T
  readonly #kept = new Map<string, T>()

  constructor(source: ObjectSource, kind: ObjectKind, decode: (body: Uint8Array) => T) {
    this.#source = source
    this.#kind = kind
    this.#decode = decode
  }

  async get(reference: Reference): Promise<T> {
    const id = referenceId(reference)
    const value = this.#kept.get(id) ?? this.#decode(await this.#source.read(reference, this.#kind))
    this.#kept.delete(id)
    this.#kept.set(id, value)
    const [oldest] = this.#kept.keys()
    if (this.#kept.size > KEPT_MAX && oldest !== undefined) this.#kept.delete(oldest)
    return value
  }
}
