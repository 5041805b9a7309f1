/** Which files rest on packs that are lost: what a person wants to know of a damaged vault. */

import type { Version, VersionId } from '../../protocol/tree.ts'
import { CairnError } from '../base/errors.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import { toPath, type Names } from '../source/path.ts'
import type { AffectedFile } from './upkeep-types.ts'
import type { OpenTree } from './vault-session.ts'

/**
 * Walk the newest snapshot. What cannot be read on the way is affected too.
 *
 * @param lost - numbers of lost packs
 * @returns in the order of the tree
 */
export async function affectedFiles(
  { tree, root, node }: OpenTree,
  lost: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<AffectedFile[]> {
  if (root === undefined || node === undefined || lost.size === 0) return []
  const affected: AffectedFile[] = []
  const onUnreadable = (path: Names) => {
    affected.push({ path: toPath(path), isOldOnly: false })
  }
  for await (const { path, entry } of tree.walk(node, [], root.sequence, onUnreadable)) {
    signal.throwIfAborted()
    if (entry.version === undefined) continue
    try {
      const versions = (await tree.history(node, path))?.versions ?? [entry.version]
      const hurt = await hurtVersions(tree, versions, lost)
      if (hurt.size === 0) continue
      const isOldOnly = !restsOn(versions, entry.version.id, hurt)
      affected.push({ path: toPath(path), isOldOnly })
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof CairnError)) throw error
      onUnreadable(path)
    }
  }
  return affected
}

/** @returns versions of which an object lies in a lost pack */
async function hurtVersions(
  tree: TreeReader,
  versions: readonly Version[],
  lost: ReadonlySet<number>,
): Promise<ReadonlySet<VersionId>> {
  const hurt = new Set<VersionId>()
  for (const { id, content } of versions) {
    for await (const { pack } of tree.references(content.parts)) {
      if (!lost.has(pack)) continue
      hurt.add(id)
      break
    }
  }
  return hurt
}

/** Whether a version, or one that it is a delta upon, is among the hurt. */
function restsOn(
  versions: readonly Version[],
  wanted: VersionId,
  hurt: ReadonlySet<VersionId>,
): boolean {
  const seen = new Set<VersionId>()
  for (let next: VersionId | undefined = wanted; next !== undefined && !seen.has(next);) {
    if (hurt.has(next)) return true
    seen.add(next)
    const content = versions.find(({ id }) => id === next)?.content
    next = content?.type === 'delta' ? content.base : undefined
  }
  return false
}
