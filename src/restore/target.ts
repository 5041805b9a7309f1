/**
 * The target: where restored files are written, and never outside of it.
 *
 * Every name is checked on this machine. Every folder below the target is made here or found to be a
 * real folder, so nothing is written through a symbolic link that somebody planted. Files are
 * written under a temporary name and appear whole, with their attributes, or not at all.
 */

import { toHex } from '../../protocol/bytes.ts'
import type { Attributes } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { FilesError } from '../base/errors.ts'
import type { Files, FileStatus, FileWriter } from '../ports/files.ts'
import type { Random } from '../ports/random.ts'
import { REFUSALS, type WrittenFile } from '../ports/writing.ts'
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

/** What could not be set, counted, for the person. */
export interface TargetWarnings {
  owners: number
  modes: number
  setIdBits: number
}

export interface TargetOptions {
  /** What is in a folder's place, and is none, gives way to it. */
  readonly isOverwriting?: boolean
  /** Nothing is written: it is only looked at. */
  readonly isDry?: boolean
}

/** A small file whose content is at hand. */
export interface SmallFile {
  readonly names: Names
  readonly attributes: Attributes
  /** Where its content lies among the bytes of all. */
  readonly offset: number
  readonly size: number
}

export class Target {
  readonly #files: Files
  readonly #random: Random
  readonly #root: Uint8Array
  readonly #isOverwriting: boolean
  readonly #folders = new Set<string>()
  /** The folder asked for last: files come folder by folder. */
  #last: { readonly names: Names; readonly path: Uint8Array } | undefined
  readonly warnings: TargetWarnings = { owners: 0, modes: 0, setIdBits: 0 }

  private constructor(files: Files, random: Random, root: Uint8Array, isOverwriting: boolean) {
    this.#files = files
    this.#random = random
    this.#root = root
    this.#isOverwriting = isOverwriting
  }

  /** Open a folder to restore into, making it and those above it if need be. */
  static async open(
    parts: { readonly files: Files; readonly random: Random },
    path: Uint8Array,
    names: Names,
    { isOverwriting = false, isDry = false }: TargetOptions = {},
  ): Promise<Target> {
    const { files, random } = parts
    if (isDry) {
      const root = await ignoring(['ENOENT', 'ENOTDIR'], () => files.resolve(path))
      return new Target(files, random, root ?? path, isOverwriting)
    }
    let folder: Uint8Array = Uint8Array.of(0x2f)
    for (const name of names) {
      folder = join(folder, name)
      await ignoring(['EEXIST'], () => files.makeFolder(folder))
    }
    return new Target(files, random, await files.resolve(path), isOverwriting)
  }

