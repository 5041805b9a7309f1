/**
 * Keep again: what rests on lost packs is sent anew by the next backup, as far as it is still here.
 *
 * Nothing new may lean on a pack that is lost. The next backup would not look at files that did not change,
 * would take others for known by their content, and of those that changed it would send a delta upon bytes
 * that nobody has.
 */

import { z } from 'zod'
import { beforeRacy } from '../backup/racy.ts'
import { toKey, toNames } from '../source/path.ts'
import { inTransaction } from '../store/database.ts'
import type { AffectedFile } from './upkeep-types.ts'
import type { VaultSession } from './vault-session.ts'

/** Setting: numbers of lost packs, of which all that rests on them was seen to. */
const SEEN_TO = 'repair/kept-again'

const schema = z.array(z.int())

/** Whether files that rest on these packs are still to be looked for. */
export function isNews({ stores }: VaultSession, lost: ReadonlySet<number>): boolean {
  return !lost.isSubsetOf(new Set(stores.settings.get(SEEN_TO, schema)))
}

/**
 * @param lost - numbers of lost packs
 * @param affected - what of the newest snapshot rests on them
 */
export function keepAgain(
  { stores }: VaultSession,
  lost: ReadonlySet<number>,
  affected: readonly AffectedFile[],
): void {
  const { database, contents, entries, settings } = stores
  inTransaction(database, () => {
    for (const number of lost) contents.forgetPack(number)
    for (const { path, isOldOnly } of affected) {
      const entry = isOldOnly ? undefined : entries.get(toKey(toNames(path)))
      if (entry?.kind !== 'file') continue
      // No content to be the same as, and no base for a delta.
      entries.put({ ...entry, content: undefined, ctime: beforeRacy(entry.ctime) })
    }
    settings.set(SEEN_TO, [...lost])
  })
}
