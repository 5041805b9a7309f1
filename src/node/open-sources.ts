/** The source adapters of one backup, and what is told of databases that they could not help. */

import type { AdapterName, SourceAdapter } from '../source/adapters/source-adapter.ts'
import { sqliteAdapter } from '../source/adapters/sqlite.ts'
import { zodbAdapter } from '../source/adapters/zodb.ts'
import { SafeSources } from '../source/safe-sources.ts'
import type { ClientPorts } from './client-ports.ts'
import type { GivenFile } from './client-types.ts'

/** A damaged disk may have any number of them. */
const TOLD_MAX = 10

export const ADAPTER_NAMES: readonly AdapterName[] = ['sqlite', 'zodb']

export function openSources(
  { clock, files, databaseCopies }: ClientPorts,
  adapters: readonly AdapterName[] = ADAPTER_NAMES,
  except: readonly Uint8Array[],
): SafeSources {
  const wanted: SourceAdapter[] = []
  if (adapters.includes('sqlite') && databaseCopies !== undefined) {
    wanted.push(sqliteAdapter({ clock, copies: databaseCopies }))
  }
  if (adapters.includes('zodb')) wanted.push(zodbAdapter())
  return new SafeSources(files, wanted, { except })
}

/** Its owner closes it: it may be read more than once. */
export async function giveTo(sources: SafeSources, { path, file }: GivenFile): Promise<void> {
  sources.give(path, {
    recorded: await file.status(),
    status: () => file.status(),
    read: (...range) => file.read(...range),
    isWhole: async () => true,
    close: async () => undefined,
  })
}

export function unsafeWarnings({ unsafe }: SafeSources): string[] {
  const told = unsafe.slice(0, TOLD_MAX).map(({ path, why }) => {
    const name = JSON.stringify(new TextDecoder().decode(path))
    return `${name} is a database without a safe moment, and was read as a plain file: ${why}`
  })
  const more = unsafe.length - told.length
  return more === 0 ? told : [...told, `${more} more databases were read as plain files`]
}
