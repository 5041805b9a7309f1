/**
 * Diary: the few files of somebody who keeps them for years.
 *
 * Each is of a kind that ages in its own way: a database changes pages, a log grows and is begun anew,
 * a text is edited in the middle, pictures come and go and come back, a folder is cleared and made again.
 */

import { type FileNode, type FileTree, toBytes } from './file-tree.ts'
import type { SimRandom } from './random.ts'
import type { Canaries } from './secrecy.ts'

const PAGE_SIZE = 4096
const DATABASE_PAGES = 28
const LOG_SIZE_MAX = 60_000
const TEXT_SIZE_MAX = 40_000
const PICTURES_MAX = 6

const WORDS = 'stone path river letter tax photo garden recipe invoice draft summer note'.split(' ')

const LIKELINESS = {
  changePages: 10,
  appendLog: 8,
  editText: 8,
  saveText: 2,
  addPicture: 3,
  removePicture: 2,
  bringBack: 2,
  renamePicture: 1.5,
  copyPicture: 1.5,
  workOnProject: 4,
  clearProject: 0.7,
  touch: 1,
  changeMode: 1,
}

type Edit = keyof typeof LIKELINESS

export class Diary {
  readonly #tree: FileTree
  #random: SimRandom
  readonly #home: string
  readonly #nameWords: readonly string[]
  readonly #textWords: readonly string[]
  /** Contents of pictures that were removed. */
  readonly #drawer = new Map<string, Uint8Array>()
  #count = 0

  /**
   * @param home - is there already
   * @param canaries - more words that stand in names and texts
   */
  constructor(tree: FileTree, random: SimRandom, home: string, canaries?: Canaries) {
    this.#tree = tree
    this.#random = random
    this.#home = home
    this.#nameWords = canaries === undefined ? WORDS : [...WORDS, canaries.name]
    this.#textWords = canaries === undefined ? WORDS : [...WORDS, canaries.content]
    this.#write('accounts.db', random.bytes(DATABASE_PAGES * PAGE_SIZE))
    this.#write('events.log', this.#text(3000))
    this.#write('novel.txt', this.#text(20_000))
    for (const folder of ['pictures', 'project']) this.#makeFolder(folder)
    this.#write('project/plan.txt', this.#text(2000))
    this.#addPicture()
  }

  /** Paths of the files that live for long, absolute. */
  get longLived(): readonly string[] {
    return ['accounts.db', 'events.log', 'novel.txt'].map((name) => `${this.#home}/${name}`)
  }

  /** From now on chance is that of this generator. */
  drawFrom(random: SimRandom): void {
    this.#random = random
  }

  edits(count: number): void {
    for (let left = count; left > 0; left--) this.#edit(this.#random.weighted(LIKELINESS))
  }

