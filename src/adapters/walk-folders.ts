/** Walking folders with synchronous calls, for a thread that has nothing else to do. */

import { closeSync, constants, lstatSync, openSync, readdirSync, readSync } from 'node:fs'

import { isCut, StretchBuilder } from '../base/stretch.ts'
import type { PathBytes } from '../ports/files.ts'
import type {
  LeftOut,
  PassedWhy,
  Scanned,
  ScanPattern,
  ScanRequest,
  ScanRules,
  ScanTag,
} from '../ports/scan.ts'
import { HintTree, type Look } from '../source/hints.ts'
import { NO_RULES, ruleWords, SourceRules, type FolderRules } from '../source/rules.ts'
import { systemCode } from './system.ts'
import { isSystemFolder } from './system-folders.ts'

/** Paths and names are text of one character a byte: quick to sort and to join, and nothing is lost. */
export type Latin1 = string

const { S_IFDIR, S_IFMT, S_IFREG } = constants

const BIGINT = { bigint: true } as const

/** A folder that is still to be looked into. */
interface Waiting {
  readonly path: Latin1
  /** What it lies on, and what its source lies on; `undefined` for a source itself. */
  readonly device: number | undefined
  readonly sourceDevice: number | undefined
  /** Why what is in it is passed over. */
  readonly why: PassedWhy | undefined
  readonly rules: SourceRules
  readonly look: Look
}

/** Where the walk is, for whoever watches it. */
export interface WalkWatch {
  /** Where nothing answers: told as a trouble, and left alone. */
  readonly stalled: readonly Latin1[]
  /** Called before a folder is looked into. */
  readonly enter: (folder: Latin1) => void
  /** Called before something in it is looked at. */
  readonly see: (name: Latin1) => void
}

const UNWATCHED: WalkWatch = { stalled: [], enter: () => undefined, see: () => undefined }

/** What a call that never ends is given up with. */
const STALLED = 'ETIMEDOUT'

/** @yields what src/ports/scan.ts promises */
export function* walkFolders(
  request: ScanRequest,
  watch: WalkWatch = UNWATCHED,
): Generator<Scanned> {
  const rules = request.rules ?? NO_RULES
  const hints = new HintTree(request.hints)
  const sources = request.folders.map(fromBytes).flatMap((path) => {
    const look = hints.lookAt(path)
    if (look === undefined) return []
    const device = undefined
    const why = undefined
    return [{ path, device, sourceDevice: device, why, rules: new SourceRules(rules, path), look }]
  })
  const walk = new Walk(
    rules,
    watch,
    byFolder(request.excluded.map(fromBytes)),
    request.only && fromBytes(request.only),
    hints,
  )
  const waiting: Waiting[] = sources.filter(({ path }) => walk.leadsOn(path)).toReversed()
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const child of (yield* walk.look(next)).toReversed()) waiting.push(child)
  }
}

class Walk {
  readonly #rules: ScanRules
  readonly #passed: ReadonlyMap<Latin1, ReadonlySet<Latin1>>
  readonly #only: Latin1 | undefined
  readonly #hints: HintTree
  readonly #watch: WalkWatch
  readonly #stalled: ReadonlySet<Latin1>
  readonly #builder = new StretchBuilder()
  #leftOut: Pick<LeftOut, 'why' | 'rule'> | undefined

  constructor(
    rules: ScanRules,
    watch: WalkWatch,
    passed: ReadonlyMap<Latin1, ReadonlySet<Latin1>>,
    only: Latin1 | undefined,
    hints: HintTree,
  ) {
    this.#rules = rules
    this.#watch = watch
    this.#stalled = new Set(watch.stalled)
    this.#passed = passed
    this.#only = only
    this.#hints = hints
  }

  /** @returns whether the one path that was asked for lies in a folder, if there is one */
  leadsOn(folder: Latin1): boolean {
    if (this.#only === undefined || folder === '/') return true
    return this.#only.startsWith(`${folder}/`)
  }

  /** Looking a path up in a set costs a copy of it; mostly the set is empty. */
  #isStalled(path: Latin1): boolean {
    return this.#stalled.size > 0 && this.#stalled.has(path)
  }

