/**
 * The target: where restored files are written, and never outside of it.
 *
 * Every name is checked on this machine. Every folder below the target is made here or found to be a
 * real folder, so nothing is written through a symbolic link that somebody planted. Files are
 * written under a temporary name and appear whole, with their attributes, or not at all.
 */

import { toHex } from '../../protocol/bytes.ts'
import { decodeFileExtras, type Xattr } from '../../protocol/file-extras.ts'
import type { Attributes, What } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { FilesError, FormatError } from '../base/errors.ts'
import type { Files, FileStatus, FileTime, SpecialFile } from '../ports/files.ts'
import type { Random } from '../ports/random.ts'
import { REFUSALS, type WrittenFile } from '../ports/writing.ts'
import { join, toPath, type Names } from '../source/path.ts'
import {
  foldsNames,
  ignoring,
  isFolderMade,
  isSameTime,
  removeFolder,
  statusOf,
  taken,
} from './in-the-way.ts'
import { isAsWanted } from './same-xattrs.ts'
import { childOf, isSameFolder } from './plain-child.ts'
import { sparseWriter } from './sparse-writer.ts'
import type { Temporary } from './temporary.ts'
import {
  kindOfXattr,
  NOT_ASKED,
  PLAIN_METADATA,
  type MetadataOptions,
  type Unset,
  type UnsetKind,
} from './unset.ts'

/** setuid and setgid give rights away; they come back only when asked for. */
const RIGHTS_MASK = 0o6000

export interface TargetOptions {
  readonly metadata: MetadataOptions
  /** Told of each thing that a restored file lacks. */
  readonly onUnset: (unset: Unset) => void
  /** What is in a folder's place, and is none, gives way to it. */
  readonly isOverwriting?: boolean
  /** Nothing is written: it is only looked at. */
  readonly isDry?: boolean
}

const PLAIN: TargetOptions = { metadata: PLAIN_METADATA, onUnset: () => undefined }

/** What becomes of a file's attributes. */
interface Wanted {
  readonly names: Names
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly mtime: FileTime
  readonly xattrs: readonly Xattr[]
  /** What it would have, had it been asked for. */
  readonly notAsked: readonly Pick<Unset, 'kind' | 'attribute'>[]
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
  readonly #options: TargetOptions
  /** Folders that were made here or found, and whether they were made. */
  readonly #folders = new Map<string, boolean>()
  /** The folder asked for last: files come folder by folder. */
  #last: { readonly names: Names; readonly path: Uint8Array } | undefined

  private constructor(files: Files, random: Random, root: Uint8Array, options: TargetOptions) {
    this.#options = options
    this.#files = files
    this.#random = random
    this.#root = root
  }

  /** Open a folder to restore into, making it and those above it if need be. */
  static async open(
    parts: { readonly files: Files; readonly random: Random },
    path: Uint8Array,
    names: Names,
    options = PLAIN,
  ): Promise<Target> {
    const { files, random } = parts
    if (options.isDry === true) {
      const root = await ignoring(['ENOENT', 'ENOTDIR'], () => files.resolve(path))
      return new Target(files, random, root ?? path, options)
    }
    let folder: Uint8Array = Uint8Array.of(0x2f)
    for (const name of names) {
      folder = join(folder, name)
      await ignoring(['EEXIST'], () => files.makeFolder(folder))
    }
    return new Target(files, random, await files.resolve(path), options)
  }

