/**
 * A made-up world of files for properties of the tree: actions happen to them, snapshots are taken of
 * them, and the tree is compared with its slow twin.
 */

import { isDeepStrictEqual } from 'node:util'

import * as fc from 'fast-check'

import { decodeIndexPage } from '../../protocol/index-page.ts'
import { OBJECT_OVERHEAD } from '../../protocol/object.ts'
import { decodePage } from '../../protocol/page.ts'
import type { Reference } from '../../protocol/reference.ts'
import { encodeRoot } from '../../protocol/root.ts'
import { versionId } from '../../protocol/tree.ts'
import type { Attributes, FolderNode, Page, Version, VersionId } from '../../protocol/tree.ts'
import type { Change } from '../../src/history/change.ts'
import { forgetSnapshots } from '../../src/history/forget-tree.ts'
import type { Thin } from '../../src/history/thin.ts'
import { TreeReader } from '../../src/history/tree-reader.ts'
import { writeTree } from '../../src/history/tree-writer.ts'
import type { VisibleEntry } from '../../src/history/visible.ts'
import { inOrder, nameOf, pathOf, textOf, TreeModel } from '../reference/tree-model.ts'
import type { Snapshot, Standing } from '../reference/tree-model.ts'
import { MemoryObjects } from './memory-objects.ts'

const CUT_KEY = new Uint8Array(32).fill(9)

/** Content lies in packs numbered by snapshot; the tree's objects in another one. */
const TREE_PACK = 1_000_000

/** Later than any snapshot: only the present is to be seen then. */
const NOW = 2 ** 41

export type Action =
  | { act: 'file' | 'touch' | 'gone' | 'folder' | 'link'; path: string; seed: number }
  | { act: 'rename'; path: string; target: string; seed: number }
  | { act: 'fill'; path: string; count: number; seed: number }
  | {
      act: 'range'
      what: 'file' | 'touch' | 'gone' | 'folder'
      from: number
      count: number
      seed: number
    }

const name = fc.constantFrom('a', 'b', 'c', 'a-b', 'longer name', '\xff\n')
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'))
const seed = fc.integer({ min: 0, max: 1_000_000 })

export function round(): fc.Arbitrary<Action[]> {
  const simple = fc.record({
    act: fc.constantFrom('file' as const, 'file', 'touch', 'gone', 'folder', 'link'),
    path,
    seed,
  })
  const rename = fc.record({ act: fc.constant('rename' as const), path, target: path, seed })
  const fill = fc.record({
    act: fc.constant('fill' as const),
    path,
    count: fc.integer({ min: 5, max: 60 }),
    seed,
  })
  return fc.array(
    fc.oneof(
      { weight: 10, arbitrary: simple },
      { weight: 2, arbitrary: rename },
      { weight: 1, arbitrary: fill },
    ),
    { maxLength: 10 },
  )
}

/** Much happens to a few files of a large folder. */
export function wideRound(): fc.Arbitrary<Action[]> {
  const wide = fc.integer({ min: 0, max: 900 }).map((index) => `big/${fileName(index)}`)
  const busy = fc.integer({ min: 0, max: 14 }).map((index) => `big/${fileName(index * 7)}`)
  const actions = fc.array(
    fc.record({
      act: fc.constantFrom('file' as const, 'touch', 'touch', 'touch', 'touch', 'gone', 'folder'),
      path: fc.oneof({ weight: 6, arbitrary: busy }, { weight: 1, arbitrary: wide }),
      seed,
    }),
    { minLength: 40, maxLength: 60, size: 'max' },
  )
  // One file is new every time, until its history leaves the page.
  return fc
    .tuple(seed, actions)
    .map(([number, others]): Action[] => [
      { act: 'file', path: 'big/always new', seed: number },
      ...others,
    ])
}

/** Most files of a small folder change in every round. */
export function busyRound(): fc.Arbitrary<Action[]> {
  const busy = fc.integer({ min: 0, max: 39 }).map((index) => `big/${fileName(index)}`)
  return fc.array(
    fc.record({
      act: fc.constantFrom('touch' as const, 'touch', 'touch', 'touch', 'touch', 'file', 'gone'),
      path: busy,
      seed,
    }),
    { minLength: 50, maxLength: 60, size: 'max' },
  )
}

