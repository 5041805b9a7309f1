/**
 * Oracle: remembers what a person's files were, and knows whether a restore is right.
 *
 * A *picture* is a file tree at one moment. A backup that ran while the person worked may show any
 * of the moments it saw, path by path; one that ran in quiet must show the one moment exactly.
 */

import { type FileNode, type FileTree, toBytes, toText } from './file-tree.ts'

/** What is to come back of one path, as text: equal text, equal in every way that a restore keeps. */
export interface Seen {
  readonly attributes: string
  /** Bytes of a file; else 0. */
  readonly size: number
  /** Digest of a file, target of a link; empty for a folder or FIFO. */
  readonly content: string
}

/** By path below the root that was pictured, in tree order; '' is the root itself. */
export type Picture = ReadonlyMap<string, Seen>

export interface Difference {
  readonly path: string
  readonly why: string
}

/** Picture everything below a folder that a backup can keep. */
export function takePicture(tree: FileTree, root: string): Picture {
  const picture = new Map<string, Seen>()
  for (const { path, node } of tree.walk(toBytes(root))) {
    const seen = see(node)
    if (seen !== undefined) picture.set(toText(path).slice(root.length), seen)
  }
  return picture
}

function see(node: FileNode): Seen | undefined {
  const { kind, mode, uid, gid, mtime } = node
  const time = `${mtime.seconds}.${mtime.nanoseconds}`
  const xattrs = [...node.xattrs].map(([name, value]) => `${name}=${toText(value)}`).toSorted()
  // A restore gives away no rights: setuid and setgid do not come back.
  const common = [kind, (mode & 0o1777).toString(8), `${uid}:${gid}`, time, ...xattrs].join(' ')
  if (kind === 'folder' || kind === 'fifo') return { attributes: common, size: 0, content: '' }
  if (kind === 'symlink') return { attributes: common, size: 0, content: toText(node.target) }
  if (kind !== 'file') return undefined
  return { attributes: `${common} ${node.size}`, size: node.size, content: node.digest }
}

/** What is known of one run of the backup. */
export interface Memory {
  /** The folder that was backed up; paths are below it. */
  readonly root: string
  /** Pictures from its start to its end, one after each change; one only, if all was quiet. */
  readonly pictures: readonly Picture[]
  /** Paths that the run itself said it could not read. */
  readonly skipped: ReadonlySet<string>
  /** Not all has to be in it: it was published while the run went on. */
  readonly isPartial?: boolean
}

/**
 * Compare what was restored with what was.
 *
 * @param isFuzzy - whether the snapshot itself says that a file changed while it was read
 * @returns nothing, if the restore is right
 */
export function compareWith(
  memory: Memory,
  restored: Picture,
  isFuzzy: (path: string) => boolean,
): Difference[] {
  const differences: Difference[] = []
  const states = statesOf(memory)
  for (const path of new Set([...states.keys(), ...restored.keys()])) {
    if (isSkipped(memory, path)) continue
    const why = judge(states.get(path) ?? [undefined], restored.get(path), () => isFuzzy(path))
    if (why !== undefined) differences.push({ path, why })
  }
  return differences
}

/** What a path was in turn, each state once; `undefined` at the end, where it was not there at some time. */
type States = ReadonlyMap<string, readonly (Seen | undefined)[]>

/** A snapshot of a busy month has thousands of pictures, and is looked at again and again. */
const known = new WeakMap<readonly Picture[], { readonly count: number; readonly states: States }>()

function statesOf({ pictures }: Memory): States {
  const before = known.get(pictures)
  if (before?.count === pictures.length) return before.states
  const found = new Map<string, { readonly different: Map<string, Seen>; times: number }>()
  for (const [path, seen] of pictures.flatMap((one) => [...one])) {
    const of = found.get(path) ?? { different: new Map<string, Seen>(), times: 0 }
    const name = `${seen.attributes}\n${seen.content}`
    if (!of.different.has(name)) of.different.set(name, seen)
    of.times += 1
    found.set(path, of)
  }
  const states = new Map<string, (Seen | undefined)[]>()
  for (const [path, { different, times }] of found) {
    const absent = times < pictures.length ? [undefined] : []
    states.set(path, [...different.values(), ...absent])
  }
  known.set(pictures, { count: pictures.length, states })
  return states
}

/** @param then - as `States` has it */
function judge(
  then: readonly (Seen | undefined)[],
  now: Seen | undefined,
  isFuzzy: () => boolean,
): string | undefined {
  if (then.some((seen) => isSame(seen, now))) return undefined
  const wasQuiet = then.length === 1
  if (now === undefined) return 'did not come back'
  if (then.every((seen) => seen === undefined)) return 'was never there'
  if (!wasQuiet) {
    // Attributes and content may be of two moments only if the snapshot admits it.
    if (isFuzzy()) return undefined
    const isContentKnown = then.some((seen) => seen?.content === now.content)
    const isAttributeKnown = then.some((seen) => seen?.attributes === now.attributes)
    if (isContentKnown && isAttributeKnown) return undefined
  }
  const was = then.find((seen) => seen !== undefined)
  return was?.content === now.content
    ? `was ${was.attributes}, is ${now.attributes}`
    : `has other content than it had; was ${was?.attributes}, is ${now.attributes}`
}

function isSame(a: Seen | undefined, b: Seen | undefined): boolean {
  return a === b || (a?.attributes === b?.attributes && a?.content === b?.content)
}

/** @param path - below the root */
export function isSkipped({ skipped }: Pick<Memory, 'skipped'>, path: string): boolean {
  for (let one = path; ; one = one.slice(0, one.lastIndexOf('/'))) {
    if (skipped.has(one)) return true
    if (one === '') return false
  }
}