  #edit(edit: Edit): void {
    const pictures = this.#names('pictures')
    const picture = pictures.length === 0 ? undefined : this.#random.pick(pictures)
    switch (edit) {
      case 'changePages':
        return this.#changePages()
      case 'appendLog':
        return this.#appendLog()
      case 'editText':
        return this.#editText()
      case 'saveText':
        return this.#saveText()
      case 'bringBack':
        return this.#bringBack()
      case 'workOnProject':
        return this.#workOnProject()
      case 'clearProject':
        return this.#clearProject()
      case 'touch':
        return this.#tree.setAttributes(this.#node('accounts.db'), { mtime: this.#tree.now() })
      case 'changeMode':
        return this.#tree.setAttributes(this.#node('novel.txt'), {
          mode: this.#random.pick([0o600, 0o644]),
        })
      default:
        return picture === undefined ? this.#addPicture() : this.#onPicture(edit, picture)
    }
  }

  #onPicture(edit: Edit, name: string): void {
    const path = `pictures/${name}`
    const bytes = this.#read(path)
    if (edit === 'removePicture') {
      this.#drawer.set(name, bytes)
      this.#tree.remove(this.#path(path))
    } else if (edit === 'renamePicture') {
      this.#tree.rename(this.#path(path), this.#path(`pictures/${this.#newName('.jpg')}`))
    } else if (this.#names('pictures').length >= PICTURES_MAX) {
      this.#tree.remove(this.#path(path))
    } else if (edit === 'copyPicture') {
      this.#write(`project/${this.#newName(' of a picture')}`, bytes)
    } else this.#addPicture()
  }

  #changePages(): void {
    const node = this.#node('accounts.db')
    for (let count = this.#random.between(1, 3); count > 0; count--) {
      const offset = this.#random.below(DATABASE_PAGES) * PAGE_SIZE
      this.#tree.write(node, offset, this.#random.bytes(this.#random.between(20, PAGE_SIZE)))
    }
  }

  /** A log that is too long is put away, and a new one begun. */
  #appendLog(): void {
    const node = this.#node('events.log')
    if (node.size > LOG_SIZE_MAX) {
      this.#tree.rename(this.#path('events.log'), this.#path('events.1.log'))
      this.#write('events.log', this.#text(100))
    } else this.#tree.write(node, node.size, this.#text(this.#random.between(50, 3000)))
  }

  #editText(): void {
    const node = this.#node('novel.txt')
    const bytes = node.read(0, node.size)
    const at = this.#random.below(bytes.length + 1)
    const cut = this.#random.below(
      Math.min(bytes.length > TEXT_SIZE_MAX ? 4000 : 400, bytes.length - at) + 1,
    )
    this.#tree.truncate(node, at)
    this.#tree.write(node, at, this.#text(this.#random.between(1, 500)))
    this.#tree.write(node, node.size, bytes.slice(at + cut))
  }

  #saveText(): void {
    const bytes = this.#read('novel.txt')
    this.#write('novel.txt~', bytes)
    this.#tree.rename(this.#path('novel.txt~'), this.#path('novel.txt'))
    this.#editText()
  }

  #addPicture(): void {
    const size = this.#random.between(2000, 40_000)
    this.#write(`pictures/${this.#newName('.jpg')}`, this.#random.bytes(size))
  }

  /** Under the name it had, or another. */
  #bringBack(): void {
    const names = [...this.#drawer.keys()]
    if (names.length === 0) return this.#addPicture()
    const name = this.#random.pick(names)
    const bytes = this.#drawer.get(name) ?? new Uint8Array(0)
    this.#drawer.delete(name)
    this.#write(`pictures/${this.#random.chance(0.7) ? name : this.#newName('.jpg')}`, bytes)
  }

  #workOnProject(): void {
    const names = this.#names('project')
    const name =
      names.length === 0 || (names.length < 6 && this.#random.chance(0.4))
        ? this.#newName('.txt')
        : this.#random.pick(names)
    this.#write(`project/${name}`, this.#text(this.#random.between(0, 6000)))
  }

  /** The folder goes with all in it; most times it is made anew at once. */
  #clearProject(): void {
    for (const name of this.#names('project')) this.#tree.remove(this.#path(`project/${name}`))
    if (this.#tree.has(this.#path('project'))) this.#tree.remove(this.#path('project'))
    if (this.#random.chance(0.7)) this.#makeFolder('project')
  }

  #write(name: string, bytes: Uint8Array): void {
    const folder = name.slice(0, Math.max(0, name.lastIndexOf('/')))
    if (folder !== '') this.#makeFolder(folder)
    const path = this.#path(name)
    const node = this.#tree.has(path) ? this.#tree.node(path) : this.#tree.make(path, 'file', 0o644)
    this.#tree.truncate(node, 0)
    this.#tree.write(node, 0, bytes)
  }

  #makeFolder(name: string): void {
    if (!this.#tree.has(this.#path(name))) this.#tree.make(this.#path(name), 'folder', 0o755)
  }

  #read(name: string): Uint8Array {
    const node = this.#node(name)
    return node.read(0, node.size)
  }

  #names(folder: string): string[] {
    const path = this.#path(folder)
    return this.#tree.has(path) ? [...this.#tree.node(path).names.keys()].toSorted() : []
  }

  #newName(suffix: string): string {
    this.#count += 1
    return `${this.#random.pick(this.#nameWords)} ${this.#count}${suffix}`
  }

  #node(name: string): FileNode {
    return this.#tree.node(this.#path(name))
  }

  #path(name: string): Uint8Array {
    return toBytes(`${this.#home}/${name}`)
  }

  #text(size: number): Uint8Array {
    let text = ''
    while (text.length < size)
      text += `${this.#random.pick(this.#textWords)}${this.#random.below(99)} `
    return toBytes(text.slice(0, size))
  }
}
