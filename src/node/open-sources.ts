/** The source adapters of one backup, and what is told of databases that they could not help. */

import type { AdapterName, SourceAdapter } from '../source/adapters/source-adapter.ts'
import { sqliteAdapter } from '../source/adapters/sqlite.ts'
import { SafeSources } from '../source/safe-sources.ts'
import type { ClientPorts } from './client-ports.ts'
import type { BackupRequest } from './client-types.ts'

export const ADAPTER_NAMES: readonly AdapterName[] = ['sqlite', 'zodb']

export function openSources(
  { clock, files, databaseCopies }: ClientPorts,
  { adapters = ADAPTER_NAMES }: BackupRequest,
  except: readonly Uint8Array[],
): SafeSources {
  const wanted: SourceAdapter[] = []
  if (adapters.includes('sqlite') && databaseCopies !== undefined) {
    wanted.push(sqliteAdapter({ clock, copies: databaseCopies }))
  }
  return new SafeSources(files, wanted, { except })
}

export function unsafeWarnings({ unsafe }: SafeSources): string[] {
  return unsafe.map(({ path, why }) => {
    const name = JSON.stringify(new TextDecoder().decode(path))
    return `${name} was read as a plain file, for its database could not be asked for a safe moment: ${why}`
  })
}
