/**
 * The target: where restored files are written, and never outside of it.
 *
 * Every name is checked on this machine. Every folder below the target is made here or found to be a
 * real folder, so nothing is written through a symbolic link that somebody planted. Files are
 * written under a temporary name and appear whole, with their attributes, or not at all.
 */

import { toHex } from '../../protocol/bytes.ts'
import type { Attributes } from '../../protocol/tree.ts'
import { FilesError } from '../base/errors.ts'
import type { Files, FileWriter } from '../ports/files.ts'
import type { Random } from '../ports/random.ts'
import { isPlainName, join, type Names } from '../source/path.ts'

/** A name that would lead out of its folder. */
export class UnsafeNameError extends FilesError {
  override readonly name = 'UnsafeNameError'

  constructor() {
    super('EINVAL', 'The name would lead out of its folder, so it is not written')
  }
}

/** setuid and setgid give rights away; they come back only when asked for, in a later version. */
const MODE_MASK = 0o1777
const RIGHTS_MASK = 0o6000

/** Not ours to set; an account that this container does not have; a file system without such a thing. */
const REFUSALS = ['EPERM', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP']

/** What could not be set, counted, for the person. */
export interface TargetWarnings {
  owners: number
  modes: number
  setIdBits: number
}

export class Target {
  readonly #files: Files
  readonly #random: Random
  readonly #root: Uint8Array
  readonly #folders = new Set<string>()
  readonly warnings: TargetWarnings = { owners: 0, modes: 0, setIdBits: 0 }

  private constructor(files: Files, random: Random, root: Uint8Array) {
    this.#files = files
    this.#random = random
    this.#root = root
  }

  /** Open a folder to restore into, making it and those above it if need be. */
  static async open(
    parts: { readonly files: Files; readonly random: Random },
    path: Uint8Array,
    names: Names,
  ): Promise<Target> {
    let folder: Uint8Array = Uint8Array.of(0x2f)
    for (const name of names) {
      folder = join(folder, name)
      await ignoring(['EEXIST'], () => parts.files.makeFolder(folder))
    }
    return new Target(parts.files, parts.random, await parts.files.resolve(path))
  }

  /** Make a folder below the target, or find it there. @returns its path */
  async folder(names: Names): Promise<Uint8Array> {
    let path = this.#root
    for (const name of names) {
      path = this.#child(path, name)
      const id = toHex(path)
      if (this.#folders.has(id)) continue
      await ignoring(['EEXIST'], () => this.#files.makeFolder(path))
      const { kind } = await this.#files.status(path)
      if (kind !== 'folder') {
        throw new FilesError('ENOTDIR', 'A folder belongs here and something else is in the way')
      }
      this.#folders.add(id)
    }
    return path
  }

  /** Write a file under a temporary name; `fill` gives it its content. */
  async file(
    names: Names,
    attributes: Attributes,
    fill: (temporary: () => Promise<Temporary>) => Promise<Temporary>,
  ): Promise<void> {
    const { path, folder } = await this.#free(names)
    const made = new Set<Temporary>()
    const temporary = async () => {
      const name = new TextEncoder().encode(`.cairn-${toHex(this.#random.bytes(8))}.part`)
      const temporaryPath = join(folder, name)
      const writer = await this.#files.create(temporaryPath)
      const discard = async () => {
        if (!made.delete(one)) return
        await writer.close()
        await ignoring(['ENOENT'], () => this.#files.remove(temporaryPath))
      }
      const one: Temporary = { path: temporaryPath, writer, discard }
      made.add(one)
      return one
    }
    try {
      const whole = await fill(temporary)
      await this.#setAttributes(whole.path, attributes)
      await this.#files.rename(whole.path, path)
      made.delete(whole)
      await whole.writer.close()
    } finally {
      for (const one of made) await one.discard()
    }
  }

  async symlink(names: Names, target: Uint8Array, attributes: Attributes): Promise<void> {
    const { path } = await this.#free(names)
    await this.#files.makeSymlink(target, path)
    try {
      await this.#setOwner(path, attributes)
      await this.#files.setModified(path, attributes.mtime)
    } catch (error) {
      await ignoring(['ENOENT'], () => this.#files.remove(path))
      throw error
    }
  }

  /** Give a folder its attributes, once nothing more is written into it. */
  async finishFolder(names: Names, attributes: Attributes): Promise<void> {
    const path = names.reduce<Uint8Array>((folder, name) => this.#child(folder, name), this.#root)
    await this.#setAttributes(path, attributes)
  }

  /** @returns the path for something new; what is there already is never overwritten */
  async #free(names: Names): Promise<{ path: Uint8Array; folder: Uint8Array }> {
    const folder = await this.folder(names.slice(0, -1))
    const path = this.#child(folder, names.at(-1) ?? new Uint8Array(0))
    const isTaken = await ignoring(['ENOENT'], async () => {
      await this.#files.status(path)
      return true
    })
    if (isTaken === true) {
      throw new FilesError('EEXIST', 'Something is there already and is left as it is')
    }
    return { path, folder }
  }

  #child(folder: Uint8Array, name: Uint8Array): Uint8Array {
    if (!isPlainName(name)) throw new UnsafeNameError()
    return join(folder, name)
  }

  async #setAttributes(path: Uint8Array, attributes: Attributes): Promise<void> {
    await this.#setOwner(path, attributes)
    if ((attributes.mode & RIGHTS_MASK) !== 0) this.warnings.setIdBits += 1
    const isSet = await ignoring(REFUSALS, async () => {
      await this.#files.setMode(path, attributes.mode & MODE_MASK)
      return true
    })
    if (isSet !== true) this.warnings.modes += 1
    await this.#files.setModified(path, attributes.mtime)
  }

  /** By name where this machine knows the account, by number otherwise. */
  async #setOwner(path: Uint8Array, attributes: Attributes): Promise<void> {
    const { userName, groupName } = attributes
    const uid =
      (userName === undefined ? undefined : this.#files.userId(userName)) ?? attributes.uid
    const gid =
      (groupName === undefined ? undefined : this.#files.groupId(groupName)) ?? attributes.gid
    const now = await this.#files.status(path)
    if (now.uid === uid && now.gid === gid) return
    const isSet = await ignoring(REFUSALS, async () => {
      await this.#files.setOwner(path, { uid, gid })
      return true
    })
    if (isSet !== true) this.warnings.owners += 1
  }
}

/** A file that does not have its name yet. */
export interface Temporary {
  readonly path: Uint8Array
  readonly writer: FileWriter
  /** It is not needed any more. */
  readonly discard: () => Promise<void>
}

async function ignoring<T>(
  codes: readonly string[],
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FilesError && codes.includes(error.code)) return undefined
    throw error
  }
}
