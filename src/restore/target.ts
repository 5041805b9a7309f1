/**
 * The target: where restored files are written, and never outside of it.
 *
 * Every name is checked on this machine. Every folder below the target is made here or found to be a
 * real folder, so nothing is written through a symbolic link that somebody planted. Files are
 * written under a temporary name and appear whole, with their attributes, or not at all.
 */

import { toHex } from '../../protocol/bytes.ts'
import { decodeFileExtras, type Xattr } from '../../protocol/file-extras.ts'
import type { Attributes } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { FilesError, FormatError } from '../base/errors.ts'
import type { Files, FileTime, FileWriter, SpecialFile } from '../ports/files.ts'
import type { Random } from '../ports/random.ts'
import { REFUSALS, type WrittenFile } from '../ports/writing.ts'
import { isPlainName, join, toPath, type Names } from '../source/path.ts'
import { sparseWriter } from './sparse-writer.ts'
import {
  kindOfXattr,
  NOT_ASKED,
  PLAIN_METADATA,
  type MetadataOptions,
  type Unset,
  type UnsetKind,
} from './unset.ts'

/** A name that would lead out of its folder. */
export class UnsafeNameError extends FilesError {
  override readonly name = 'UnsafeNameError'

  constructor() {
    super('EINVAL', 'The name would lead out of its folder, so it is not written')
  }
}

/** setuid and setgid give rights away; they come back only when asked for. */
const RIGHTS_MASK = 0o6000

export interface TargetOptions {
  readonly metadata: MetadataOptions
  /** Told of each thing that a restored file lacks. */
  readonly onUnset: (unset: Unset) => void
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
  readonly #folders = new Set<string>()
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
    let folder: Uint8Array = Uint8Array.of(0x2f)
    for (const name of names) {
      folder = join(folder, name)
      await ignoring(['EEXIST'], () => parts.files.makeFolder(folder))
    }
    return new Target(parts.files, parts.random, await parts.files.resolve(path), options)
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
      const { kind } = await this.#files.status(path)
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
  ): Promise<readonly (FilesError | FormatError | undefined)[]> {
    const troubles = new Map<SmallFile, FilesError | FormatError>()
    const places = new Map<SmallFile, { readonly path: Uint8Array; readonly wanted: Wanted }>()
    for (const file of files) {
      try {
        const folder = await this.folder(file.names.slice(0, -1))
        const path = this.#child(folder, file.names.at(-1) ?? new Uint8Array(0))
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

  /** Write a file under a temporary name; `fill` gives it its content. */
  async file(
    names: Names,
    attributes: Attributes,
    fill: (temporary: () => Promise<Temporary>) => Promise<Temporary>,
  ): Promise<void> {
    const { path, folder } = await this.#free(names)
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
    // A link has no mode of its own that could be set.
    await this.#settle(path, this.#wanted(names, attributes), { hasMode: false })
  }

  /** @returns whether it was made; a device has to be asked for */
  async special(names: Names, special: SpecialFile, attributes: Attributes): Promise<boolean> {
    if (special.kind !== 'fifo' && !this.#options.metadata.devices) {
      this.#unset(names, 'device', NOT_ASKED)
      return false
    }
    const { path } = await this.#free(names)
    await this.#files.makeSpecial(path, special)
    await this.#settle(path, this.#wanted(names, attributes), { hasMode: true })
    return true
  }

  /** Make a link to what is there already. @returns whether that was possible */
  async link(existing: Names, names: Names): Promise<boolean> {
    const { path } = await this.#free(names)
    const first = join(
      await this.folder(existing.slice(0, -1)),
      existing.at(-1) ?? new Uint8Array(0),
    )
    try {
      await this.#files.link(first, path)
      return true
    } catch (error) {
      if (!(error instanceof FilesError)) throw error
      this.#unset(names, 'link', error.code)
      return false
    }
  }

  /** Give a folder its attributes, once nothing more is written into it. */
  async finishFolder(names: Names, attributes: Attributes): Promise<void> {
    const path = names.reduce<Uint8Array>((folder, name) => this.#child(folder, name), this.#root)
    await this.#setAttributes(path, this.#wanted(names, attributes))
  }

  /** @returns the path for something new; what is there already is never overwritten */
  async #free(names: Names): Promise<{ path: Uint8Array; folder: Uint8Array }> {
    const folder = await this.folder(names.slice(0, -1))
    const path = this.#child(folder, names.at(-1) ?? new Uint8Array(0))
    const isTaken = await ignoring(['ENOENT'], async () => {
      await this.#files.status(path)
      return true
    })
    if (isTaken === true) throw taken()
    return { path, folder }
  }

  #temporaryName(): Uint8Array {
    return new TextEncoder().encode(`.cairn-${toHex(this.#random.bytes(8))}.part`)
  }

  #child(folder: Uint8Array, name: Uint8Array): Uint8Array {
    if (!isPlainName(name)) throw new UnsafeNameError()
    return join(folder, name)
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
