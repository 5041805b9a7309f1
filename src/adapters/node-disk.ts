/**
 * NodeDisk: one folder of the real file system as our Disk.
 *
 * Files are made for their owner only. `sync` is fdatasync, which also makes the new size durable;
 * `syncFolder` is fsync on the folder.
 */

import { constants } from 'node:fs'
import { mkdir, open, readdir, rename, statfs, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

import { assert } from '../base/assert.ts'
import { DiskError } from '../base/errors.ts'
import type { Disk, DiskFile, DiskSpace } from '../ports/disk.ts'
import { attempt, readFully, systemCode, toDiskError, writeFully } from './system.ts'

const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/** One part of a name we make; 255 bytes is what file systems take. */
const PART = /^[a-z0-9._-]{1,255}$/

export class NodeDisk implements Disk {
  readonly #root: string

  /** @param root - absolute path of the folder; made, with those above it, by `NodeDisk.open` */
  private constructor(root: string) {
    this.#root = root
  }

  /**
   * Use a folder as a disk, making it if need be.
   *
   * @throws {DiskError} it cannot be made, or is something else
   */
  static async open(root: string): Promise<NodeDisk> {
    await attempt(root, toDiskError, () => mkdir(root, { recursive: true, mode: FOLDER_MODE }))
    return new NodeDisk(root)
  }

  async create(path: string): Promise<DiskFile> {
    const full = this.#fileAt(path)
    const handle = await attempt(path, toDiskError, () => open(full, 'wx+', FILE_MODE))
    return new NodeDiskFile(handle, path, 0)
  }

  async open(path: string): Promise<DiskFile | undefined> {
    const full = this.#fileAt(path)
    const handle = await unlessMissing(path, () => open(full, constants.O_RDONLY))
    if (handle === undefined) return undefined
    const status = await attempt(path, toDiskError, () => handle.stat())
    if (status.isFile()) return new NodeDiskFile(handle, path, undefined)
    await handle.close()
    throw new DiskError(`${path}: not a file`)
  }

  async rename(from: string, to: string): Promise<void> {
    const [source, target] = [this.#fileAt(from), this.#fileAt(to)]
    await attempt(`${from} to ${to}`, toDiskError, () => rename(source, target))
  }

  async remove(path: string): Promise<void> {
    const full = this.#fileAt(path)
    await unlessMissing(path, () => unlink(full))
  }

  async makeFolder(path: string): Promise<void> {
    const full = this.#fileAt(path)
    await attempt(path, toDiskError, () => mkdir(full, { recursive: true, mode: FOLDER_MODE }))
  }

  async list(folder: string): Promise<readonly string[]> {
    const full = this.#folderAt(folder)
    const names = await unlessMissing(folder, () => readdir(full))
    return names?.toSorted() ?? []
  }

  async syncFolder(folder: string): Promise<void> {
    const full = this.#folderAt(folder)
    await attempt(folder, toDiskError, async () => {
      const handle = await open(full, constants.O_RDONLY | constants.O_DIRECTORY)
      try {
        await handle.sync()
      } finally {
        await handle.close()
      }
    })
  }

  async space(): Promise<DiskSpace> {
    const { bavail, blocks, bsize } = await attempt('', toDiskError, () => statfs(this.#root))
    return { free: bavail * bsize, total: blocks * bsize }
  }

  #fileAt(path: string): string {
    assert(isName(path), 'names on our disk are made by us, of parts that lead nowhere else')
    return join(this.#root, path)
  }

  #folderAt(folder: string): string {
    return folder === '' ? this.#root : this.#fileAt(folder)
  }
}

class NodeDiskFile implements DiskFile {
  readonly #path: string
  #handle: FileHandle | undefined
  /** Bytes appended; `undefined` where the file is open for reading only. */
  #size: number | undefined

  constructor(handle: FileHandle, path: string, size: number | undefined) {
    this.#handle = handle
    this.#path = path
    this.#size = size
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    return this.#use((handle) => readFully(handle, { offset, length }))
  }

  async append(bytes: Uint8Array): Promise<void> {
    const size = this.#size
    if (size === undefined) throw new DiskError(`${this.#path}: open for reading only`)
    await this.#use(async (handle) => {
      try {
        await writeFully(handle, bytes, size)
      } catch (error) {
        // What was written of these bytes is no append; a failure to cut them off changes nothing,
        // since the next append writes over them and whoever reads us knows how long we are.
        await handle.truncate(size).catch(() => {})
        throw error
      }
    })
    this.#size = size + bytes.length
  }

  async sync(): Promise<void> {
    await this.#use((handle) => handle.datasync())
  }

  async size(): Promise<number> {
    return this.#use(async (handle) => this.#size ?? (await handle.stat()).size)
  }

  async close(): Promise<void> {
    const handle = this.#handle
    this.#handle = undefined
    if (handle !== undefined) await attempt(this.#path, toDiskError, () => handle.close())
  }

  async #use<T>(work: (handle: FileHandle) => Promise<T>): Promise<T> {
    const handle = this.#handle
    if (handle === undefined) throw new DiskError(`${this.#path}: already closed`)
    return attempt(this.#path, toDiskError, () => work(handle))
  }
}

/** @returns what the work gives, or `undefined` if nothing has this name */
async function unlessMissing<T>(path: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw toDiskError(path, error)
  }
}

function isName(path: string): boolean {
  return path.split('/').every((part) => PART.test(part) && part !== '.' && part !== '..')
}
