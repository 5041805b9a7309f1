/**
 * NodeFiles: the real file system as Files.
 *
 * Listing, status and links are synchronous calls inside: four times as many files per second as
 * through the thread pool, each a few microseconds. Reading and writing content goes through the
 * pool, since a disk may take its time.
 */

import {
  constants,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs'
import { chmod, lstat, open, readlink, realpath } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'

import type { Hole, Xattr } from '../../protocol/file-extras.ts'
import { FilesError } from '../base/errors.ts'
import type {
  FileReader,
  Files,
  FileStatus,
  FileTime,
  FileWriter,
  LookedAt,
  PathBytes,
  SmallFileRequest,
  SmallFiles,
  SpecialFile,
  Unseen,
} from '../ports/files.ts'
import type { Scanned, ScanRequest } from '../ports/scan.ts'
import type { NewFiles, WrittenFile, XattrRefusal } from '../ports/writing.ts'
import { Accounts } from './accounts.ts'
import { Copies } from './copies.ts'
import { setModificationTime } from './file-times.ts'
import { SmallFileWriter } from './small-file-writer.ts'
import { scanInThread } from './folder-scan.ts'
import { GuardedCalls } from './guarded-calls.ts'
import { mayHaveHoles } from './holes.ts'
import { SmallFileReader } from './small-file-reader.ts'
import { Stalls } from './stalls.ts'
import { makeSpecialFile } from './special-files.ts'
import { toStatus } from './status.ts'
import { attempt, readFully, systemCode, toFilesError, writeFully } from './system.ts'
import { readXattrs, writeXattrs } from './xattrs.ts'

const BIGINT = { bigint: true } as const

/**
 * Files that nobody closes, as nothing answers where they lie. Should they be collected Node would close them
 * after all, by a call that holds up everything.
 */
const leftOpen = new Set<FileHandle>()

const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } = constants

export class NodeFiles implements Files {
  readonly #users = new Accounts('/etc/passwd')
  readonly #groups = new Accounts('/etc/group')
  readonly #stalls: Stalls
  readonly #calls: GuardedCalls
  readonly #small: SmallFileReader
  readonly #newFiles = new SmallFileWriter()
  readonly #copies: Copies

  /**
   * @param options.copies - folder where copies of files are kept while they are read
   * @param options.stallMs - how long a file system may take to answer
   */
  constructor({
    copies = tmpdir(),
    stallMs,
  }: { readonly copies?: string; readonly stallMs?: number } = {}) {
    this.#copies = new Copies(copies)
    this.#stalls = new Stalls(stallMs)
    this.#calls = new GuardedCalls(this.#stalls)
    this.#small = new SmallFileReader(this.#stalls)
  }

  async list(folder: PathBytes): Promise<readonly Uint8Array[]> {
    return now(folder, (path) => {
      // readdir would go through a link; status does not.
      const names = readdirSync(path, { encoding: 'buffer' })
      if (!lstatSync(path).isDirectory())
        throw new FilesError('ENOTDIR', `${shown(folder)}: ENOTDIR`)
      // Plain arrays: a Buffer's `slice` would be a view.
      return names.map((name) => new Uint8Array(name))
    })
  }

