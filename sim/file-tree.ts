/**
 * A file tree in memory: what a person's disk holds, as a POSIX file system would tell it.
 *
 * Synchronous and without permissions: this is the tree itself, which a person edits at once.
 * sim/files.ts makes the Files port of it, with time, permissions and trouble. Paths are bytes,
 * absolute; names in folders are kept as latin1 text, one character a byte.
 */

import { createHash } from 'node:crypto'
import type { DeviceNumber } from '../protocol/tree.ts'
import { FilesError } from '../src/base/errors.ts'
import type { FileKind, FileStatus, FileTime, PathBytes } from '../src/ports/files.ts'

const NAME_SIZE_MAX = 255
const PATH_SIZE_MAX = 4096
const LINKS_MAX = 40
const DEVICE = 1n

const READABLE: Record<string, string> = {
  ENOENT: 'no such file or folder',
  EEXIST: 'the name is taken',
  ENOTDIR: 'not a folder',
  EISDIR: 'is a folder',
  ENOTEMPTY: 'the folder is not empty',
  ELOOP: 'a symbolic link, or too many of them',
  EINVAL: 'not possible with this kind of file',
  ENAMETOOLONG: 'the name is too long',
}

/** One inode. */
export class FileNode {
  readonly kind: FileKind
  readonly inode: bigint
  mode: number
  uid: number
  gid: number
  mtime: FileTime
  ctime: FileTime
  /** Number of names. */
  linkCount = 1
  /** Extended attributes: names as text of one character a byte. */
  readonly xattrs = new Map<string, Uint8Array>()
  /** What a device file stands for. */
  device: DeviceNumber | undefined
  readonly #bornAt: number
  /** A folder's names. */
  readonly names = new Map<string, FileNode>()
  /** A symbolic link's target. */
  target: Uint8Array = new Uint8Array(0)
  #bytes: Uint8Array = new Uint8Array(0)
  #size = 0
  #digest: string | undefined

  constructor(kind: FileKind, inode: bigint, mode: number, owner: Owner, now: FileTime) {
    this.kind = kind
    this.inode = inode
    this.mode = mode
    this.uid = owner.uid
    this.gid = owner.gid
    this.mtime = now
    this.ctime = now
    this.#bornAt = now.seconds
  }

  get size(): number {
    if (this.kind === 'symlink') return this.target.length
    return this.kind === 'folder' ? 4096 : this.#size
  }

  /** Bytes of memory it takes. */
  get memory(): number {
    return this.#bytes.length
  }

  /** @returns a copy */
  read(offset: number, length: number): Uint8Array {
    return this.#bytes.slice(Math.min(offset, this.#size), Math.min(offset + length, this.#size))
  }

  /** SHA-256 of the content, in hex. */
  get digest(): string {
    this.#digest ??= createHash('sha256').update(this.#bytes.subarray(0, this.#size)).digest('hex')
    return this.#digest
  }

  write(offset: number, bytes: Uint8Array): void {
    this.#digest = undefined
    const end = offset + bytes.length
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, 2 * this.#bytes.length))
      grown.set(this.#bytes.subarray(0, this.#size))
      this.#bytes = grown
    }
    this.#bytes.set(bytes, offset)
    this.#size = Math.max(this.#size, end)
  }

  truncate(size: number): void {
    this.#digest = undefined
    this.#bytes = this.#bytes.slice(0, Math.min(size, this.#size))
    this.#size = this.#bytes.length
  }

  status(): FileStatus {
    const { kind, mode, uid, gid, size, mtime, ctime, inode, linkCount } = this
    return {
      kind,
      mode,
      uid,
      gid,
      size,
      mtime,
      ctime,
      device: DEVICE,
      inode,
      linkCount,
      deviceNumber: this.device,
      bornAt: this.#bornAt,
    }
  }
}

export interface Owner {
  readonly uid: number
  readonly gid: number
}

/** A name's place: the folder that has it, or could. */
export interface Place {
  readonly folder: FileNode
  readonly name: string
  readonly node: FileNode | undefined
}

