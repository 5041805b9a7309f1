/**
 * Link groups: names that were one file become one file again.
 *
 * The first name that is restored becomes a file, the others links to it. A name waits for the first,
 * which was begun before it and waits for nobody.
 */

import { isSameFile } from '../history/file-attributes.ts'
import type { WantedEntry } from './wanted.ts'

interface Group {
  readonly found: WantedEntry
  readonly isThere: Promise<boolean>
}

export class LinkGroups {
  readonly #groups = new Map<string, Group>()

  /**
   * @param link - makes a link to what is there; tells whether it could
   * @param restore - makes the file; tells whether it is there now
   */
  async restore(
    group: string,
    found: WantedEntry,
    link: (first: WantedEntry) => Promise<boolean>,
    restore: () => Promise<boolean>,
  ): Promise<void> {
    const first = this.#groups.get(group)
    const isSame = first !== undefined && isSameFile(first.found.entry, found.entry)
    if (isSame && (await first.isThere) && (await link(first.found))) return
    const done = Promise.withResolvers<boolean>()
    this.#groups.set(group, { found, isThere: done.promise })
    try {
      done.resolve(await restore())
    } catch (error) {
      done.resolve(false)
      throw error
    }
  }
}