  scan(request: ScanRequest, signal: AbortSignal): AsyncGenerator<readonly Scanned[]> {
    return scanInThread(request, signal, this.#stalls)
  }

  async status(path: PathBytes): Promise<FileStatus> {
    return now(path, (target) => toStatus(lstatSync(target, { bigint: true })))
  }

  async probe(path: PathBytes): Promise<FileStatus> {
    return this.#guarded(path, async () => toStatus(await lstat(Buffer.from(path), BIGINT)))
  }

  look(paths: readonly PathBytes[]): Promise<readonly (LookedAt | Unseen)[]> {
    return this.#calls.look(paths)
  }

  async readLink(path: PathBytes): Promise<Uint8Array> {
    return this.#guarded(path, async () => {
      return new Uint8Array(await readlink(Buffer.from(path), { encoding: 'buffer' }))
    })
  }

  async xattrs(path: PathBytes): Promise<readonly Xattr[]> {
    return readXattrs(path)
  }

  async open(path: PathBytes): Promise<FileReader> {
    const flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
    const handle = await this.#guarded(path, async () => {
      const late = await opened(path, flags)
      // It was given up, and came after all.
      if (this.#stalls.has(latin1(path))) leftOpen.add(late)
      return late
    })
    try {
      const status = await this.#guarded(path, () => handle.stat({ bigint: true }))
      if (status.isFile()) {
        const shared = { copies: this.#copies, stalls: this.#stalls, calls: this.#calls }
        return new NodeFileReader(handle, path, mayHaveHoles(status), shared)
      }
      // A FIFO or device opens well but is nothing to be read to an end.
      const code = status.isDirectory() ? 'EISDIR' : 'EINVAL'
      throw new FilesError(code, `${shown(path)}: not a regular file`)
    } catch (error) {
      if (this.#stalls.has(latin1(path))) leftOpen.add(handle)
      else await handle.close()
      throw toFilesError(shown(path), error)
    }
  }

  readSmall(requests: readonly SmallFileRequest[]): Promise<SmallFiles> {
    return this.#small.read(requests)
  }

  async scratch(): Promise<FileWriter> {
    const { handle, path } = await this.#copies.scratch()
    return new NodeFileWriter(handle, path)
  }

  async create(path: PathBytes): Promise<FileWriter> {
    const handle = await opened(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW)
    return new NodeFileWriter(handle, path)
  }

  writeSmall(request: NewFiles): Promise<readonly WrittenFile[]> {
    return this.#newFiles.write(request)
  }

  async makeFolder(path: PathBytes): Promise<void> {
    now(path, (target) => mkdirSync(target, { mode: FOLDER_MODE }))
  }

  async makeSymlink(target: Uint8Array, path: PathBytes): Promise<void> {
    now(path, (link) => symlinkSync(Buffer.from(target), link))
  }

  async makeSpecial(path: PathBytes, special: SpecialFile): Promise<void> {
    makeSpecialFile(path, special)
  }

  async link(existing: PathBytes, path: PathBytes): Promise<void> {
    now(path, (target) => linkSync(Buffer.from(existing), target))
  }

  async rename(from: PathBytes, to: PathBytes): Promise<void> {
    now(from, (source) => renameSync(source, Buffer.from(to)))
  }

  async remove(path: PathBytes): Promise<void> {
    now(path, (target) => {
      if (lstatSync(target).isDirectory()) rmdirSync(target)
      else unlinkSync(target)
    })
  }

  async setMode(path: PathBytes, mode: number): Promise<void> {
    await attempt(shown(path), toFilesError, () => changeMode(Buffer.from(path), mode))
  }

  async setOwner(path: PathBytes, owner: { uid: number; gid: number }): Promise<void> {
    now(path, (target) => lchownSync(target, owner.uid, owner.gid))
  }

  async setModified(path: PathBytes, mtime: FileTime): Promise<void> {
    now(path, (target) => setModificationTime(target, mtime))
  }

  async setXattrs(path: PathBytes, xattrs: readonly Xattr[]): Promise<readonly XattrRefusal[]> {
    return writeXattrs(path, xattrs)
  }

  async resolve(path: PathBytes): Promise<PathBytes> {
    return this.#guarded(path, async () => {
      return new Uint8Array(await realpath(Buffer.from(path), { encoding: 'buffer' }))
    })
  }

  #guarded<T>(path: PathBytes, work: () => Promise<T>): Promise<T> {
    return attempt(shown(path), toFilesError, () => this.#stalls.guard(latin1(path), work))
  }

  userName(uid: number): string | undefined {
    return this.#users.name(uid)
  }

  groupName(gid: number): string | undefined {
    return this.#groups.name(gid)
  }

  userId(name: string): number | undefined {
    return this.#users.id(name)
  }

  groupId(name: string): number | undefined {
    return this.#groups.id(name)
  }
}

/** What all readers of one NodeFiles use. */
interface Shared {
  readonly copies: Copies
  readonly stalls: Stalls
  readonly calls: GuardedCalls
}

class NodeFileReader implements FileReader {
  readonly #handle: FileHandle
  readonly #path: PathBytes
  readonly #isSparse: boolean
  readonly #shared: Shared

  constructor(handle: FileHandle, path: PathBytes, isSparse: boolean, shared: Shared) {
    this.#handle = handle
    this.#path = path
    this.#isSparse = isSparse
    this.#shared = shared
  }

