/**
 * SimFiles: the Files port over a file tree, with time, permissions and trouble on demand.
 *
 * A test sees each call before it takes effect: it may fail it, or change the tree under it, as a
 * person does who saves a file while it is being read.
 */

import { isDeepStrictEqual } from 'node:util'

import { concat } from '../protocol/bytes.ts'
import type { Xattr } from '../protocol/file-extras.ts'
import { FilesError } from '../src/base/errors.ts'
import type {
  FileReader,
  Files,
  FileStatus,
  FileTime,
  FileWriter,
  LookedAt,
  PathBytes,
  SmallFile,
  SmallFileRequest,
  SmallFiles,
  SpecialFile,
  Unseen,
} from '../src/ports/files.ts'
import type { Scanned, ScanRequest } from '../src/ports/scan.ts'
import { beside, REFUSALS } from '../src/ports/writing.ts'
import type { NewFile, NewFiles, WrittenFile, XattrRefusal } from '../src/ports/writing.ts'
import { type FileNode, type FileTree, type Owner, failure, toBytes, toText } from './file-tree.ts'
import type { Life } from './life.ts'
import type { SimRandom } from './random.ts'
import { scanFolders } from './scan.ts'

/** What goes wrong with a person's files; kept over the lives of the programs that use them. */
export class FilesTrouble {
  /** Bytes that may still be written through the port. */
  free = Number.MAX_SAFE_INTEGER
  /** Sees each call before it happens: may throw a FilesError or change the tree. */
  onStep: ((operation: string, path: PathBytes) => void) | undefined
  /** Whether the file system makes reflinks. */
  hasClones = false
}

const READ = 4
const WRITE = 2
const ENTER = 1

const ACCOUNTS: readonly (readonly [number, string])[] = [
  [0, 'root'],
  [1000, 'ada'],
  [1001, 'ben'],
]

export class SimFiles implements Files {
  readonly #tree: FileTree
  readonly #life: Life
  readonly #random: SimRandom
  readonly #trouble: FilesTrouble
  readonly #user: Owner

  constructor(parts: {
    tree: FileTree
    life: Life
    random: SimRandom
    trouble?: FilesTrouble
    user?: Owner
  }) {
    this.#tree = parts.tree
    this.#life = parts.life
    this.#random = parts.random
    this.#trouble = parts.trouble ?? new FilesTrouble()
    this.#user = parts.user ?? parts.tree.owner
  }

  async list(folder: PathBytes): Promise<readonly Uint8Array[]> {
    await this.#step('list', folder)
    const node = this.#node(folder)
    if (node.kind !== 'folder') throw failure('ENOTDIR', folder)
    this.#require(node, READ, folder)
    return this.#random.shuffle([...node.names.keys()]).map((name) => fromLatin1(name))
  }

  scan(request: ScanRequest, signal: AbortSignal): AsyncGenerator<readonly Scanned[]> {
    return scanFolders(this, request, signal)
  }

  async status(path: PathBytes): Promise<FileStatus> {
    await this.#step('status', path)
    return this.#node(path).status()
  }

  async probe(path: PathBytes): Promise<FileStatus> {
    return this.status(path)
  }

  async look(paths: readonly PathBytes[]): Promise<(LookedAt | Unseen)[]> {
    const found: (LookedAt | Unseen)[] = []
    for (const path of paths) {
      try {
        const xattrs = await this.xattrs(path)
        const status = await this.status(path)
        const target = status.kind === 'symlink' ? await this.readLink(path) : undefined
        found.push({ status, xattrs, target })
      } catch (error) {
        if (!(error instanceof FilesError)) throw error
        found.push({ code: error.code })
      }
    }
    return found
  }

  async readLink(path: PathBytes): Promise<Uint8Array> {
    await this.#step('readLink', path)
    const node = this.#node(path)
    if (node.kind !== 'symlink') throw failure('EINVAL', path)
    return node.target.slice()
  }

