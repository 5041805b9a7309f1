/**
 * A sorted stream of changes with one change in sight.
 */

import { compare, equal } from '../../protocol/bytes.ts'
import { checkName } from '../../protocol/name-columns.ts'
import { assert } from '../base/assert.ts'
import type { Change } from './change.ts'

type Path = readonly Uint8Array[]

export class ChangeCursor {
  readonly #changes: AsyncIterator<Change>
  #current: Change | undefined

  constructor(changes: AsyncIterable<Change>) {
    this.#changes = changes[Symbol.asyncIterator]()
  }

  /** The change in sight; `undefined` at the end. */
  get current(): Change | undefined {
    return this.#current
  }

  /** Go on to the next change; call once before the first. */
  async advance(): Promise<void> {
    const before = this.#current
    const { done, value } = await this.#changes.next()
    this.#current = done === true ? undefined : value
    if (this.#current === undefined) return
    const { path } = this.#current
    assert(path.length > 0, 'the topmost folder itself never changes')
    for (const name of path) checkName(name)
    assert(before === undefined || comparePaths(before.path, path) < 0, 'changes come in order')
  }

  /** No more changes are wanted: the stream may let go of what it holds. */
  async close(): Promise<void> {
    await this.#changes.return?.()
  }

  /**
   * @param upper - names from here on are out of sight; `undefined` for none
   * @returns the name, in the folder `path`, under which the change in sight lies; `undefined` if elsewhere
   */
  nameWithin(path: Path, upper: Uint8Array | undefined): Uint8Array | undefined {
    const change = this.#current
    const name = change?.path[path.length]
    if (change === undefined || name === undefined || !isPrefix(path, change.path)) return undefined
    return upper === undefined || compare(name, upper) < 0 ? name : undefined
  }
}

/** Component by component, each byte by byte; a folder comes before what is in it. */
export function comparePaths(a: Path, b: Path): number {
  for (const [index, name] of a.entries()) {
    const other = b[index]
    const order = other === undefined ? 1 : compare(name, other)
    if (order !== 0) return order
  }
  return a.length - b.length
}

function isPrefix(prefix: Path, path: Path): boolean {
  // From the end, where neighbours differ first.
  for (let index = prefix.length - 1; index >= 0; index--) {
    const a = prefix[index]
    const b = path[index]
    if (a === undefined || b === undefined || !equal(a, b)) return false
  }
  return true
}
