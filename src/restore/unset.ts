/**
 * Unset: what a restored file should have and does not, and why.
 *
 * Content comes first: a file whose owner this machine may not set is restored all the same, and told here,
 * path by path.
 */

/**
 * - `owner`: user and group
 * - `mode`: permission bits
 * - `setuid`: setuid and setgid bits, which give rights away
 * - `capability`: Linux capabilities, which do so too
 * - `acl`: a POSIX ACL
 * - `xattr`: another extended attribute
 * - `device`: a device file, which was not made
 * - `link`: it is a copy, and was one file with others
 */
export type UnsetKind =
  'owner' | 'mode' | 'setuid' | 'capability' | 'acl' | 'xattr' | 'device' | 'link'

export interface Unset {
  /** Where it was when it was backed up. */
  readonly path: Uint8Array
  readonly kind: UnsetKind
  /** Of an extended attribute. */
  readonly attribute?: Uint8Array
  /** The system's word, or `not asked for`. */
  readonly reason: string
}

/** What gives rights away, and so has to be asked for. */
export const NOT_ASKED = 'not asked for'

export interface MetadataOptions {
  /** Make device files. */
  readonly devices: boolean
  /** Set setuid and setgid bits, and capabilities. */
  readonly setuid: boolean
}

export const PLAIN_METADATA: MetadataOptions = { devices: false, setuid: false }

const CAPABILITY = 'security.capability'
const ACL_PREFIX = 'system.posix_acl_'

/** @param name - of an extended attribute */
export function kindOfXattr(name: Uint8Array): 'capability' | 'acl' | 'xattr' {
  const text = new TextDecoder('latin1').decode(name)
  if (text === CAPABILITY) return 'capability'
  return text.startsWith(ACL_PREFIX) ? 'acl' : 'xattr'
}