export class FileTree {
  readonly root: FileNode
  readonly #now: () => FileTime
  #inodeNext = 2n
  /** Numbers of inodes that are gone; real file systems give them out again at once. */
  readonly #inodesFree: bigint[] = []
  /** Names that differ in the case of ASCII letters only are one, as on most macOS and Windows disks. */
  isFolding = false
  /** Whose files a person makes. */
  readonly owner: Owner

  /** @param now - the file system's own clock */
  constructor(now: () => FileTime, owner: Owner = { uid: 1000, gid: 1000 }) {
    this.#now = now
    this.owner = owner
    this.root = new FileNode('folder', 2n, 0o755, owner, now())
  }

  now(): FileTime {
    return this.#now()
  }

  /** Bytes of memory that its files take. */
  get memory(): number {
    return memoryOf(this.root)
  }

  /**
   * Find where a path leads, following links on the way and never in the end.
   *
   * @param onEnter - sees every folder that is passed, and may throw
   */
  place(path: PathBytes, onEnter: (folder: FileNode) => void = () => undefined): Place {
    const trail = this.#follow(path, false, onEnter)
    const last = trail.at(-1)
    const above = trail.at(-2)
    if (last === undefined || above?.node === undefined) throw failure('EISDIR', path)
    return { folder: above.node, name: last.name, node: last.node }
  }

  /** @throws {FilesError} ENOENT … */
  node(path: PathBytes, onEnter?: (folder: FileNode) => void): FileNode {
    const node = this.#follow(path, false, onEnter).at(-1)?.node
    if (node === undefined) throw failure('ENOENT', path)
    return node
  }

  has(path: PathBytes): boolean {
    try {
      return this.node(path) !== undefined
    } catch {
      return false
    }
  }

  /** The path without any links in it. */
  resolve(path: PathBytes, onEnter?: (folder: FileNode) => void): PathBytes {
    const trail = this.#follow(path, true, onEnter)
    if (trail.at(-1)?.node === undefined) throw failure('ENOENT', path)
    return toBytes(
      `/${trail
        .slice(1)
        .map(({ name }) => name)
        .join('/')}`,
    )
  }

  /** @throws {FilesError} EEXIST … */
  make(path: PathBytes, kind: FileKind, mode: number, onEnter?: (f: FileNode) => void): FileNode {
    if (toText(path) === '/') throw failure('EEXIST', path)
    const place = this.place(path, onEnter)
    if (place.node !== undefined) throw failure('EEXIST', path)
    const inode = this.#inodesFree.shift() ?? ++this.#inodeNext
    const node = new FileNode(kind, inode, mode, this.owner, this.#now())
    this.#setName(place, node)
    return node
  }

  rename(from: PathBytes, to: PathBytes, onEnter?: (folder: FileNode) => void): void {
    const source = this.place(from, onEnter)
    const target = this.place(to, onEnter)
    const node = source.node
    if (node === undefined) throw failure('ENOENT', from)
    if (target.node === node) return
    if (target.node !== undefined) {
      if (node.kind === 'folder' && target.node.kind !== 'folder') throw failure('ENOTDIR', to)
      if (node.kind !== 'folder' && target.node.kind === 'folder') throw failure('EISDIR', to)
      if (target.node.names.size > 0) throw failure('ENOTEMPTY', to)
      this.#drop(target.node)
    }
    if (toText(to).startsWith(`${toText(from)}/`)) throw failure('EINVAL', to)
    this.#setName(source, undefined)
    this.#setName(target, node)
    node.ctime = this.#now()
  }

  remove(path: PathBytes, onEnter?: (folder: FileNode) => void): void {
    const place = this.place(path, onEnter)
    if (place.node === undefined) throw failure('ENOENT', path)
    if (place.node.names.size > 0) throw failure('ENOTEMPTY', path)
    this.#setName(place, undefined)
    this.#drop(place.node)
  }

  /** A second name for a file. */
  link(existing: PathBytes, path: PathBytes): void {
    const node = this.node(existing)
    const place = this.place(path)
    if (place.node !== undefined) throw failure('EEXIST', path)
    this.#setName(place, node)
    node.linkCount++
    node.ctime = this.#now()
  }

  write(node: FileNode, offset: number, bytes: Uint8Array): void {
    node.write(offset, bytes)
    this.#touch(node)
  }

  truncate(node: FileNode, size: number): void {
    node.truncate(size)
    this.#touch(node)
  }

  setAttributes(
    node: FileNode,
    what: Partial<Pick<FileNode, 'mode' | 'uid' | 'gid' | 'mtime'>>,
  ): void {
    Object.assign(node, what)
    node.ctime = this.#now()
  }

  setXattr(node: FileNode, name: string, value: Uint8Array | undefined): void {
    if (value === undefined) node.xattrs.delete(name)
    else node.xattrs.set(name, value.slice())
    node.ctime = this.#now()
  }

  /** Every path with its inode, a folder before what is in it, names in byte order. */
  *walk(from: PathBytes = toBytes('/')): Generator<{ path: PathBytes; node: FileNode }> {
    yield* walkNode(toText(from), this.node(from))
  }

  #touch(node: FileNode): void {
    node.mtime = this.#now()
    node.ctime = node.mtime
  }