  /**
   * What has a name below the target already. Nothing is looked at through a link.
   *
   * @returns its path, and what it is; nothing is there either where a folder above is none
   */
  async look(names: Names): Promise<{ path: Uint8Array; there: FileStatus | undefined }> {
    let path = this.#root
    let isReal = true
    let there: FileStatus | undefined
    for (const [index, name] of names.entries()) {
      path = childOf(path, name)
      if (!isReal || this.#folders.has(toHex(path))) continue
      const status = await statusOf(this.#files, path)
      if (index === names.length - 1) there = status
      else isReal = status?.kind === 'folder'
    }
    return { path, there }
  }

  /** @returns whether names that differ in the case of letters, say, are one where this is to be written */
  async foldsNames(names: Names): Promise<boolean> {
    const depths = [...names.keys(), names.length]
    const above = depths.map((depth) => this.look(names.slice(0, depth)))
    return foldsNames({ files: this.#files, random: this.#random }, await Promise.all(above))
  }

  /** Make a folder below the target, or find it there. @returns its path */
  async folder(names: Names): Promise<Uint8Array> {
    if (this.#last !== undefined && isSameFolder(this.#last.names, names)) return this.#last.path
    let path = this.#root
    for (const name of names) {
      path = childOf(path, name)
      const id = toHex(path)
      if (this.#folders.has(id)) continue
      let isNew = await isFolderMade(this.#files, path)
      let { kind } = await this.#files.status(path)
      if (kind !== 'folder' && this.#options.isOverwriting === true) {
        await this.#files.remove(path)
        await this.#files.makeFolder(path)
        kind = 'folder'
        isNew = true
      }
      if (kind !== 'folder') {
        throw new FilesError('ENOTDIR', 'A folder belongs here and something else is in the way')
      }
      // Whoever else found it meanwhile may have found what was made here.
      this.#folders.set(id, isNew || this.#folders.get(id) === true)
    }
    this.#last = { names, path }
    return path
  }

  /** @returns whether a folder was made here: then nobody has given it attributes yet */
  isNew(names: Names): boolean {
    return this.#folders.get(toHex(this.#pathOf(names))) === true
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
  ): Promise<readonly (FilesError | FormatError | undefined)[]> {
    const troubles = new Map<SmallFile, FilesError | FormatError>()
    const places = new Map<SmallFile, { readonly path: Uint8Array; readonly wanted: Wanted }>()
    for (const file of files) {
      try {
        const folder = await this.folder(file.names.slice(0, -1))
        const path = childOf(folder, file.names.at(-1) ?? new Uint8Array(0))
        places.set(file, { path, wanted: this.#wanted(file.names, file.attributes) })
      } catch (error) {
        if (!(error instanceof FilesError || error instanceof FormatError)) throw error
        troubles.set(file, error)
      }
    }
    const request = [...places].map(([{ offset, size }, { path, wanted }]) => {
      const { mode, uid, gid, mtime, xattrs } = wanted
      return { path, offset, size, mode, uid, gid, mtime, xattrs }
    })
    const temporaryName = this.#temporaryName()
    const written = await this.#files.writeSmall({ bytes, files: request, temporaryName })
    for (const [index, [file, { path, wanted }]] of [...places].entries()) {
      const trouble = this.#outcome(wanted, path, written[index])
      if (trouble !== undefined) troubles.set(file, trouble)
    }
    return files.map((file) => troubles.get(file))
  }

  #outcome(
    wanted: Wanted,
    path: Uint8Array,
    written: WrittenFile | undefined,
  ): FilesError | undefined {
    assert(written !== undefined, 'each file has an outcome')
    const { trouble, hasOwner, hasMode, refused = [] } = written
    if (trouble === 'EEXIST') return taken()
    if (trouble !== undefined) {
      return new FilesError(trouble, `${new TextDecoder().decode(path)}: ${trouble}`)
    }
    this.#tellUnset(wanted, { hasOwner, hasMode, refused })
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
    const wanted = this.#wanted(names, attributes)
    const { holes } = decodeFileExtras(attributes.extra)
    const made = new Set<Temporary>()
    const temporary = async () => {
      const temporaryPath = join(folder, this.#temporaryName())
      const plain = await this.#files.create(temporaryPath)
      const writer = holes === undefined ? plain : sparseWriter(plain, holes)
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
      await this.#setAttributes(whole.path, wanted)
      if (isReplacing) await removeFolder(this.#files, path)
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
    await this.#make(names, isReplacing, async (path) => {
      await this.#files.makeSymlink(target, path)
      // A link has no mode of its own that could be set.
      await this.#settle(path, this.#wanted(names, attributes), { hasMode: false })
    })
  }

  /** @returns whether it was made; a device has to be asked for */
  async special(
    names: Names,
    special: SpecialFile,
    attributes: Attributes,
    isReplacing = false,
  ): Promise<boolean> {
    if (special.kind !== 'fifo' && !this.#options.metadata.devices) {
      this.#unset(names, 'device', NOT_ASKED)
      return false
    }
    await this.#make(names, isReplacing, async (path) => {
      await this.#files.makeSpecial(path, special)
      await this.#settle(path, this.#wanted(names, attributes), { hasMode: true })
    })
    return true
  }

  /** Make a link to what is there already. @returns whether that was possible */
  async link(existing: Names, names: Names, isReplacing = false): Promise<boolean> {
    const first = join(
      await this.folder(existing.slice(0, -1)),
      existing.at(-1) ?? new Uint8Array(0),
    )
    try {
      await this.#make(names, isReplacing, (path) => this.#files.link(first, path))
      return true
    } catch (error) {
      if (!(error instanceof FilesError) || error.code === 'EEXIST') throw error
      this.#unset(names, 'link', error.code)
      return false
    }
  }

  /** Make something in one step; in place of something else under a temporary name first. */
  async #make(
    names: Names,
    isReplacing: boolean,
    make: (path: Uint8Array) => Promise<void>,
  ): Promise<void> {
    const { path, folder } = await this.#place(names, isReplacing)
    if (!isReplacing) return await make(path)
    const temporary = join(folder, this.#temporaryName())
    try {
      await make(temporary)
      await removeFolder(this.#files, path)
      await this.#files.rename(temporary, path)
    } finally {
      // A name of what has the other name already stays, too: rename(2) takes them for done.
      await ignoring(['ENOENT'], () => this.#files.remove(temporary))
    }
  }

  /** Give what is there already, and is what belongs there, its attributes. */
  async refresh(names: Names, kind: What['kind'], attributes: Attributes): Promise<void> {
    const folder = await this.folder(names.slice(0, -1))
    const path = childOf(folder, names.at(-1) ?? new Uint8Array(0))
    const wanted = this.#wanted(names, attributes)
    const { mode, uid, gid, mtime } = await this.#files.status(path)
    const hasMode = kind !== 'symlink'
    const isOwned = uid === wanted.uid && gid === wanted.gid
    const isAsBefore =
      isOwned && (!hasMode || mode === wanted.mode) && isSameTime(mtime, wanted.mtime)
    // Set anew, they would count as a change, and the next backup would read the file.
    if (isAsBefore && isAsWanted(wanted.xattrs, await this.#files.xattrs(path))) return
    await this.#setAttributes(path, wanted, { hasMode })
  }

  /** Give a folder its attributes, once nothing more is written into it. */
  async finishFolder(names: Names, attributes: Attributes): Promise<void> {
    await this.#setAttributes(this.#pathOf(names), this.#wanted(names, attributes))
  }

  #pathOf(names: Names): Uint8Array {
    return names.reduce<Uint8Array>((folder, name) => childOf(folder, name), this.#root)
  }

  /** @returns the path for something new; what is there already is overwritten only where that is asked for */
  async #place(
    names: Names,
    isReplacing: boolean,
  ): Promise<{ path: Uint8Array; folder: Uint8Array }> {
    const folder = await this.folder(names.slice(0, -1))
    const path = childOf(folder, names.at(-1) ?? new Uint8Array(0))
    if (!isReplacing && (await statusOf(this.#files, path)) !== undefined) throw taken()
    return { path, folder }
  }

  #temporaryName(): Uint8Array {
    return new TextEncoder().encode(`.cairn-${toHex(this.#random.bytes(8))}.part`)
  }

  /** Set attributes of what was made just now; what cannot have them goes again. */
  async #settle(path: Uint8Array, wanted: Wanted, what: { hasMode: boolean }): Promise<void> {
    try {
      await this.#setAttributes(path, wanted, what)
    } catch (error) {
      await ignoring(['ENOENT'], () => this.#files.remove(path))
      throw error
    }
  }

  /**
   * The owner first: a change of owner takes rights and capabilities away. Attributes before the mode, which
   * may forbid to write them, and which is an ACL's mask.
   */
  async #setAttributes(path: Uint8Array, wanted: Wanted, what = { hasMode: true }): Promise<void> {
    const hasOwner = await this.#setOwner(path, wanted)
    const refused = await this.#files.setXattrs(path, wanted.xattrs)
    const mode = hasOwner ? wanted.mode : wanted.mode & ~RIGHTS_MASK
    const isSet = await ignoring(REFUSALS, async () => {
      if (what.hasMode) await this.#files.setMode(path, mode)
      return true
    })
    await this.#files.setModified(path, wanted.mtime)
    this.#tellUnset(wanted, { hasOwner, hasMode: isSet === true, refused })
  }

  #wanted(names: Names, attributes: Attributes): Wanted {
    const { setuid } = this.#options.metadata
    const rights = attributes.mode & RIGHTS_MASK
    const notAsked: Pick<Unset, 'kind' | 'attribute'>[] = []
    if (rights !== 0 && !setuid) notAsked.push({ kind: 'setuid' })
    const { xattrs } = decodeFileExtras(attributes.extra)
    const allowed = xattrs.filter(({ name }) => {
      const kind = kindOfXattr(name)
      if (kind !== 'capability' || setuid) return true
      notAsked.push({ kind, attribute: name })
      return false
    })
    return {
      names,
      mode: setuid ? attributes.mode : attributes.mode & ~RIGHTS_MASK,
      ...this.#ownerOf(attributes),
      mtime: attributes.mtime,
      xattrs: allowed,
      notAsked,
    }
  }

  #tellUnset(
    { names, mode, notAsked }: Wanted,
    { hasOwner, hasMode, refused }: Omit<WrittenFile, 'trouble'>,
  ): void {
    for (const { kind, attribute } of notAsked) this.#unset(names, kind, NOT_ASKED, attribute)
    if (!hasOwner) this.#unset(names, 'owner', 'EPERM')
    if (!hasMode) this.#unset(names, 'mode', 'EPERM')
    // Rights of somebody else's are nobody's to give.
    if (!hasOwner && (mode & RIGHTS_MASK) !== 0) this.#unset(names, 'setuid', 'EPERM')
    for (const { name, code } of refused ?? []) this.#unset(names, kindOfXattr(name), code, name)
  }

  #unset(names: Names, kind: UnsetKind, reason: string, attribute?: Uint8Array): void {
    const path = toPath(names)
    this.#options.onUnset({ path, kind, reason, ...(attribute === undefined ? {} : { attribute }) })
  }

  /** By name where this machine knows the account, by number otherwise. */
  #ownerOf({ userName, groupName, ...numbers }: Attributes): { uid: number; gid: number } {
    const uid = userName === undefined ? undefined : this.#files.userId(userName)
    const gid = groupName === undefined ? undefined : this.#files.groupId(groupName)
    return { uid: uid ?? numbers.uid, gid: gid ?? numbers.gid }
  }

  async #setOwner(path: Uint8Array, { uid, gid }: Wanted): Promise<boolean> {
    const now = await this.#files.status(path)
    if (now.uid === uid && now.gid === gid) return true
    const isSet = await ignoring(REFUSALS, async () => {
      await this.#files.setOwner(path, { uid, gid })
      return true
    })
    return isSet === true
  }
}
