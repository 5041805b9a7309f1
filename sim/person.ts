/**
 * Person: somebody who works on files, as chance has it.
 *
 * Edits what is below one home folder, at once and outside of all ports, the way people and their
 * programs do: text grows line by line, logs grow at the end, editors save by renaming, databases
 * change pages in the middle.
 */

import type { FileTime } from '../src/ports/files.ts'
import { type FileNode, type FileTree, toBytes, toText } from './file-tree.ts'
import type { SimRandom } from './random.ts'
import type { Canaries } from './secrecy.ts'

/** Bytes below the home, above which nothing new is begun. */
const SIZE_MAX = 4_000_000
const PATHS_MAX = 150

/** Names begin with one of these, and often are one. */
export const WORDS =
  'stone path river letter tax photo garden recipe invoice draft summer note'.split(' ')
export const ENDINGS = ['.txt', '.md', '.log', '.tar.gz', '.jpg', '~', ' (1)']
const SUFFIXES = ['', ...ENDINGS]

/** Names that only bytes can hold, or that trip over shells, terminals and sorting. */
const ODD_NAMES = [
  '\xff\xfe',
  'a\nb',
  '-rf',
  '...',
  ' ',
  'na\xc3\xafve',
  'e\xcc\x81',
  'x'.repeat(255),
]

const PAGE_SIZE = 4096

type Edit =
  | 'write'
  | 'editText'
  | 'append'
  | 'changePages'
  | 'saveByRename'
  | 'changeQuietly'
  | 'touch'
  | 'truncate'
  | 'rename'
  | 'copy'
  | 'link'
  | 'remove'
  | 'removeFolder'
  | 'makeFolder'
  | 'makeSymlink'
  | 'changeMode'
  | 'changeKind'
  | 'makeFifo'

const LIKELINESS: Readonly<Record<Edit, number>> = {
  write: 16,
  editText: 16,
  append: 12,
  changePages: 5,
  saveByRename: 6,
  changeQuietly: 2,
  touch: 4,
  truncate: 2,
  rename: 6,
  copy: 5,
  link: 2,
  remove: 5,
  removeFolder: 1,
  makeFolder: 5,
  makeSymlink: 3,
  changeMode: 4,
  changeKind: 1,
  makeFifo: 0.5,
}

export class Person {
  readonly #tree: FileTree
  #random: SimRandom
  readonly #home: string
  readonly #nameWords: readonly string[]
  readonly #textWords: readonly string[]
  #count = 0

  /**
   * @param home - made here; its parent must exist
   * @param canaries - more words that stand in names and texts
   */
  constructor(tree: FileTree, random: SimRandom, home: string, canaries?: Canaries) {
    this.#tree = tree
    this.#random = random
    this.#home = home
    this.#nameWords = canaries === undefined ? WORDS : [...WORDS, canaries.name]
    this.#textWords = canaries === undefined ? WORDS : [...WORDS, canaries.content]
    tree.make(toBytes(home), 'folder', 0o755)
  }

  /** Paths are latin1 text: one character a byte. */
  get home(): string {
    return this.#home
  }

  /** Make one edit. @returns what was done, in a few words */
  edit(): string {
    return this.#do(this.#random.weighted(LIKELINESS))
  }

  /** Make one edit of the kind that a backup may miss while it reads: small, and of few traces. */
  fidget(): string {
    return this.#do(this.#random.pick(['changeQuietly', 'changePages', 'editText', 'touch']))
  }

  /** @returns a folder below the home, or the home itself */
  someFolder(): string {
    return this.#pick((node) => node.kind === 'folder') ?? this.#home
  }

  /** From now on chance is that of this generator. */
  drawFrom(random: SimRandom): void {
    this.#random = random
  }

  /** Give a folder another name or place, or take it away with all in it. */
  changeFolder(how: 'rename' | 'remove'): string {
    if (how === 'remove') return this.#removeFolder()
    return this.#rename((node) => node.kind === 'folder')
  }

  edits(count: number): void {
    for (let left = count; left > 0; left--) this.edit()
  }

