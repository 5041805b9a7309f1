/**
 * Trace: everything that happens in a world, as one running SHA-256.
 *
 * Two runs with equal digests took the same steps at the same virtual times on the same machines.
 */

import { createHash } from 'node:crypto'
import type { LogFields } from '../src/ports/log.ts'
import type { SimScheduler } from './scheduler.ts'

/** Lines are hashed together, so many characters at a time. */
const TEXT_MAX = 64 * 1024

export interface TraceEvent {
  /** Virtual ms since the beginning. */
  readonly at: number
  readonly node: string
  readonly event: string
  readonly fields: LogFields
}

export class Trace {
  readonly #scheduler: SimScheduler
  readonly #hash = createHash('sha256')
  /** Lines that are not hashed yet. */
  #text = ''
  readonly #listeners: ((event: TraceEvent) => void)[] = []
  readonly #readers: ((text: string) => void)[] = []

  constructor(scheduler: SimScheduler) {
    this.#scheduler = scheduler
  }

  add(node: string, event: string, fields: LogFields = {}): void {
    const at = this.#scheduler.elapsed
    this.#text += `${JSON.stringify([at, node, event, fields])}\n`
    if (this.#text.length >= TEXT_MAX) this.#flush()
    for (const listener of this.#listeners) listener({ at, node, event, fields })
  }

  /** Hear of every event from now on. */
  listen(listener: (event: TraceEvent) => void): void {
    this.#listeners.push(listener)
  }

  /** Read all lines from now on, many at a time; the last of them come with the digest. */
  read(reader: (text: string) => void): void {
    this.#readers.push(reader)
  }

  #flush(): void {
    for (const reader of this.#readers) reader(this.#text)
    this.#hash.update(this.#text)
    this.#text = ''
  }

  /** @returns hex of the digest so far */
  digest(): string {
    this.#flush()
    return this.#hash.copy().digest('hex')
  }
}
