/**
 * A watched tree: a watch on each folder, kept up as folders come, go and are renamed.
 *
 * The watch on a folder is there before its names are listed, so that what comes in between is told or listed,
 * or both. What a new folder holds is looked at with all below it, for it may have been filled before.
 */

import { lstatSync, readdirSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'

import type { Watched, WatchRequest } from '../ports/watching.ts'
import { SourceRules } from '../source/rules.ts'
import {
  IN_ATTRIB,
  IN_CREATE,
  IN_IGNORED,
  IN_ISDIR,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_Q_OVERFLOW,
  type Change,
  type Inotify,
} from './inotify.ts'
import { isSystemFolder } from './system-folders.ts'
import { systemCode } from './system.ts'
import { fromBytes, isTagged, toBytes, toLatin1, type Latin1 } from './walk-folders.ts'

/** Roots are looked at so often, ms: no event tells that something is mounted over one. */
const ROOTS_MS = 1_000

/** A folder that vanished meanwhile, or that nobody may look into, is no news: a scan tells. */
const NO_NEWS: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP'])

/** What was asked to be watched. */
interface Root {
  readonly path: Latin1
  readonly rules: SourceRules
  /** As it was when it was last there. */
  seen: Seen | undefined
  isAway: boolean
  /** As long as the kernel says nothing else. */
  isWatched: boolean
}

interface Seen {
  readonly device: number
  readonly inode: number
  readonly isFolder: boolean
  /** Another file system begins here. */
  readonly isMount: boolean
}

interface WatchedFolder {
  readonly path: Latin1
  readonly root: Root
  /** Of a root that is a file, the folder that holds it is watched, and only for that name. */
  readonly only: Latin1 | undefined
}

export class WatchTree {
  readonly #inotify: Pick<Inotify, 'add' | 'remove' | 'read'>
  readonly #request: WatchRequest
  readonly #excluded: ReadonlySet<Latin1>
  readonly #roots: readonly Root[]
  readonly #onFolder: (folder: Latin1) => void
  /** By the kernel's number; roots that are files may share a folder. */
  readonly #folders = new Map<number, WatchedFolder[]>()
  readonly #told = new Set<string>()
  #found: Watched[] = []
  #rootsAt = 0

  /** @param onFolder - told of each folder before it is looked at */
  constructor(
    request: WatchRequest,
    inotify: Pick<Inotify, 'add' | 'remove' | 'read'>,
    onFolder: (folder: Latin1) => void = () => undefined,
  ) {
    this.#request = request
    this.#inotify = inotify
    this.#onFolder = onFolder
    this.#excluded = new Set(request.excluded.map(fromBytes))
    this.#roots = request.roots.map(fromBytes).map((path) => {
      const rules = new SourceRules(request.rules, path)
      return { path, rules, seen: undefined, isAway: false, isWatched: false }
    })
  }

  /** Watch all there is. */
  start(): Watched[] {
    for (const root of this.#roots) {
      this.#onFolder(root.path)
      const seen = seeRoot(root.path)
      root.seen = seen
      if (seen === undefined) this.#goAway(root)
      else this.#addRoot(root, seen)
    }
    this.#found.push({ type: 'ready', folders: this.#folders.size })
    return this.#take()
  }

  /** Wait for news, but not for long. */
  step(timeoutMs: number): Watched[] {
    const changes = this.#inotify.read(timeoutMs)
    let isLost = false
    for (const change of changes) {
      if ((change.mask & IN_Q_OVERFLOW) !== 0) isLost = true
      else this.#note(change)
    }
    if (isLost) this.#recover()
    const now = performance.now()
    if (now - this.#rootsAt >= ROOTS_MS) {
      this.#rootsAt = now
      for (const root of this.#roots) this.#check(root)
    }
    return this.#take()
  }

  #take(): Watched[] {
    const found = this.#found
    this.#found = []
    return found
  }

  /** New folders may be among what was not told. */
  #recover(): void {
    for (const root of this.#roots) {
      if (!root.isAway && root.seen !== undefined) this.#addRoot(root, root.seen)
    }
    this.#found.push({ type: 'lost' })
  }

  #check(root: Root): void {
    this.#onFolder(root.path)
    const [before, now] = [root.seen, seeRoot(root.path)]
    // A bare mount point is not the disk that belongs there, emptied.
    const isUnmounted = before?.isMount === true && now?.isMount === false
    if (now === undefined || isUnmounted) {
      if (!root.isAway) this.#goAway(root)
      return
    }
    const isSame = before?.device === now.device && before.inode === now.inode && !root.isAway
    if (isSame && root.isWatched) return
    root.seen = now
    this.#forgetBelow(root.path)
    this.#addRoot(root, now)
    // Nobody may look into it still, or there is no room.
    if (isSame && !root.isWatched) return
    const wasAway = root.isAway
    root.isAway = false
    this.#found.push(wasAway ? { type: 'back', root: bytesOf(root.path) } : { type: 'lost' })
  }

  #goAway(root: Root): void {
    root.isAway = true
    this.#forgetBelow(root.path)
    this.#found.push({ type: 'away', root: bytesOf(root.path) })
  }

  #addRoot(root: Root, seen: Seen): void {
    const name = root.path.slice(root.path.lastIndexOf('/') + 1)
    root.isWatched = seen.isFolder
      ? this.#addTree(root, root.path)
      : this.#addFolder({ path: dirname(root.path), root, only: name })
  }

  /**
   * A folder and all below it, but for what is left out.
   *
   * @returns whether the folder itself is watched now
   */
  #addTree(root: Root, top: Latin1): boolean {
    let isTopWatched = false
    const waiting = [top]
    for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
      this.#onFolder(path)
      if (!this.#addFolder({ path, root, only: undefined })) continue
      if (path === top) isTopWatched = true
      waiting.push(...this.#foldersIn(root, path))
    }
    return isTopWatched
  }

  /** @returns whether it is watched now */
  #addFolder(folder: WatchedFolder): boolean {
    const watch = this.#inotify.add(toBytes(folder.path))
    if (typeof watch === 'string') {
      if (NO_NEWS.has(watch) || this.#told.has(watch)) return false
      this.#told.add(watch)
      this.#found.push({ type: 'unwatched', code: watch, path: bytesOf(folder.path) })
      return false
    }
    const others = (this.#folders.get(watch) ?? []).filter(({ root, only }) => {
      return folder.only !== undefined && only !== undefined && root !== folder.root
    })
    this.#folders.set(watch, [...others, folder])
    return true
  }

  #foldersIn(root: Root, folder: Latin1): Latin1[] {
    const { tags, isOneFileSystem } = this.#request.rules
    const base = folder === '/' ? folder : `${folder}/`
    const inside = root.rules.inside(folder)
    try {
      const entries = readdirSync(toBytes(folder), { encoding: 'latin1', withFileTypes: true })
      const names = entries.map(({ name }) => name)
      if (folder !== root.path && tags.some((tag) => isTagged(base, names, tag))) return []
      const device = lstatSync(toBytes(folder)).dev
      return entries.flatMap((entry) => {
        const { name } = entry
        if (!entry.isDirectory() || this.#excluded.has(base + name)) return []
        if (inside.excluding(name, true) !== undefined) return []
        const other = lstatSync(toBytes(base + name), { throwIfNoEntry: false })?.dev
        if (other === undefined) return []
        if (other !== device && (isOneFileSystem || isSystemFolder(base + name))) return []
        return [base + name]
      })
    } catch (error) {
      if (systemCode(error) === undefined) throw error
      return []
    }
  }

  #note({ watch, mask, name }: Change): void {
    const folders = this.#folders.get(watch) ?? []
    if ((mask & IN_IGNORED) !== 0) this.#lose(watch, folders)
    if (name === '') return this.#noteRoots(folders, mask)
    for (const { path, root, only } of folders) {
      if (only !== undefined) {
        if (only === name) this.#hint(root.path, false)
      } else this.#noteChild(root, path, { mask, name })
    }
  }

  /** A watched folder is no more. A root may be there again by now, even with the inode that it had. */
  #lose(watch: number, folders: readonly WatchedFolder[]): void {
    this.#folders.delete(watch)
    for (const { path, root, only } of folders) {
      if (only === undefined && path !== root.path) continue
      root.isWatched = false
      this.#rootsAt = -Infinity
    }
  }

  /** What happens to a folder itself is told of it in the folder that holds it; nobody watches that of a root. */
  #noteRoots(folders: readonly WatchedFolder[], mask: number): void {
    if ((mask & IN_ATTRIB) === 0) return
    for (const { path, root, only } of folders) {
      if (only === undefined && path === root.path) this.#hint(path, false)
    }
  }

  #noteChild(root: Root, folder: Latin1, { mask, name }: Omit<Change, 'watch'>): void {
    const isFolder = (mask & IN_ISDIR) !== 0
    const path = folder === '/' ? `/${name}` : `${folder}/${name}`
    if (this.#excluded.has(path)) return
    if (root.rules.inside(folder).excluding(name, isFolder) !== undefined) return
    this.#hint(folder, false)
    if (!isFolder) {
      // With its tag a folder is left out, or comes in.
      if (folder !== root.path && this.#isTagName(name)) this.#enter(root, folder)
      return
    }
    if ((mask & IN_MOVED_FROM) !== 0) this.#forgetBelow(path)
    // Of two folders that changed places (RENAME_EXCHANGE) each is where the other was before that is told.
    const isMoved = (mask & (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM)) !== 0
    if (isMoved || this.#isUnwatched(path)) this.#enter(root, path)
  }

  #enter(root: Root, folder: Latin1): void {
    this.#addTree(root, folder)
    this.#hint(folder, true)
  }

  #isTagName(name: Latin1): boolean {
    return this.#request.rules.tags.some((tag) => toLatin1(tag.name) === name)
  }

  /** @returns whether a folder can be watched and was not: nobody might look into it until now */
  #isUnwatched(folder: Latin1): boolean {
    const watch = this.#inotify.add(toBytes(folder))
    if (typeof watch === 'string') return false
    return this.#folders.get(watch)?.some(({ path }) => path === folder) !== true
  }

  /** Watches go along with a folder that is moved: they would tell of it under its old name. */
  #forgetBelow(path: Latin1): void {
    const below = path === '/' ? path : `${path}/`
    for (const [watch, folders] of this.#folders) {
      const isBelow = folders.some((each) => each.path === path || each.path.startsWith(below))
      if (!isBelow) continue
      this.#folders.delete(watch)
      this.#inotify.remove(watch)
    }
  }

  #hint(folder: Latin1, isDeep: boolean): void {
    const last = this.#found.at(-1)
    const path = bytesOf(folder)
    const isSame = last?.type === 'hint' && last.isDeep === isDeep && same(last.folder, path)
    if (!isSame) this.#found.push({ type: 'hint', folder: path, isDeep })
  }
}

function seeRoot(path: Latin1): Seen | undefined {
  const status = look(path)
  if (status === undefined) return undefined
  const above = look(dirname(path))
  const isMount = path !== '/' && above !== undefined && above.dev !== status.dev
  return { device: status.dev, inode: status.ino, isFolder: status.isDirectory(), isMount }
}

function look(path: Latin1): Stats | undefined {
  try {
    return lstatSync(toBytes(path))
  } catch (error) {
    if (systemCode(error) === undefined) throw error
    return undefined
  }
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0
}

function bytesOf(path: Latin1): Uint8Array {
  return new Uint8Array(toBytes(path))
}