  /** @returns the names of a folder that are to be looked at */
  #wanted(base: Latin1, names: Latin1[], look: Look): Latin1[] {
    if (look === 'way') {
      return names.filter((name) => this.#hints.lookAt(base + name, look) !== undefined)
    }
    if (this.#only === undefined) return names
    const [name] = this.#only.slice(base.length).split('/')
    return names.filter((each) => each === name)
  }

  /** @returns the folders in it that are to be looked into */
  *look(folder: Waiting): Generator<Scanned, Waiting[]> {
    const path = new Uint8Array(toBytes(folder.path))
    const { look, why } = folder
    if (why !== undefined) return look === 'way' ? [] : yield* this.#pass(path, why)
    this.#watch.enter(folder.path)
    const listed = this.#isStalled(folder.path) ? { code: STALLED } : list(folder.path)
    if ('code' in listed) {
      // Whoever gave the hint tells of the folder's own folder as well.
      if (this.#hints.isSome && isAbsent(listed.code)) return []
      yield { type: 'unlisted', folder: path, code: listed.code }
      return []
    }
    const { names } = listed
    const base = folder.path === '/' ? folder.path : `${folder.path}/`
    const isSource = folder.device === undefined
    const tag = isSource ? undefined : this.#rules.tags.find((each) => isTagged(base, names, each))
    const here = {
      ...folder,
      device: folder.device ?? listed.device,
      sourceDevice: folder.sourceDevice ?? listed.device,
    }
    if (tag !== undefined && look !== 'way') yield { type: 'passed', folder: path, why: 'tag' }
    const passed = this.#passed.get(folder.path)
    const inside = folder.rules.inside(folder.path)
    const inner: Waiting[] = []
    let after = ''
    for (const name of this.#wanted(base, names, look)) {
      if (passed?.has(name) === true) this.#note('excluded')
      else if (tag !== undefined && name !== toLatin1(tag.name)) this.#leaveOut('tag', tag.origin)
      else {
        const child = this.#see(here, base + name, name, inside)
        if (child !== undefined) inner.push(child)
      }
      if (this.#leftOut !== undefined) {
        yield { type: 'left-out', folder: path, name: toBytes(name), ...this.#leftOut }
        this.#leftOut = undefined
      }
      if (look === 'way' || !isCut(name)) continue
      yield this.#builder.finish(path, after, name)
      after = name
    }
    const last = this.#builder.finish(path, after, undefined)
    if (look !== 'way') yield last
    return inner.filter((child) => this.leadsOn(child.path))
  }

  /** Nothing in it is looked at, so nothing of it is in the snapshot. */
  *#pass(path: Uint8Array, why: PassedWhy): Generator<Scanned, Waiting[]> {
    yield { type: 'passed', folder: path, why }
    yield this.#builder.finish(path, '', undefined)
    return []
  }

  /** @returns the child, if it is a folder to be looked into */
  #see(folder: Waiting, path: Latin1, name: Latin1, inside: FolderRules): Waiting | undefined {
    const builder = this.#builder
    // What is left out is not even asked what it is: that may hang, or fail, and be the reason.
    const isDoubtful = inside.mayMatch(name)
    const always = isDoubtful ? inside.always(name) : undefined
    if (always !== undefined) return this.#leaveOut('pattern', always)
    if (this.#isStalled(path)) {
      builder.fail(name, STALLED)
      // Should its folder have been told before it hung, this is where it is told.
      return this.#inside(folder, path, { device: folder.device, why: undefined })
    }
    this.#watch.see(name)
    let status
    try {
      status = lstatSync(toSystem(path), BIGINT)
    } catch (error) {
      builder.fail(name, codeOf(error))
      return undefined
    }
    // Not by the methods of a status: they count in bigints.
    const isFolder = isOfKind(status.mode, S_IFDIR)
    const { sizeMax, isOneFileSystem } = this.#rules
    const pattern = isDoubtful ? inside.excluding(name, isFolder) : undefined
    if (pattern !== undefined) return this.#leaveOut('pattern', pattern)
    const isLarge = sizeMax !== undefined && status.size > sizeMax
    if (isLarge && isOfKind(status.mode, S_IFREG)) {
      return this.#leaveOut('size')
    }
    if (isOneFileSystem && !isFolder && Number(status.dev) !== folder.sourceDevice) {
      return this.#leaveOut('mount')
    }
    builder.add(name, status)
    if (!isFolder) return undefined
    const device = Number(status.dev)
    return this.#inside(folder, path, { device, why: this.#whyPassed(path, device, folder) })
  }

  /** @returns undefined where there is no hint */
  #inside(
    { sourceDevice, rules, look: above }: Waiting,
    path: Latin1,
    { device, why }: Pick<Waiting, 'device' | 'why'>,
  ): Waiting | undefined {
    const look = this.#hints.lookAt(path, above)
    return look && { path, device, sourceDevice, why, rules, look }
  }

