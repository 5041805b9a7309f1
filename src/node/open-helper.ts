/**
 * What a peer needs to be a helper, opened only where it has somebody to help.
 */

import type { DatabaseSync } from 'node:sqlite'
import type { RepairCap } from '../../protocol/cap.ts'
import type { codecs } from '../codec/codecs.ts'
import type { Compute } from '../ports/compute.ts'
import type { Disk } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import { HelpedVaults } from '../store/helped-vaults.ts'
import { openSound } from './client-stores.ts'
import type { HelperParts } from './helper-round.ts'
import { HelperService, type Span } from './helper-service.ts'

/** The helper's own database, beside the accounts: what it saw of peers, and who holds what. A cache. */
export const HELPER_DATABASE_NAME = 'helper'

export interface HelperPorts {
  readonly openDatabase: (name: string) => DatabaseSync
  readonly setDatabaseAside: (name: string) => void
  /** Asked once, when it is needed: threads take memory. */
  readonly compute: () => Compute<typeof codecs>
}

export interface HelperOptions {
  /** Repair caps of friends to look after from now on; those of earlier runs are on the disk. */
  readonly help?: readonly RepairCap[]
  /** From one round of help to the next, ms; some hours if not said. */
  readonly helpEveryMs?: Span
}

/**
 * Keep the caps that were given, and be a helper for whoever's are kept.
 *
 * @returns the caps kept, and the service if there is somebody to help
 */
export async function openHelper(
  parts: Omit<HelperParts, 'database' | 'compute'> & { readonly disk: Disk; readonly log: Log },
  ports: HelperPorts | undefined,
  options: HelperOptions,
): Promise<{ readonly helped: HelpedVaults; readonly helper: HelperService | undefined }> {
  const helped = await HelpedVaults.open(parts.disk, parts.log)
  let hasNewCap = false
  for (const cap of options.help ?? []) {
    const outcome = await helped.add(cap)
    if (outcome === 'known') continue
    const fields = { vault: cap.vault }
    hasNewCap ||= outcome === 'added'
    if (outcome === 'added') parts.log.info('repair cap kept', fields)
    else parts.log.warn('a later device’s repair cap is kept here: this one is passed over', fields)
  }
  if (ports === undefined || helped.all().length === 0) return { helped, helper: undefined }
  const { database } = openSound({ ...ports, log: parts.log }, HELPER_DATABASE_NAME)
  const all = { ...parts, database, compute: ports.compute(), helped }
  return { helped, helper: new HelperService(all, { hasNewCap, everyMs: options.helpEveryMs }) }
}
