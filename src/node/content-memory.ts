/** What this machine remembers of the contents of versions that carry no digest. */

import { equal } from '../../protocol/bytes.ts'
import type { KnownContent } from '../restore/conflict.ts'
import { toKey } from '../source/path.ts'
import type { ClientStores } from './client-stores.ts'

/**
 * The newest version of a path by the backupdb; any other by where an object of these bytes lies.
 *
 * Version ids are unique under a name for ever, and an object's key commits to its content.
 */
export function contentMemory({
  entries,
  contents,
}: Pick<ClientStores, 'entries' | 'contents'>): KnownContent {
  return (path, { id, content }, digest) => {
    const row = entries.get(toKey(path))
    if (row?.version === id && row.content !== undefined) {
      return equal(row.content, contents.id(digest))
    }
    const [reference, ...more] = content.parts.references
    const known = contents.find(digest)
    if (reference === undefined || more.length > 0 || known === undefined) return undefined
    const isSameKey = equal(known.key.secret, reference.key.secret)
    return isSameKey && known.pack === reference.pack && known.offset === reference.offset
      ? true
      : undefined
  }
}
