/** Extended attributes, wanted and there. */

import { equal, toHex } from '../../protocol/bytes.ts'
import type { Xattr } from '../../protocol/file-extras.ts'
import { kindOfXattr } from './unset.ts'

/** @returns whether both hold the same, in whatever order */
export function isSameXattrs(a: readonly Xattr[], b: readonly Xattr[]): boolean {
  return a.length === b.length && hasXattrs(a, b)
}

/** @returns whether all that is wanted is there, and no ACL beside: what else there is stays */
export function isAsWanted(wanted: readonly Xattr[], there: readonly Xattr[]): boolean {
  const acls = (xattrs: readonly Xattr[]) =>
    xattrs.filter(({ name }) => kindOfXattr(name) === 'acl').length
  return hasXattrs(wanted, there) && acls(wanted) === acls(there)
}

function hasXattrs(wanted: readonly Xattr[], there: readonly Xattr[]): boolean {
  const values = new Map(there.map(({ name, value }) => [toHex(name), value]))
  return wanted.every(({ name, value }) => {
    const own = values.get(toHex(name))
    return own !== undefined && equal(own, value)
  })
}
