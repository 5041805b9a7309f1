/** What all maintenance has around it: the grid, the newest tree, and one head at its end. */

import { Maintenance } from '../backup/maintenance.ts'
import type { NewObjects } from '../backup/new-objects.ts'
import { NotSafeError } from '../backup/not-safe.ts'
import type { Rewrite } from '../backup/rewrite.ts'
import type { Root } from '../../protocol/root.ts'
import type { FolderNode } from '../../protocol/tree.ts'
import type { Code } from '../grid/code.ts'
import type { Grid } from '../grid/grid.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import type { VaultObjects } from '../history/vault-objects.ts'
import type { Maintained } from './maintenance-types.ts'
import type { VaultSession } from './vault-session.ts'

export interface MaintainParts {
  readonly maintenance: Maintenance
  readonly grid: Grid
  readonly source: VaultObjects
  readonly tree: TreeReader
  readonly root: Root
  readonly node: FolderNode | undefined
  readonly objects: NewObjects
}

/**
 * @param work - says how the root changes; `undefined` where nothing is to be done
 * @throws {GridNotFoundError}
 * @throws {DeviceReplacedError}
 * @throws {RollbackError} nothing was changed
 * @throws {TooFewPeersError}
 */
export async function maintain(
  session: VaultSession,
  signal: AbortSignal,
  work: (parts: MaintainParts) => Promise<Rewrite | undefined>,
): Promise<Maintained> {
  const { ports, stores, keyring, readKeys } = session
  const { grid } = await session.link()
  await session.refresh(signal)
  session.assertInOffice()
  session.assertNoRollback()
  const objects = session.objects(grid, signal, { isSpoolKept: true })
  const code = codeOf(session, grid)
  const maintenance = new Maintenance(
    { ...ports, ...stores, grid, source: objects },
    { keyring, readKeys, code },
  )
  const result = (more: Partial<Maintained>): Maintained => ({
    sequence: undefined,
    published: false,
    bytesFetched: objects.bytesFetched,
    ...maintenance.totals,
    warnings: session.takeWarnings(),
    ...more,
  })
  try {
    const sequence = await maintenance.run(async (made) => {
      const opened = await session.openTree(signal, objects)
      const { tree, root, node } = opened
      if (root === undefined) return undefined
      return work({ maintenance, grid, source: objects, tree, root, node, objects: made })
    }, signal)
    return result({ sequence, published: sequence !== undefined })
  } catch (error) {
    if (!(error instanceof NotSafeError)) throw error
    // The very first head may be what waits.
    const before = stores.published.current()?.sequence ?? 0
    return result({ sequence: before + 1, notSafe: error })
  }
}

/** As the last backup chose it, unless friends have left since. */
export function codeOf({ stores }: VaultSession, grid: Grid): Code {
  const code = stores.packs.newestCode()
  const isPossible = code !== undefined && code.total <= grid.counted().length
  return isPossible ? code : grid.code({ allowFew: true })
}