  #do(edit: Edit): string {
    const file = this.#pick((node) => node.kind === 'file')
    switch (edit) {
      case 'makeFolder':
        return this.#make('folder', 0o755)
      case 'makeSymlink':
        return this.#makeSymlink()
      case 'makeFifo':
        return this.#make('fifo', 0o644)
      case 'removeFolder':
        return this.#removeFolder()
      case 'rename':
        return this.#rename()
      case 'changeMode':
        return this.#changeMode()
      case 'write':
        return this.#write()
      default:
        return file === undefined ? this.#write() : this.#change(edit, file)
    }
  }

  #change(edit: Edit, path: string): string {
    const node = this.#node(path)
    switch (edit) {
      case 'append':
        this.#tree.write(node, node.size, this.#text(this.#random.between(1, 4000)))
        break
      case 'editText':
        this.#editText(node)
        break
      case 'changePages':
        this.#changePages(node)
        break
      case 'changeQuietly':
        this.#changeQuietly(node)
        break
      case 'saveByRename':
        return this.#saveByRename(path, node)
      case 'touch':
        this.#tree.setAttributes(node, { mtime: this.#someTime() })
        break
      case 'truncate':
        this.#tree.truncate(node, this.#random.below(node.size + 1))
        break
      case 'copy':
        return this.#copy(path, node)
      case 'link':
        return this.#link(path)
      case 'remove':
        this.#tree.remove(toBytes(path))
        break
      default:
        return this.#changeKind(path)
    }
    return `${edit} ${shown(path)}`
  }

  #write(): string {
    if (this.#isFull()) return this.#removeFolder()
    const path = this.#newPath()
    const node = this.#tree.make(toBytes(path), 'file', 0o644)
    const size = this.#size()
    const isText = size < 100_000 && this.#random.chance(0.8)
    if (size > 0) this.#tree.write(node, 0, isText ? this.#text(size) : this.#random.bytes(size))
    return `write ${shown(path)}, ${size} bytes`
  }

  #size(): number {
    const kind = this.#random.weighted({ empty: 1, small: 12, medium: 8, large: 2, huge: 0.3 })
    const [from, to] = {
      empty: [0, 0],
      small: [1, 2_000],
      medium: [2_000, 40_000],
      large: [100_000, 500_000],
      huge: [1_100_000, 2_500_000],
    }[kind] as [number, number]
    return this.#random.between(from, to)
  }

  #editText(node: FileNode): void {
    const bytes = node.read(0, node.size)
    const at = this.#random.below(bytes.length + 1)
    const cut = this.#random.below(Math.min(500, bytes.length - at) + 1)
    const tail = bytes.slice(at + cut)
    this.#tree.truncate(node, at)
    this.#tree.write(node, at, this.#text(this.#random.between(1, 500)))
    this.#tree.write(node, node.size, tail)
  }

  #changePages(node: FileNode): void {
    const pages = Math.ceil(node.size / PAGE_SIZE)
    for (let round = 0; round < 3; round++) {
      const offset = this.#random.below(pages) * PAGE_SIZE
      this.#tree.write(node, offset, this.#random.bytes(this.#random.between(1, PAGE_SIZE)))
    }
  }

  /** Size and time stay as they were; only ctime tells, which nobody can set. */
  #changeQuietly(node: FileNode): void {
    if (node.size === 0) return
    const { mtime } = node
    this.#tree.write(node, this.#random.below(node.size), this.#random.bytes(1))
    this.#tree.setAttributes(node, { mtime })
  }

  #saveByRename(path: string, node: FileNode): string {
    const draft = this.#newPath()
    const made = this.#tree.make(toBytes(draft), 'file', node.mode)
    const bytes = node.read(0, node.size)
    this.#tree.write(made, 0, bytes)
    this.#editText(made)
    this.#tree.rename(toBytes(draft), toBytes(path))
    return `save ${shown(path)} anew`
  }

  #copy(path: string, node: FileNode): string {
    if (this.#isFull()) return this.#removeFolder()
    const target = this.#newPath()
    const made = this.#tree.make(toBytes(target), 'file', node.mode)
    this.#tree.write(made, 0, node.read(0, node.size))
    return `copy ${shown(path)} to ${shown(target)}`
  }

  #link(path: string): string {
    const target = this.#newPath()
    this.#tree.link(toBytes(path), toBytes(target))
    return `link ${shown(path)} to ${shown(target)}`
  }

  #rename(isWanted: (node: FileNode) => boolean = () => true): string {
    const path = this.#pick((node, one) => one !== this.#home && isWanted(node))
    const target = this.#newPath()
    if (path === undefined || target.startsWith(`${path}/`)) return this.#write()
    this.#tree.rename(toBytes(path), toBytes(target))
    return `rename ${shown(path)} to ${shown(target)}`
  }

  #removeFolder(): string {
    const path = this.#pick((node, one) => node.kind === 'folder' && one !== this.#home)
    if (path === undefined) return this.#make('folder', 0o755)
    const below = [...this.#tree.walk(toBytes(path))].map((row) => row.path)
    for (const one of below.toReversed()) this.#tree.remove(one)
    return `remove ${shown(path)} and ${below.length - 1} below it`
  }

  #make(kind: 'folder' | 'fifo', mode: number): string {
    const path = this.#newPath()
    this.#tree.make(toBytes(path), kind, mode)
    return `make ${kind} ${shown(path)}`
  }

  #makeSymlink(): string {
    const path = this.#newPath()
    const target = this.#pick(() => true) ?? '/nowhere'
    this.#tree.make(toBytes(path), 'symlink', 0o777).target = toBytes(target)
    return `link ${shown(path)} symbolically`
  }

  #changeMode(): string {
    const path = this.#pick((node, one) => node.kind !== 'symlink' && one !== this.#home)
    if (path === undefined) return this.#write()
    const node = this.#node(path)
    const modes = node.kind === 'folder' ? [0o700, 0o755, 0o1777] : [0o600, 0o644, 0o755, 0o4711]
    const mode = this.#random.pick(modes)
    this.#tree.setAttributes(node, { mode })
    // The same hand labels it, every other time; a FIFO takes no label.
    const label = mode === modes[1] ? undefined : toBytes(`once ${mode.toString(8)}`)
    if (node.kind !== 'fifo') this.#tree.setXattr(node, 'user.label', label)
    return `change mode of ${shown(path)}`
  }

  /** A file becomes a folder of the same name. */
  #changeKind(path: string): string {
    this.#tree.remove(toBytes(path))
    this.#tree.make(toBytes(path), 'folder', 0o755)
    return `turn ${shown(path)} into a folder`
  }

  #isFull(): boolean {
    const nodes = [...this.#tree.walk(toBytes(this.#home))]
    return (
      nodes.length > PATHS_MAX || nodes.reduce((size, { node }) => size + node.size, 0) > SIZE_MAX
    )
  }

  #pick(wanted: (node: FileNode, path: string) => boolean): string | undefined {
    const found = [...this.#tree.walk(toBytes(this.#home))]
      .filter(({ node, path }) => wanted(node, toText(path)))
      .map(({ path }) => toText(path))
    return found.length === 0 ? undefined : this.#random.pick(found)
  }

  #newPath(): string {
    const folder = this.#pick((node) => node.kind === 'folder') ?? this.#home
    for (;;) {
      const name = this.#random.chance(0.05)
        ? this.#random.pick(ODD_NAMES)
        : this.#random.pick(this.#nameWords) +
          (this.#random.chance(0.4) ? ` ${++this.#count}` : '') +
          this.#random.pick(SUFFIXES)
      const path = `${folder}/${name}`
      if (!this.#tree.has(toBytes(path))) return path
      this.#count++
    }
  }

  #text(size: number): Uint8Array {
    let text = ''
    while (text.length < size)
      text += `${this.#random.pick(this.#textWords)}${this.#random.below(9)} `
    return toBytes(text.slice(0, size))
  }

  /** Mostly about now; sometimes long ago, as from an archive. */
  #someTime(): FileTime {
    const now = this.#tree.now()
    const nanoseconds = this.#random.below(1_000_000_000)
    if (this.#random.chance(0.8)) return { seconds: now.seconds - 60, nanoseconds }
    return { seconds: this.#random.between(-1_000_000, 2_000_000_000), nanoseconds }
  }

  #node(path: string): FileNode {
    return this.#tree.node(toBytes(path))
  }
}

/** A path for people: no control characters, and short. */
function shown(path: string): string {
  const text = JSON.stringify(path.slice(path.indexOf('/', 1)))
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text
}