  /**
   * What has a name below the target already. Nothing is looked at through a link.
   *
   * @returns its path, and what it is; nothing is there either where a folder above is none
   */
  async look(names: Names): Promise<{ path: Uint8Array; there: FileStatus | undefined }> {
    let path = this.#root
    for (const [index, name] of names.entries()) {
      path = this.#child(path, name)
      if (index === names.length - 1 || this.#folders.has(toHex(path))) continue
      const status = await this.#statusOf(path)
      if (status?.kind !== 'folder') {
        return {
          path: names.slice(index + 1).reduce((at, next) => this.#child(at, next), path),
          there: undefined,
        }
      }
    }
    return { path, there: await this.#statusOf(path) }
  }

  /**
   * Whether two names that differ in the case of letters, or in how accents are written, are one here.
   */
  async foldsNames(): Promise<boolean> {
    const name = `.cairn-${toHex(this.#random.bytes(8))}-\u00e9.part`
    const path = (text: string) => join(this.#root, new TextEncoder().encode(text))
    await this.#files.makeFolder(path(name))
    try {
      const others = [name.toUpperCase(), name.normalize('NFD')]
      const found = await Promise.all(others.map((other) => this.#statusOf(path(other))))
      return found.some((status) => status !== undefined)
    } finally {
      await this.#files.remove(path(name))
    }
  }

  /** Make a folder below the target, or find it there. @returns its path */
  async folder(names: Names): Promise<Uint8Array> {
    if (this.#last !== undefined && isSame(this.#last.names, names)) return this.#last.path
    let path = this.#root
    for (const name of names) {
      path = this.#child(path, name)
      const id = toHex(path)
      if (this.#folders.has(id)) continue
      await ignoring(['EEXIST'], () => this.#files.makeFolder(path))
      let { kind } = await this.#files.status(path)
      if (kind !== 'folder' && this.#isOverwriting) {
        await this.#files.remove(path)
        await this.#files.makeFolder(path)
        kind = 'folder'
      }
      if (kind !== 'folder') {
        throw new FilesError('ENOTDIR', 'A folder belongs here and something else is in the way')
      }
      this.#folders.add(id)
    }
    this.#last = { names, path }
    return path
  }

  /**
   * Write many small files, as `file` writes one.
   *
   * @param bytes - their contents; handed over
   * @returns for each why it is not there; `undefined` for those that are
   */
  async smallFiles(
    files: readonly SmallFile[],
    bytes: Uint8Array,
  ): Promise<readonly (FilesError | undefined)[]> {
    const troubles = new Map<SmallFile, FilesError>()
    const paths = new Map<SmallFile, Uint8Array>()
    for (const file of files) {
      try {
        const folder = await this.folder(file.names.slice(0, -1))
        paths.set(file, this.#child(folder, file.names.at(-1) ?? new Uint8Array(0)))
      } catch (error) {
        if (!(error instanceof FilesError)) throw error
        troubles.set(file, error)
      }
    }
    const request = [...paths].map(([{ attributes, offset, size }, path]) => {
      const { mode, mtime } = attributes
      return { path, offset, size, mtime, mode: mode & MODE_MASK, ...this.#ownerOf(attributes) }
    })
    const temporaryName = this.#temporaryName()
    const written = await this.#files.writeSmall({ bytes, files: request, temporaryName })
    for (const [index, [file, path]] of [...paths].entries()) {
      const trouble = this.#outcome(file, path, written[index])
      if (trouble !== undefined) troubles.set(file, trouble)
    }
    return files.map((file) => troubles.get(file))
  }

  #outcome(
    { attributes }: SmallFile,
    path: Uint8Array,
    written: WrittenFile | undefined,
  ): FilesError | undefined {
    assert(written !== undefined, 'each file has an outcome')
    const { trouble, hasOwner, hasMode } = written
    if (trouble === 'EEXIST') return taken()
    if (trouble !== undefined) {
      return new FilesError(trouble, `${new TextDecoder().decode(path)}: ${trouble}`)
    }
    if ((attributes.mode & RIGHTS_MASK) !== 0) this.warnings.setIdBits += 1
    if (!hasOwner) this.warnings.owners += 1
    if (!hasMode) this.warnings.modes += 1
    return undefined
  }

  /**
   * Write a file under a temporary name; `fill` gives it its content.
   *
   * @param isReplacing - it takes the place of what has its name, unless that is a folder that holds
   *   something
   */
  async file(
    names: Names,
    attributes: Attributes,
    fill: (temporary: () => Promise<Temporary>) => Promise<Temporary>,
    isReplacing = false,
  ): Promise<void> {
    const { path, folder } = await this.#place(names, isReplacing)
    const made = new Set<Temporary>()
    const temporary = async () => {
      const temporaryPath = join(folder, this.#temporaryName())
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
      if (isReplacing) await this.#removeFolder(path)
      await this.#files.rename(whole.path, path)
      made.delete(whole)
      await whole.writer.close()
    } finally {
      for (const one of made) await one.discard()
    }
  }

  /** @param isReplacing - as for a file */
  async symlink(
    names: Names,
    target: Uint8Array,
    attributes: Attributes,
    isReplacing = false,
  ): Promise<void> {
    const { path, folder } = await this.#place(names, isReplacing)
    const first = isReplacing ? join(folder, this.#temporaryName()) : path
    await this.#files.makeSymlink(target, first)
    try {
      await this.#setLinkAttributes(first, attributes)
      if (!isReplacing) return
      await this.#removeFolder(path)
      await this.#files.rename(first, path)
    } catch (error) {
      await ignoring(['ENOENT'], () => this.#files.remove(first))
      throw error
    }
  }

  /** Give what is there already, and is what belongs there, its attributes. */
  async refresh(names: Names, kind: 'file' | 'symlink', attributes: Attributes): Promise<void> {
    const folder = await this.folder(names.slice(0, -1))
    const path = this.#child(folder, names.at(-1) ?? new Uint8Array(0))
    if (kind === 'symlink') await this.#setLinkAttributes(path, attributes)
    else await this.#setAttributes(path, attributes)
  }

  async #setLinkAttributes(path: Uint8Array, attributes: Attributes): Promise<void> {
    await this.#setOwner(path, attributes)
    await this.#files.setModified(path, attributes.mtime)
  }

  /** Give a folder its attributes, once nothing more is written into it. */
  async finishFolder(names: Names, attributes: Attributes): Promise<void> {
    const path = names.reduce<Uint8Array>((folder, name) => this.#child(folder, name), this.#root)
    await this.#setAttributes(path, attributes)
  }

  /** @returns the path for something new; what is there already is overwritten only where that is asked for */
  async #place(
    names: Names,
    isReplacing: boolean,
  ): Promise<{ path: Uint8Array; folder: Uint8Array }> {
    const folder = await this.folder(names.slice(0, -1))
    const path = this.#child(folder, names.at(-1) ?? new Uint8Array(0))
    if (!isReplacing && (await this.#statusOf(path)) !== undefined) throw taken()
    return { path, folder }
  }

  /** An empty folder gives way to something else; one that holds anything does not. */
  async #removeFolder(path: Uint8Array): Promise<void> {
    if ((await this.#statusOf(path))?.kind !== 'folder') return
    try {
      await this.#files.remove(path)
    } catch (cause) {
      if (!(cause instanceof FilesError) || !['ENOTEMPTY', 'EEXIST'].includes(cause.code))
        throw cause
      throw new FilesError('ENOTEMPTY', 'A folder that holds something is in the way and stays', {
        cause,
      })
    }
  }

  #statusOf(path: Uint8Array): Promise<FileStatus | undefined> {
    return ignoring(['ENOENT', 'ENOTDIR'], () => this.#files.status(path))
  }

  #temporaryName(): Uint8Array {
    return new TextEncoder().encode(`.cairn-${toHex(this.#random.bytes(8))}.part`)
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
  #ownerOf({ userName, groupName, ...numbers }: Attributes): { uid: number; gid: number } {
    const uid = userName === undefined ? undefined : this.#files.userId(userName)
    const gid = groupName === undefined ? undefined : this.#files.groupId(groupName)
    return { uid: uid ?? numbers.uid, gid: gid ?? numbers.gid }
  }

  async #setOwner(path: Uint8Array, attributes: Attributes): Promise<void> {
    const { uid, gid } = this.#ownerOf(attributes)
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

function taken(): FilesError {
  return new FilesError('EEXIST', 'Something is there already and is left as it is')
}

/** Siblings share the arrays of the names above them. */
function isSame(a: Names, b: Names): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index])
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