  async open(path: PathBytes): Promise<FileReader> {
    await this.#step('open', path)
    const node = this.#node(path)
    if (node.kind === 'symlink') throw failure('ELOOP', path)
    if (node.kind === 'folder') throw failure('EISDIR', path)
    if (node.kind !== 'file') throw failure('EINVAL', path)
    this.#require(node, READ, path)
    return {
      status: async () => {
        await this.#step('fstat', path)
        return node.status()
      },
      read: async (offset, length) => {
        await this.#step('read', path)
        return node.read(offset, length)
      },
      clone: async () => {
        await this.#step('clone', path)
        if (!this.#trouble.hasClones) return undefined
        const [status, bytes] = [node.status(), node.read(0, node.size)]
        return {
          status: () => Promise.resolve(status),
          read: async (offset, length) => {
            await this.#step('read of a copy', path)
            return bytes.slice(offset, offset + length)
          },
          xattrs: () => Promise.resolve(xattrsOf(node)),
          holes: () => Promise.resolve([]),
          clone: () => Promise.resolve(undefined),
          close: () => this.#life.pass(0),
        }
      },
      xattrs: async () => {
        await this.#step('xattrs', path)
        return xattrsOf(node)
      },
      // Its files are all there.
      holes: async () => [],
      close: () => this.#life.pass(0),
    }
  }

  async scratch(): Promise<FileWriter> {
    const path = fromLatin1('(a copy)')
    await this.#step('scratch', path)
    let content: Uint8Array = new Uint8Array(0)
    return {
      write: async (bytes) => {
        await this.#step('write', path)
        if (bytes.length > this.#trouble.free) throw failure('ENOSPC', path)
        this.#trouble.free -= bytes.length
        content = concat(content, bytes)
      },
      skip: async (size) => {
        await this.#step('write', path)
        content = concat(content, new Uint8Array(size))
      },
      read: async (offset, length) => {
        await this.#step('read of a copy', path)
        return content.slice(offset, offset + length)
      },
      sync: () => this.#life.pass(0),
      close: async () => {
        this.#trouble.free += content.length
        content = new Uint8Array(0)
        await this.#life.pass(0)
      },
    }
  }

  async readSmall(requests: readonly SmallFileRequest[]): Promise<SmallFiles> {
    const contents: Uint8Array[] = []
    const files: (SmallFile | undefined)[] = []
    let offset = 0
    for (const { path, size } of requests) {
      const read = await this.#readCalm(path, size)
      files.push(read && { status: read.status, offset, xattrs: read.xattrs })
      if (read === undefined) continue
      contents.push(read.bytes)
      offset += size
    }
    return { bytes: concat(...contents), files }
  }

  async create(path: PathBytes): Promise<FileWriter> {
    await this.#step('create', path)
    this.#requireFolder(path)
    const node = this.#tree.make(path, 'file', 0o600, this.#enter(path))
    return {
      write: async (bytes) => {
        await this.#step('write', path)
        const size = Math.min(bytes.length, this.#trouble.free)
        this.#trouble.free -= size
        this.#tree.write(node, node.size, bytes.subarray(0, size))
        if (size < bytes.length) throw failure('ENOSPC', path)
      },
      skip: async (size) => {
        await this.#step('write', path)
        this.#tree.write(node, node.size, new Uint8Array(size))
      },
      read: async (offset, length) => {
        await this.#step('read', path)
        return node.read(offset, length)
      },
      sync: () => this.#step('sync', path),
      close: () => this.#life.pass(0),
    }
  }

  async writeSmall({ bytes, files, temporaryName }: NewFiles): Promise<WrittenFile[]> {
    const written: WrittenFile[] = []
    for (const file of files) {
      const content = bytes.subarray(file.offset, file.offset + file.size)
      written.push(await this.#writeOne(file, content, beside(file.path, temporaryName)))
    }
    return written
  }

  async makeFolder(path: PathBytes): Promise<void> {
    await this.#step('makeFolder', path)
    this.#requireFolder(path)
    this.#tree.make(path, 'folder', 0o700, this.#enter(path))
  }

  async makeSymlink(target: Uint8Array, path: PathBytes): Promise<void> {
    await this.#step('makeSymlink', path)
    this.#requireFolder(path)
    this.#tree.make(path, 'symlink', 0o777, this.#enter(path)).target = target.slice()
  }

  async makeSpecial(path: PathBytes, special: SpecialFile): Promise<void> {
    await this.#step('makeSpecial', path)
    this.#requireFolder(path)
    if (special.kind !== 'fifo' && this.#user.uid !== 0) throw failure('EPERM', path)
    const node = this.#tree.make(path, special.kind, 0o600, this.#enter(path))
    if (special.kind !== 'fifo') node.device = special.device
  }

  async link(existing: PathBytes, path: PathBytes): Promise<void> {
    await this.#step('link', path)
    this.#requireFolder(path)
    if (this.#node(existing).kind === 'folder') throw failure('EPERM', existing)
    this.#tree.link(existing, path)
  }

  async rename(from: PathBytes, to: PathBytes): Promise<void> {
    await this.#step('rename', from)
    this.#requireFolder(from)
    this.#requireFolder(to)
    this.#tree.rename(from, to, this.#enter(from))
  }

  async remove(path: PathBytes): Promise<void> {
    await this.#step('remove', path)
    this.#requireFolder(path)
    this.#tree.remove(path, this.#enter(path))
  }

  async setMode(path: PathBytes, mode: number): Promise<void> {
    await this.#step('setMode', path)
    const node = this.#owned(path)
    if (node.kind === 'symlink') throw failure('EOPNOTSUPP', path)
    this.#tree.setAttributes(node, { mode: mode & 0o7777 })
  }

  async setOwner(path: PathBytes, owner: Owner): Promise<void> {
    await this.#step('setOwner', path)
    const node = this.#node(path)
    const isChange = owner.uid !== node.uid || owner.gid !== node.gid
    if (isChange && this.#user.uid !== 0) throw failure('EPERM', path)
    this.#tree.setAttributes(node, owner)
  }

  async setModified(path: PathBytes, mtime: FileTime): Promise<void> {
    await this.#step('setModified', path)
    this.#tree.setAttributes(this.#owned(path), { mtime })
  }

  async xattrs(path: PathBytes): Promise<readonly Xattr[]> {
    await this.#step('xattrs', path)
    return xattrsOf(this.#node(path))
  }

  /** As on Linux: `user.*` belongs to files and folders and their owner, all else to root. */
  async setXattrs(path: PathBytes, xattrs: readonly Xattr[]): Promise<readonly XattrRefusal[]> {
    await this.#step('setXattrs', path)
    const node = this.#node(path)
    const refused: XattrRefusal[] = []
    const wanted = new Set(xattrs.map(({ name }) => toText(name)))
    const left = [...node.xattrs.keys()].filter((name) => isAcl(name) && !wanted.has(name))
    for (const name of left) this.#tree.setXattr(node, name, undefined)
    for (const { name, value } of xattrs) {
      const code = this.#refusal(node, toText(name))
      if (code === undefined) this.#tree.setXattr(node, toText(name), value)
      else refused.push({ name, code })
    }
    return refused
  }

  async resolve(path: PathBytes): Promise<PathBytes> {
    await this.#step('resolve', path)
    return this.#tree.resolve(path, this.#enter(path))
  }

  userName(uid: number): string | undefined {
    return ACCOUNTS.find(([id]) => id === uid)?.[1]
  }

  groupName(gid: number): string | undefined {
    return this.userName(gid)
  }

  userId(name: string): number | undefined {
    return ACCOUNTS.find(([, known]) => known === name)?.[0]
  }

  groupId(name: string): number | undefined {
    return this.userId(name)
  }

  /** @returns undefined for what the port leaves out */
  async #readCalm(
    path: PathBytes,
    size: number,
  ): Promise<{ bytes: Uint8Array; status: FileStatus; xattrs: readonly Xattr[] } | undefined> {
    try {
      const file = await this.open(path)
      const before = await file.status()
      const bytes = await file.read(0, size + 1)
      const xattrs = await file.xattrs()
      const status = await file.status()
      await file.close()
      const isCalm = bytes.length === size && isDeepStrictEqual(before, status)
      return isCalm ? { bytes, status, xattrs } : undefined
    } catch (error) {
      if (error instanceof FilesError) return undefined
      throw error
    }
  }

  async #writeOne(file: NewFile, content: Uint8Array, temporary: PathBytes): Promise<WrittenFile> {
    const { path, uid, gid, mode, mtime, xattrs = [] } = file
    let isMade = false
    try {
      const isFree = await isRefused(['ENOENT'], () => this.status(path))
      if (!isFree) throw failure('EEXIST', path)
      const writer = await this.create(temporary)
      isMade = true
      await writer.write(content)
      const now = await this.status(temporary)
      const isOwned = now.uid === uid && now.gid === gid
      const hasOwner =
        isOwned || !(await isRefused(REFUSALS, () => this.setOwner(temporary, { uid, gid })))
      const refused = await this.setXattrs(temporary, xattrs)
      const hasMode = !(await isRefused(REFUSALS, () =>
        this.setMode(temporary, hasOwner ? mode : mode & ~0o6000),
      ))
      await this.setModified(temporary, mtime)
      await this.rename(temporary, path)
      return { trouble: undefined, hasOwner, hasMode, refused }
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      if (isMade) await isRefused([error.code, 'ENOENT', 'EIO'], () => this.remove(temporary))
      return { trouble: error.code, hasOwner: true, hasMode: true }
    }
  }

  async #step(operation: string, path: PathBytes): Promise<void> {
    await this.#life.pass(this.#random.unit() * 0.5)
    this.#trouble.onStep?.(operation, path)
  }

  #node(path: PathBytes): FileNode {
    return this.#tree.node(path, this.#enter(path))
  }

  #owned(path: PathBytes): FileNode {
    const node = this.#node(path)
    if (this.#user.uid !== 0 && this.#user.uid !== node.uid) throw failure('EPERM', path)
    return node
  }

  #enter(path: PathBytes): (folder: FileNode) => void {
    return (folder) => this.#require(folder, ENTER, path)
  }

  /** @returns why an extended attribute may not be set */
  #refusal(node: FileNode, name: string): string | undefined {
    const { uid } = this.#user
    if (uid !== 0 && (uid !== node.uid || !(name.startsWith('user.') || isAcl(name))))
      return 'EPERM'
    const hasUser = node.kind === 'file' || node.kind === 'folder'
    return name.startsWith('user.') && !hasUser ? 'EPERM' : undefined
  }

  /** The folder that holds the name must be ours to change. */
  #requireFolder(path: PathBytes): void {
    this.#require(this.#tree.place(path, this.#enter(path)).folder, WRITE, path)
  }

  #require(node: FileNode, right: number, path: PathBytes): void {
    const { uid, gid } = this.#user
    if (uid === 0) return
    const shift = node.uid === uid ? 6 : node.gid === gid ? 3 : 0
    if (((node.mode >> shift) & right) === 0) throw failure('EACCES', path)
  }
}

function isAcl(name: string): boolean {
  return name.startsWith('system.posix_acl_')
}

function xattrsOf({ xattrs }: FileNode): readonly Xattr[] {
  return [...xattrs].map(([name, value]) => ({ name: toBytes(name), value: value.slice() }))
}

function fromLatin1(name: string): Uint8Array {
  return new Uint8Array(Buffer.from(name, 'latin1'))
}

async function isRefused(codes: readonly string[], work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work()
    return false
  } catch (error) {
    if (error instanceof FilesError && codes.includes(error.code)) return true
    throw error
  }
}
