/**
 * Version names: what people call a version, and which one a span shows.
 */

import {
  VERSIONS_PER_SNAPSHOT,
  type Span,
  type Version,
  type VersionId,
} from '../../protocol/tree.ts'

/** @returns `v3`, or `v3.1` for a second version within snapshot 3 */
export function versionName(id: VersionId): string {
  const ordinal = id % VERSIONS_PER_SNAPSHOT
  return `v${Math.floor(id / VERSIONS_PER_SNAPSHOT)}${ordinal === 0 ? '' : `.${ordinal}`}`
}

/** @returns the version that a span shows, if it shows one of these */
export function versionOf({ what }: Span, versions: readonly Version[]): Version | undefined {
  return what.kind === 'file' ? versions.find(({ id }) => id === what.version) : undefined
}