  #leaveOut(why: LeftOut['why'], rule: ScanPattern | string = ''): undefined {
    this.#builder.leaveOut()
    this.#note(why, rule)
  }

  #note(why: LeftOut['why'], rule: ScanPattern | string = ''): void {
    if (this.#only === undefined) return
    this.#leftOut = { why, rule: typeof rule === 'string' ? rule : ruleWords(rule) }
  }

  #whyPassed(path: Latin1, device: number, above: Waiting): PassedWhy | undefined {
    if (device === above.device) return undefined
    if (isSystemFolder(path)) return 'system'
    return this.#rules.isOneFileSystem && device !== above.sourceDevice ? 'mount' : undefined
  }
}

/** @returns names by the folder that they lie in */
export function byFolder(paths: readonly Latin1[]): ReadonlyMap<Latin1, ReadonlySet<Latin1>> {
  const folders = Map.groupBy(paths, (path) => path.slice(0, path.lastIndexOf('/')) || '/')
  const names = (inside: Latin1[]) =>
    new Set(inside.map((path) => path.slice(path.lastIndexOf('/') + 1)))
  return new Map([...folders].map(([folder, inside]) => [folder, names(inside)]))
}

type Listed = { readonly names: Latin1[]; readonly device: number }

function list(folder: Latin1): Listed | { readonly code: string } {
  try {
    const path = toBytes(folder)
    const names = readdirSync(path, { encoding: 'latin1' })
    // A link may have taken the folder's place: readdir would go through it, lstat does not.
    const status = lstatSync(path)
    if (!status.isDirectory()) return { code: 'ENOTDIR' }
    // By UTF-16 units, which are bytes here.
    return { names: names.toSorted(), device: status.dev }
  } catch (error) {
    return { code: codeOf(error) }
  }
}

/** @returns whether a folder holds a regular file of the tag's name that begins as the tag does */
export function isTagged(
  base: Latin1,
  names: readonly Latin1[],
  { name, header }: ScanTag,
): boolean {
  const tag = toLatin1(name)
  if (!names.includes(tag)) return false
  const start = readStart(base + tag, Buffer.byteLength(header))
  return start?.equals(Buffer.from(header)) === true
}

/** @returns undefined for what cannot be read and what is no regular file */
function readStart(path: Latin1, size: number): Buffer | undefined {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants
  let file: number | undefined
  try {
    if (!lstatSync(toBytes(path)).isFile()) return undefined
    if (size === 0) return Buffer.alloc(0)
    file = openSync(toBytes(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    const start = Buffer.alloc(size)
    return start.subarray(0, readSync(file, start, 0, size, 0))
  } catch (error) {
    codeOf(error)
    return undefined
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function isAbsent(code: string): boolean {
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function isOfKind(mode: bigint, kind: number): boolean {
  return (Number(mode) & S_IFMT) === kind
}

/** @throws what is no error of the system's, as it is */
function codeOf(error: unknown): string {
  const code = systemCode(error)
  if (code === undefined) throw error
  return code
}

/** @returns the path as the system takes it: text where that means the same bytes, for it costs a buffer less */
function toSystem(path: Latin1): string | Buffer {
  // oxlint-disable-next-line no-control-regex
  return /^[\u0000-\u007f]*$/.test(path) ? path : toBytes(path)
}

export function toBytes(path: Latin1): Buffer {
  return Buffer.from(path, 'latin1')
}

export function fromBytes(path: PathBytes): Latin1 {
  return Buffer.from(path).toString('latin1')
}

/** @returns the name's UTF-8 with one character a byte */
export function toLatin1(name: string): Latin1 {
  return Buffer.from(name, 'utf8').toString('latin1')
}