  async clone(): Promise<FileReader | undefined> {
    const handle = await this.#use((source) => this.#shared.copies.clone(source))
    return handle && new NodeFileReader(handle, this.#path, this.#isSparse, this.#shared)
  }

  async status(): Promise<FileStatus> {
    return this.#use(async (handle) => toStatus(await handle.stat({ bigint: true })))
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (this.#isSparse) {
      const data = await this.#shared.calls.nextData(this.#handle.fd, this.#path, offset)
      const isHole = data === undefined || data >= offset + length
      if (isHole) return this.#use((handle) => zeros(handle, { offset, length }))
    }
    return this.#use((handle) => readFully(handle, { offset, length }))
  }

  async xattrs(): Promise<readonly Xattr[]> {
    return this.#shared.calls.xattrs(this.#handle.fd, this.#path)
  }

  async holes(countMax: number): Promise<readonly Hole[]> {
    const { fd } = this.#handle
    const { size, blocks } = await this.#use((handle) => handle.stat({ bigint: true }))
    if (!mayHaveHoles({ size, blocks })) return []
    return this.#shared.calls.holes(fd, this.#path, Number(size), countMax)
  }

  async close(): Promise<void> {
    // Where nothing answers, closing does not end either.
    if (this.#shared.stalls.has(latin1(this.#path))) leftOpen.add(this.#handle)
    else await this.#use((handle) => handle.close())
  }

  #use<T>(work: (handle: FileHandle) => Promise<T>): Promise<T> {
    return attempt(shown(this.#path), toFilesError, () =>
      this.#shared.stalls.guard(latin1(this.#path), () => work(this.#handle)),
    )
  }
}

/** What reading a hole would give, without reading it. */
async function zeros(
  handle: FileHandle,
  { offset, length }: { offset: number; length: number },
): Promise<Uint8Array> {
  const { size } = await handle.stat()
  return new Uint8Array(Math.max(0, Math.min(length, size - offset)))
}

class NodeFileWriter implements FileWriter {
  readonly #handle: FileHandle
  readonly #path: PathBytes
  #size = 0

  constructor(handle: FileHandle, path: PathBytes) {
    this.#handle = handle
    this.#path = path
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#use((handle) => writeFully(handle, bytes, this.#size))
    this.#size += bytes.length
  }

  async skip(size: number): Promise<void> {
    await this.#use((handle) => handle.truncate(this.#size + size))
    this.#size += size
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.#use((handle) => readFully(handle, { offset, length }))
  }

  async sync(): Promise<void> {
    await this.#use((handle) => handle.sync())
  }

  async close(): Promise<void> {
    await this.#use((handle) => handle.close())
  }

  #use<T>(work: (handle: FileHandle) => Promise<T>): Promise<T> {
    return attempt(shown(this.#path), toFilesError, () => work(this.#handle))
  }
}

/** A synchronous call; its system errors come out as ours. */
function now<T>(path: PathBytes, work: (path: Buffer) => T): T {
  try {
    return work(Buffer.from(path))
  } catch (error) {
    throw toFilesError(shown(path), error)
  }
}

function opened(path: PathBytes, flags: number): Promise<FileHandle> {
  return attempt(shown(path), toFilesError, () => open(Buffer.from(path), flags, FILE_MODE))
}

/** Change the mode of what the path itself names: chmod alone would go through a link. */
async function changeMode(path: Buffer, mode: number): Promise<void> {
  const status = lstatSync(path)
  // To open a device may do something, from rewinding a tape on.
  const isSpecial = !status.isFile() && !status.isDirectory() && !status.isSymbolicLink()
  if (isSpecial) return chmod(path, mode)
  let handle: FileHandle
  try {
    handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  } catch (error) {
    // Its owner may change the mode of what it may not read; nobody else can put a link there now,
    // unless they may write the folder, and then they could as well rename the file.
    if (systemCode(error) !== 'EACCES' || lstatSync(path).isSymbolicLink()) throw error
    await chmod(path, mode)
    return
  }
  try {
    await handle.chmod(mode)
  } finally {
    await handle.close()
  }
}

function latin1(path: PathBytes): string {
  return Buffer.from(path).toString('latin1')
}

/** A path for an error message; bytes that are no text show as replacement characters. */
function shown(path: PathBytes): string {
  return new TextDecoder().decode(path)
}
