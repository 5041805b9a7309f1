/**
 * File attributes: all that was recorded of a file beside its content, in one value.
 *
 * For whoever writes files somewhere: a folder, an archive. What an entry's extras say is unpacked
 * (protocol/file-extras.ts), and names of one inode are known by their group.
 */

import { equal } from '../../protocol/bytes.ts'
import { decodeFileExtras, type Hole, type Xattr } from '../../protocol/file-extras.ts'
import type { DeviceNumber, Span, Time, Version, What } from '../../protocol/tree.ts'

export interface FileAttributes {
  readonly kind: What['kind']
  /** Permission bits with setuid, setgid and sticky: 0o0000–0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly userName: string | undefined
  readonly groupName: string | undefined
  readonly mtime: Time
  /** Seconds since 1970. */
  readonly bornAt: number | undefined
  /** Of a symbolic link. */
  readonly target: Uint8Array | undefined
  /** Of a device file. */
  readonly device: DeviceNumber | undefined
  /** Extended attributes with POSIX ACLs and capabilities, names ascending byte by byte. */
  readonly xattrs: readonly Xattr[]
  /**
   * Names with the same group were names of one inode. Only names whose content and attributes are the
   * same may become links again ({@link isSameFile}): a part of the tree that could not be read tells an
   * older story than the rest.
   */
  readonly linkGroup: string | undefined
  /** Ascending; empty for a sparse file with too many holes to tell; absent for one without. */
  readonly holes: readonly Hole[] | undefined
}

/** @throws {FormatError} */
export function fileAttributes({
  attributes,
  what,
}: Pick<Span, 'attributes' | 'what'>): FileAttributes {
  const { mode, uid, gid, userName, groupName, mtime, bornAt, inode, extra } = attributes
  const { xattrs, linkedOn, holes } = decodeFileExtras(extra)
  return {
    kind: what.kind,
    mode,
    uid,
    gid,
    userName,
    groupName,
    mtime,
    bornAt,
    target: what.kind === 'symlink' ? what.target : undefined,
    device: 'device' in what ? what.device : undefined,
    xattrs,
    linkGroup: linkedOn === undefined ? undefined : `${linkedOn}:${inode}`,
    holes,
  }
}

/** What tells whether two names may stand for one file. */
export interface LinkedFile {
  readonly span: Pick<Span, 'attributes' | 'what'>
  /** Of a file. */
  readonly version?: Version | undefined
}

/** @returns whether two names of one group were recorded as one file, content and attributes alike */
export function isSameFile(a: LinkedFile, b: LinkedFile): boolean {
  const [x, y] = [a.span.attributes, b.span.attributes]
  if (a.span.what.kind !== b.span.what.kind) return false
  if (x.mode !== y.mode || x.uid !== y.uid || x.gid !== y.gid) return false
  if (x.mtime.seconds !== y.mtime.seconds || x.mtime.nanoseconds !== y.mtime.nanoseconds)
    return false
  if (!isSameExtra(x.extra, y.extra)) return false
  if (a.span.what.kind !== 'file') return isSameTarget(a.span.what, b.span.what)
  if (a.version === undefined || b.version === undefined) return false
  if (a.version.size !== b.version.size) return false
  return isSameMoment(x.ctime, y.ctime) || isSameContent(a.version, b.version)
}

function isSameTarget(a: What, b: What): boolean {
  if (a.kind === 'symlink' && b.kind === 'symlink') return equal(a.target, b.target)
  if ('device' in a && 'device' in b) {
    return a.device.major === b.device.major && a.device.minor === b.device.minor
  }
  return true
}

function isSameExtra(a: Span['attributes']['extra'], b: Span['attributes']['extra']): boolean {
  if (a.length !== b.length) return false
  return a.every((one, index) => {
    const other = b[index]
    return other !== undefined && one.type === other.type && equal(one.bytes, other.bytes)
  })
}

/** A change time tells two states of an inode apart, where it is finer than seconds. */
function isSameMoment(a: Time, b: Time): boolean {
  return a.nanoseconds !== 0 && a.nanoseconds === b.nanoseconds && a.seconds === b.seconds
}

/** By digest, or, where one object's key commits to the whole, by the object. */
function isSameContent(a: Version, b: Version): boolean {
  if (a.digest !== undefined && b.digest !== undefined) return equal(a.digest, b.digest)
  const [one, ...more] = a.content.parts.references
  const [other, ...others] = b.content.parts.references
  if (one === undefined || other === undefined) return a.size === 0
  if (more.length > 0 || others.length > 0) return false
  return one.pack === other.pack && one.offset === other.offset && one.length === other.length
}