  #setName({ folder, name }: Place, node: FileNode | undefined): void {
    if (node === undefined) folder.names.delete(name)
    else folder.names.set(name, node)
    this.#touch(folder)
  }

  #drop(node: FileNode): void {
    node.linkCount--
    node.ctime = this.#now()
    if (node.linkCount === 0) this.#inodesFree.push(node.inode)
  }

  /** @returns the name as the folder has it */
  #find(folder: FileNode, name: string): string {
    if (!this.isFolding || folder.names.has(name)) return name
    const folded = name.toLowerCase()
    return [...folder.names.keys()].find((other) => other.toLowerCase() === folded) ?? name
  }

  /** @returns the nodes passed from the root to the end; only the last may be missing */
  #follow(
    path: PathBytes,
    followsLast: boolean,
    onEnter: (folder: FileNode) => void = () => undefined,
  ): { name: string; node: FileNode | undefined }[] {
    const text = toText(path)
    if (!text.startsWith('/') || text.includes('\0')) throw failure('EINVAL', path)
    if (text.length >= PATH_SIZE_MAX) throw failure('ENAMETOOLONG', path)
    const trail: { name: string; node: FileNode | undefined }[] = [{ name: '', node: this.root }]
    const ahead = namesOf(text)
    let links = 0

    while (ahead.length > 0) {
      const name = ahead.shift()!
      const folder = trail.at(-1)?.node
      if (folder === undefined) throw failure('ENOENT', path)
      if (folder.kind !== 'folder') throw failure('ENOTDIR', path)
      if (name.length > NAME_SIZE_MAX) throw failure('ENAMETOOLONG', path)
      onEnter(folder)
      if (name === '..') {
        if (trail.length > 1) trail.pop()
        continue
      }
      const found = this.#find(folder, name)
      const node = folder.names.get(found)
      if (node?.kind === 'symlink' && (ahead.length > 0 || followsLast)) {
        if (++links > LINKS_MAX) throw failure('ELOOP', path)
        const target = toText(node.target)
        if (target.startsWith('/')) trail.length = 1
        ahead.unshift(...namesOf(target))
        continue
      }
      trail.push({ name: found, node })
    }
    return trail
  }
}

function* walkNode(path: string, node: FileNode): Generator<{ path: PathBytes; node: FileNode }> {
  yield { path: toBytes(path), node }
  for (const name of [...node.names.keys()].toSorted()) {
    const below = node.names.get(name)!
    yield* walkNode(path === '/' ? `/${name}` : `${path}/${name}`, below)
  }
}

export function failure(code: string, path: PathBytes): FilesError {
  const shown = JSON.stringify(Buffer.from(path).toString())
  return new FilesError(code, `${shown}: ${READABLE[code] ?? code}`)
}

function namesOf(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.')
}

/** One character a byte. */
export function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}

export function toBytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'))
}

function memoryOf(node: FileNode): number {
  return [...node.names.values()].reduce((sum, below) => sum + memoryOf(below), node.memory)
}