/** Neighbours in one folder come, change and go together; now and then a run is done again. */
export function wave(): fc.Arbitrary<{ actions: Action[]; again: Action[] | undefined }> {
  const range = fc.record({
    act: fc.constant('range' as const),
    what: fc.constantFrom('file' as const, 'file', 'touch', 'touch', 'touch', 'gone', 'folder'),
    from: fc.integer({ min: 0, max: 300 }),
    count: fc.integer({ min: 1, max: 120 }),
    seed,
  })
  const actions = fc.array(range, { minLength: 1, maxLength: 3 })
  return fc.record({ actions, again: fc.option(actions, { nil: undefined, freq: 3 }) })
}

export class World {
  readonly objects = new MemoryObjects(TREE_PACK)
  readonly model = new TreeModel()
  readonly #store = { source: this.objects, sink: this.objects, cutKey: CUT_KEY }
  root: FolderNode | undefined
  sequence = 0

  /** @returns a world after a snapshot of each round */
  static async after(rounds: readonly (readonly Action[])[]): Promise<World> {
    const world = new World()
    for (const actions of rounds) await world.backUp(actions)
    return world
  }

  /** Let actions happen to the model's files, then back up the difference. */
  async backUp(actions: readonly Action[], sequence = this.sequence + 1): Promise<void> {
    const files = new Map(this.model.now)
    for (const action of actions) act(files, action, sequence)
    const changes = difference(this.model.now, files)
    this.sequence = sequence
    this.model.take(sequence, changes)
    this.root = await writeTree(this.root, sequence, stream(changes), this.#store)
  }

  /** Back up once more, stating everything that is there. */
  async restate(): Promise<void> {
    const changes = difference(new Map(), this.model.now).map((change): Change => {
      if (change.type !== 'set' || change.what.kind !== 'file') return change
      return { ...change, what: { kind: 'file', versions: [] } }
    })
    const store = this.#store
    this.root = await writeTree(this.root, this.sequence + 1, stream(changes), store)
  }

  /** Forget all snapshots but these, as a head of its own. */
  async forget(keep: ReadonlySet<number>, thin?: Thin): Promise<void> {
    const { root } = this
    if (root === undefined) throw new Error('nothing was backed up')
    this.sequence += 1
    this.model.forget(keep)
    const parts = { ...this.#store, sequence: this.sequence, ...(thin && { thin }) }
    this.root = await forgetSnapshots(root, keep, parts)
  }

  /** Tell the histories of some live files anew, as a head of its own. */
  async rewrite(change: (path: string, versions: readonly Version[]) => Version[]): Promise<void> {
    const { root } = this
    if (root === undefined) throw new Error('nothing was backed up')
    this.sequence += 1
    const reader = new TreeReader({ source: this.objects })
    const changes: Change[] = []
    for (const at of inOrder(this.model.now.keys())) {
      const live = await reader.liveHistory(root, pathOf(at))
      if (live === undefined) continue
      const versions = change(at, live.versions)
      for (const version of versions) this.model.rewrite(at, version)
      changes.push({ path: pathOf(at), type: 'history', versions })
    }
    this.root = await writeTree(root, this.sequence, stream(changes), this.#store)
  }

  /** @returns the reference of a root object over the tree as it is */
  async putRoot(): Promise<Reference> {
    const { root } = this
    if (root?.type !== 'stored') throw new Error('nothing was backed up')
    const { level, reference } = root
    const body = encodeRoot({
      device: 'test',
      sequence: this.sequence,
      tree: { level, reference },
      snapshots: { rows: [], older: null },
      backupdb: [],
      extra: [],
    })
    return this.objects.put('root', body)
  }

  /** The page that holds the folder `big`, or the first one of several. */
  async pastPages(): Promise<{ isMerged: boolean; linksMax: number }> {
    const reader = new TreeReader({ source: this.objects })
    const { root } = this
    if (root === undefined) throw new Error('nothing was backed up')
    const entry = await reader.entry(root, pathOf('big'), this.sequence)
    const node = entry?.span.what.kind === 'folder' ? entry.span.what.node : undefined
    const pages = await pagesOf(node, this.objects)
    const linksMax = Math.max(...pages.map(({ past }) => past.length))
    const spilled = this.objects.puts.filter(({ kind }) => kind === 'past').length
    return { isMerged: linksMax <= 8 && spilled > 8 * pages.length, linksMax }
  }

  /** @returns where the tree tells another story than its twin */
  async differences(every = 1): Promise<unknown[]> {
    const differences: unknown[] = []
    const compare = (what: string, found: unknown, expected: unknown): void => {
      if (!isDeepStrictEqual(found, expected)) differences.push({ what, found, expected })
    }
    const reader = new TreeReader({ source: this.objects })
    const { root } = this
    if (root === undefined) throw new Error('nothing was backed up')
    const chosen = this.model.sequences.filter((sequence) => sequence % every === 0)
    for (const sequence of [...chosen, this.sequence, NOW]) {
      const isNow = sequence >= this.sequence
      const expected = isNow ? this.model.now : this.model.at(sequence)
      const found: [string, Standing][] = []
      for await (const { path: at, entry } of reader.walk(root, [], sequence)) {
        found.push([textOf(at), standing(entry)])
      }
      compare(
        `order at ${sequence}`,
        found.map(([at]) => at),
        inOrder(expected.keys()),
      )
      compare(`walk at ${sequence}`, new Map(found), expected)
      for (const at of [...expected.keys(), 'a', 'b/c', 'nowhere'].slice(0, 30)) {
        const entry = await reader.entry(root, pathOf(at), sequence)
        compare(`${at} at ${sequence}`, entry && standing(entry), expected.get(at))
        const listed: string[] = []
        for await (const child of reader.list(root, pathOf(at), sequence)) {
          listed.push(`${at}/${textOf([child.name])}`)
        }
        if (entry?.version !== undefined) {
          const chain = await reader.chain(root, pathOf(at), entry.version.id)
          compare(
            `chain of ${at} at ${sequence}`,
            chain,
            chainOf(this.model.versions(at), entry.version),
          )
        }
        compare(`list of ${at} at ${sequence}`, listed, childrenOf(expected, at))
      }
    }
    return differences
  }
}

/** @returns the version after all those that it rests on */
function chainOf(versions: ReadonlyMap<VersionId, Version>, last: Version): Version[] {
  const chain = [last]
  for (let { content } = last; content.type === 'delta';) {
    const base = versions.get(content.base)
    if (base === undefined) throw new Error('a version rests on nothing')
    chain.unshift(base)
    content = base.content
  }
  return chain
}

async function pagesOf(node: FolderNode | undefined, objects: MemoryObjects): Promise<Page[]> {
  if (node?.type !== 'stored') return []
  if (node.level === 0) return [decodePage(await objects.read(node.reference, 'page'))]
  const { rows } = decodeIndexPage(await objects.read(node.reference, 'index'))
  const pages: Page[] = []
  for (const { reference } of rows) {
    pages.push(...(await pagesOf({ type: 'stored', level: node.level - 1, reference }, objects)))
  }
  return pages
}

function childrenOf(snapshot: Snapshot, folder: string): string[] {
  const depth = folder.split('/').length + 1
  const inside = [...snapshot.keys()].filter(
    (at) => at.startsWith(`${folder}/`) && at.split('/').length === depth,
  )
  return inOrder(inside)
}

function standing(entry: VisibleEntry): Standing {
  const { attributes, what } = entry.span
  if (what.kind === 'folder') return { kind: 'folder', attributes }
  if (what.kind === 'symlink') {
    return { kind: 'symlink', attributes, target: textOf([what.target]) }
  }
  if (what.kind !== 'file') throw new Error(`no ${what.kind} was made`)
  const { version } = entry
  if (version?.id !== what.version) throw new Error('the version is not that of the span')
  return { kind: 'file', attributes, version }
}

function act(files: Map<string, Standing>, action: Action, sequence: number): void {
  if (action.act === 'range') {
    for (let index = action.from; index < action.from + action.count; index++) {
      const one = { act: action.what, path: `big/${1000 + index}`, seed: action.seed + index }
      act(files, one, sequence)
    }
    return
  }
  const { path: at, seed: number } = action
  if (action.act === 'gone') return removeAll(files, at)
  if (action.act === 'fill') {
    if (!makeFolder(files, at, number)) return
    for (let index = 0; index < action.count; index++) {
      const file = `${at}/${fileName(index)}`
      if (!files.has(file)) files.set(file, newFile(sequence, number + index, undefined))
    }
    return
  }
  if (action.act === 'rename') {
    if (!files.has(at) || files.has(action.target) || action.target.startsWith(`${at}/`)) return
    if (!makeFolder(files, parent(action.target), number)) return
    for (const [from, what] of new Map(files)) {
      if (from !== at && !from.startsWith(`${at}/`)) continue
      files.delete(from)
      const moved =
        what.kind === 'file' ? { ...what, version: newVersion(sequence, number, undefined) } : what
      files.set(action.target + from.slice(at.length), moved)
    }
    return
  }
  const before = files.get(at)
  if (action.act === 'touch') {
    if (before !== undefined) files.set(at, { ...before, attributes: newAttributes(number) })
    return
  }
  if (!makeFolder(files, parent(at), number)) return
  if (action.act === 'folder') {
    if (before?.kind === 'folder') return
    files.set(at, { kind: 'folder', attributes: newAttributes(number) })
    return
  }
  removeAll(files, at)
  if (action.act === 'file') files.set(at, newFile(sequence, number, before))
  else files.set(at, { kind: 'symlink', attributes: newAttributes(number), target: `to ${number}` })
}

function parent(at: string): string {
  return at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : ''
}

/** @returns whether a folder stands there now; what is no folder stays */
function makeFolder(files: Map<string, Standing>, at: string, number: number): boolean {
  if (at === '') return true
  const before = files.get(at)
  if (before !== undefined) return before.kind === 'folder'
  if (!makeFolder(files, parent(at), number)) return false
  files.set(at, { kind: 'folder', attributes: newAttributes(number) })
  return true
}

function removeAll(files: Map<string, Standing>, at: string): void {
  const inside = `${at}/`
  for (const other of files.keys()) {
    if (other === at || other.startsWith(inside)) files.delete(other)
  }
}

/** What a scan would report. */
function difference(before: Snapshot, after: Snapshot): Change[] {
  const changes: Change[] = []
  for (const at of inOrder(new Set([...before.keys(), ...after.keys()]))) {
    const old = before.get(at)
    const now = after.get(at)
    if (now === undefined) {
      // What went with its folder needs no change of its own.
      if (after.get(parent(at))?.kind === 'folder' || parent(at) === '') {
        changes.push({ path: pathOf(at), type: 'gone' })
      }
    } else if (old !== now && toText(old) !== toText(now)) {
      changes.push({
        path: pathOf(at),
        type: 'set',
        attributes: now.attributes,
        what: whatOf(old, now),
      })
    }
  }
  return changes
}

function whatOf(old: Standing | undefined, now: Standing): (Change & { type: 'set' })['what'] {
  if (now.kind === 'folder') return { kind: 'folder' }
  if (now.kind === 'symlink') return { kind: 'symlink', target: nameOf(now.target) }
  const isKept = old?.kind === 'file' && old.version === now.version
  return { kind: 'file', versions: isKept ? [] : [now.version] }
}

function toText(what: Standing | undefined): string {
  return JSON.stringify(what ?? null, (_, value: unknown) =>
    typeof value === 'bigint' ? `${value}` : value,
  )
}

async function* stream(changes: readonly Change[]): AsyncGenerator<Change> {
  yield* changes
}

function fileName(index: number): string {
  return `${(index * 7919) % 1000} file ${index}`
}

function newFile(sequence: number, number: number, before: Standing | undefined): Standing {
  return {
    kind: 'file',
    attributes: newAttributes(number),
    version: newVersion(sequence, number, before),
  }
}

/**
 * Versions of one snapshot under one name are told apart by their ordinal.
 *
 * @param before - where a file stood there, most versions are deltas on its version
 */
function newVersion(sequence: number, number: number, before: Standing | undefined): Version {
  const size = number % 1000
  const id = versionId(sequence, number % 1024)
  const base = before?.kind === 'file' && number % 4 !== 0 ? before.version.id : undefined
  const references = [newReference(sequence, number)]
  const digest = new Uint8Array(32).fill(number % 256)
  const about = { id, size, label: 'stable', extra: [] } as const
  // A run done again may find versions of its first attempt, which have gone again.
  if (base !== undefined && base < versionId(sequence, 0)) {
    return { ...about, digest, content: { type: 'delta', base, parts: { depth: 0, references } } }
  }
  const parts = { depth: 0, references: size === 0 ? [] : references }
  return {
    ...about,
    digest: number % 3 === 0 ? digest : undefined,
    content: { type: 'original', parts },
  }
}

export function newReference(sequence: number, number: number): Reference {
  return {
    pack: sequence,
    offset: number * 100,
    length: OBJECT_OVERHEAD + (number % 1000),
    key: {
      type: 'run',
      secret: new Uint8Array(32).fill(sequence),
      ordinal: number % 256,
    },
  }
}

export function newAttributes(number: number): Attributes {
  return {
    mode: 0o644 + (number % 2),
    uid: 1000,
    gid: 100,
    userName: 'anna',
    mtime: { seconds: 1_700_000_000 + number, nanoseconds: number % 7 },
    ctime: { seconds: 1_700_000_000 + number, nanoseconds: number % 5 },
    inode: BigInt(number),
    size: number % 1000,
    extra: number % 11 === 0 ? [{ type: 5, bytes: Uint8Array.of(number % 256) }] : [],
  }
}
