/**
 * Version names: what people call a version.
 */

import { VERSIONS_PER_SNAPSHOT, type VersionId } from '../../protocol/tree.ts'

/** @returns `v3`, or `v3.1` for a second version within snapshot 3 */
export function versionName(id: VersionId): string {
  const ordinal = id % VERSIONS_PER_SNAPSHOT
  return `v${Math.floor(id / VERSIONS_PER_SNAPSHOT)}${ordinal === 0 ? '' : `.${ordinal}`}`
}
