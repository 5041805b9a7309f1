/** Packs made again from what is on this machine, as a session's stores and its newest tree have it. */

import { CairnError } from '../base/errors.ts'
import type { Grid } from '../grid/grid.ts'
import type { LocalContentParts } from '../repair/local-content.ts'
import { LocalPacks } from '../repair/local-packs.ts'
import { FirstOf, SpoolSource, type PackSource } from '../repair/pack-source.ts'
import type { VaultSession } from './vault-session.ts'

export function localPackSource(session: VaultSession, grid: Grid): PackSource {
  const { ports, stores, readKeys } = session
  const newest = (signal: AbortSignal) => newestOf(session, signal)
  const files = new LocalPacks({ ...ports, ...stores, grid, newest }, readKeys)
  return new FirstOf([new SpoolSource(stores.spool), files])
}

/** @returns `undefined` too where it cannot be read: then no file is known to hold anything */
async function newestOf(
  session: VaultSession,
  signal: AbortSignal,
): Promise<LocalContentParts | undefined> {
  const { log } = session.ports
  try {
    const { tree, root, node } = await session.openTree(signal)
    if (root === undefined || node === undefined) return undefined
    return { tree, node, sequence: root.sequence, log }
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof CairnError)) throw error
    log.warn('tree unreadable', { error: error.name, why: error.message })
    return undefined
  }
}
