/** Packs made again from this machine's own files, as a session's stores and its newest tree have them. */

import type { VaultObjects } from '../history/vault-objects.ts'
import { LocalPacks } from '../repair/local-packs.ts'
import type { VaultSession } from './vault-session.ts'

/**
 * @param objects - where the tree's objects come from; by default as for reading only
 * @throws {GridNotFoundError}
 */
export async function localPackSource(
  session: VaultSession,
  signal: AbortSignal,
  objects?: VaultObjects,
): Promise<LocalPacks> {
  const { ports, stores, readKeys } = session
  const { grid } = await session.link()
  const { tree, root, node } = await session.openTree(signal, objects)
  const { log } = ports
  const newest =
    root === undefined || node === undefined
      ? undefined
      : { tree, node, sequence: root.sequence, log }
  return new LocalPacks({ ...ports, ...stores, grid, newest }, readKeys)
}
