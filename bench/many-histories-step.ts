/**
 * One step of the bench over many histories, in a process of its own so that its memory is its own:
 *
 *     node bench/many-histories-step.ts write|plan|live|forget-whole|forget FOLDER COUNT SEED
 *
 * The program's own code works on real objects, sealed and in files; only the packs around them and the
 * net below them are left out. The result is one line of JSON.
 */

import {
  closeSync,
  fstatSync,
  openSync,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import process from 'node:process'
import { DatabaseSync } from 'node:sqlite'
import type { ObjectKind } from '../protocol/object.ts'
import type { Reference } from '../protocol/reference.ts'
import { decodeRoot, encodeRoot } from '../protocol/root.ts'
import { versionId, type FolderNode, type Version } from '../protocol/tree.ts'
import { DeltaWriter } from '../src/codec/delta-writer.ts'
import { open, preparePlain, rawKey, seal } from '../src/codec/seal.ts'
import type { Change } from '../src/history/change.ts'
import { forgetSnapshots } from '../src/history/forget-tree.ts'
import { liveObjects } from '../src/history/live-objects.ts'
import type { ObjectSink, ObjectSource } from '../src/history/objects.ts'
import { TreeReader } from '../src/history/tree-reader.ts'
import { writeTree } from '../src/history/tree-writer.ts'
import { chainSource, packFinder, RebuildCandidates } from '../src/node/rebuild-candidates.ts'
import { REBUILD_POLICY } from '../src/repair/policy.ts'
import type { FilePlan } from '../src/repair/planner.ts'
import { Thinner } from '../src/repair/thinner.ts'
import { toKey } from '../src/source/path.ts'
import { prepareDatabase } from '../src/store/database.ts'
import { Entries } from '../src/store/entries.ts'
import { Packs } from '../src/store/packs.ts'
import { Random } from './random.ts'

const CODE = { needed: 4, total: 7 }
const CUT_KEY = new Uint8Array(32).fill(4)
const SECRET = new Uint8Array(32).fill(5)

/** Deltas of a file: 3 to 17, so that some chains are too long and most are not. */
const DELTAS_MIN = 3
const DELTAS_SPREAD = 15
const FILE_SIZE = 2000
const EDIT_SIZE = 40
const FILES_PER_FOLDER = 50
const FOLDERS_PER_GROUP = 40

/** Snapshots; each adds a third of the versions and shows the last of them. */
const SEQUENCES = [6, 12, 18] as const
const NEWEST = 18

/** Objects of a pack: as many as fill one in these sizes, some 16 MiB. */
const OBJECTS_PER_PACK = 100_000

const WINDOW_SIZE = 256 * 1024
const WINDOWS_MAX = 16
const COMPRESSED = new Set<ObjectKind>(['page', 'index', 'past', 'history', 'list'])

/** Sealed objects in one file, read in windows as packs of the spool are. */
class ObjectFile implements ObjectSink, ObjectSource {
  readonly #file: number
  readonly #windows = new Map<number, Uint8Array>()
  #pending: Uint8Array[] = []
  #pendingSize = 0
  #size: number
  #count = 0
  puts = 0
  reads = 0

  constructor(path: string) {
    this.#file = openSync(path, 'a+')
    this.#size = fstatSync(this.#file).size
  }

  async put(kind: ObjectKind, body: Uint8Array): Promise<Reference> {
    const { plain, digest } = preparePlain(kind, body, { compress: !COMPRESSED.has(kind) })
    const key = rawKey(SECRET, digest)
    const sealed = seal(plain, key)
    const offset = this.#size + this.#pendingSize
    this.#pending.push(sealed)
    this.#pendingSize += sealed.length
    this.puts += 1
    if (this.#pendingSize > WINDOW_SIZE) this.flush()
    this.#count += 1
    return {
      pack: 1 + Math.floor(this.#count / OBJECTS_PER_PACK),
      offset,
      length: sealed.length,
      key,
    }
  }

  async read({ offset, length, key }: Reference, kind: ObjectKind): Promise<Uint8Array> {
    this.reads += 1
    if (offset + length > this.#size) this.flush()
    const found = open(this.#sealed(offset, length), key)
    if (found.kind !== kind) throw new RangeError(`${found.kind} where ${kind} belongs`)
    return found.body
  }

  flush(): void {
    if (this.#pendingSize === 0) return
    const bytes = Buffer.concat(this.#pending)
    for (let done = 0; done < bytes.length;) done += writeSync(this.#file, bytes, done)
    this.#size += bytes.length
    this.#pending = []
    this.#pendingSize = 0
    // The last window may have been read before it was full.
    this.#windows.clear()
  }

  close(): void {
    this.flush()
    closeSync(this.#file)
  }

  #sealed(offset: number, length: number): Uint8Array {
    const index = Math.floor(offset / WINDOW_SIZE)
    const start = index * WINDOW_SIZE
    if (offset + length > start + WINDOW_SIZE) return this.#bytes(offset, length)
    const window = this.#windows.get(index) ?? this.#bytes(start, WINDOW_SIZE)
    this.#windows.delete(index)
    this.#windows.set(index, window)
    const [oldest] = this.#windows.size > WINDOWS_MAX ? this.#windows.keys() : []
    if (oldest !== undefined) this.#windows.delete(oldest)
    return window.subarray(offset - start, offset - start + length)
  }

  #bytes(offset: number, length: number): Uint8Array {
    const bytes = new Uint8Array(Math.min(length, this.#size - offset))
    for (let done = 0; done < bytes.length;) {
      done += readSync(this.#file, bytes, done, bytes.length - done, offset + done)
    }
    return bytes
  }
}

interface Made {
  readonly key: Uint8Array
  readonly path: readonly Uint8Array[]
  readonly deltas: number
  readonly index: number
}

class Vault {
  readonly objects: ObjectFile
  readonly database: DatabaseSync
  readonly entries: Entries
  readonly packs: Packs
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    this.objects = new ObjectFile(join(folder, 'objects'))
    this.database = new DatabaseSync(join(folder, 'backupdb'))
    prepareDatabase(this.database)
    this.entries = new Entries(this.database)
    this.packs = new Packs(this.database)
  }

  get node(): FolderNode & { type: 'stored' } {
    const text = readFileSync(join(this.#folder, 'node.json'), 'utf8')
    const node = JSON.parse(text, (name, value) =>
      name === 'secret' ? new Uint8Array(Buffer.from(value as string, 'hex')) : value,
    ) as FolderNode
    if (node.type !== 'stored') throw new RangeError('the topmost folder is stored')
    return node
  }

  set node(node: FolderNode) {
    const text = JSON.stringify(node, (name, value) =>
      name === 'secret' ? Buffer.from(value as Uint8Array).toString('hex') : value,
    )
    writeFileSync(join(this.#folder, 'node.json'), text)
  }

  close(): void {
    this.objects.close()
    this.database.close()
  }
}

/** The files in the order of the tree, and the folders above them. */
function* files(count: number): Generator<Made | { readonly path: readonly Uint8Array[] }> {
  const bytes = (text: string) => new Uint8Array(Buffer.from(text))
  const number = (value: number, digits: number) => String(value).padStart(digits, '0')
  const folders = Math.ceil(count / FILES_PER_FOLDER)
  for (let folder = 0; folder < folders; folder += 1) {
    const group = bytes(`group-${number(Math.floor(folder / FOLDERS_PER_GROUP), 4)}`)
    if (folder % FOLDERS_PER_GROUP === 0) yield { path: [group] }
    const above = [group, bytes(`folder-${number(folder, 6)}`)]
    yield { path: above }
    const first = folder * FILES_PER_FOLDER
    for (let index = first; index < Math.min(count, first + FILES_PER_FOLDER); index += 1) {
      const path = [...above, bytes(`document-${number(index, 8)}.txt`)]
      const deltas = DELTAS_MIN + ((index * 7) % DELTAS_SPREAD)
      yield { path, key: toKey(path), deltas, index }
    }
  }
}

/** Which versions of a file, the original 0, a snapshot adds. */
function addedBy(step: number, deltas: number): { from: number; until: number } {
  const until = (steps: number) => 1 + Math.floor((deltas * steps) / SEQUENCES.length)
  return { from: step === 0 ? 0 : until(step), until: until(step + 1) }
}

/** @returns the id of a version, within what its snapshot may add */
function idOf(step: number, ordinal: number): number {
  return versionId(SEQUENCES[step] ?? 0, ordinal)
}

async function write(vault: Vault, count: number, seed: number): Promise<object> {
  const random = new Random(seed, 'many histories')
  let node: FolderNode | undefined
  for (const [step, sequence] of SEQUENCES.entries()) {
    const changes = changesOf(vault, { count, step, random })
    const parts = { source: vault.objects, sink: vault.objects, cutKey: CUT_KEY }
    node = await writeTree(node, sequence, changes, parts)
  }
  vault.database.exec('BEGIN')
  for (const file of files(count)) {
    if (!('key' in file)) continue
    const { from, until } = addedBy(SEQUENCES.length - 1, file.deltas)
    vault.entries.put({
      ...statusOf(file.index, NEWEST),
      kind: 'file',
      key: file.key,
      content: undefined,
      version: idOf(SEQUENCES.length - 1, until - from - 1),
      chainLength: file.deltas,
      chainSize: FILE_SIZE,
    })
  }
  for (let number = 0; number < 1000; number += 1) {
    const row = {
      kind: 'delta',
      state: 'complete',
      size: 16 << 20,
      id: undefined,
      base: 0,
      extents: undefined,
    } as const
    vault.packs.put({ ...row, ...CODE, number, isPublished: true })
  }
  vault.database.exec('COMMIT')
  if (node === undefined) throw new RangeError('a tree was written')
  vault.node = node
  return { objects: vault.objects.puts }
}

async function* changesOf(
  { objects }: Vault,
  {
    count,
    step,
    random,
  }: { readonly count: number; readonly step: number; readonly random: Random },
): AsyncGenerator<Change> {
  const sequence = SEQUENCES[step] ?? 0
  for (const file of files(count)) {
    if (!('key' in file)) {
      const attributes = { ...attributesOf(0, 1), mode: 0o755 }
      if (step === 0) yield { path: file.path, type: 'set', attributes, what: { kind: 'folder' } }
      continue
    }
    const versions: Version[] = []
    const { from, until } = addedBy(step, file.deltas)
    let before = step === 0 ? undefined : lastOf(step - 1, file.deltas)
    for (let index = from; index < until; index += 1) {
      const id = idOf(step, index - from)
      const reference =
        before === undefined
          ? {
              pack: 0,
              offset: file.index * FILE_SIZE,
              length: FILE_SIZE,
              key: rawKey(SECRET, file.key),
            }
          : await objects.put('delta', deltaOf(random))
      const parts = { depth: 0, references: [reference] }
      const content =
        before === undefined
          ? ({ type: 'original', parts } as const)
          : ({ type: 'delta', base: before, parts } as const)
      const digest = random.bytes(32)
      versions.push({ id, size: FILE_SIZE, digest, label: 'stable', content, extra: [] })
      before = id
    }
    const attributes = attributesOf(file.index, sequence)
    yield { path: file.path, type: 'set', attributes, what: { kind: 'file', versions } }
  }
}

function lastOf(step: number, deltas: number): number {
  const { from, until } = addedBy(step, deltas)
  return idOf(step, until - from - 1)
}

/** A few bytes changed somewhere. */
function deltaOf(random: Random): Uint8Array {
  const at = 1 + random.below(FILE_SIZE - EDIT_SIZE - 1)
  const writer = new DeltaWriter()
  writer.copy(0, at)
  writer.literal(EDIT_SIZE)
  writer.put(random.bytes(EDIT_SIZE))
  writer.copy(at + EDIT_SIZE, FILE_SIZE - at - EDIT_SIZE)
  return Buffer.concat(writer.close())
}

function attributesOf(index: number, sequence: number) {
  return { ...statusOf(index, sequence), userName: 'anna', groupName: 'anna', extra: [] }
}

function statusOf(index: number, sequence: number) {
  const time = { seconds: 1_700_000_000 + sequence * 86_400, nanoseconds: (index * 7919) % 1e9 }
  const mode = { mode: 0o644, uid: 1000, gid: 1000, size: FILE_SIZE }
  return { ...mode, mtime: time, ctime: time, inode: BigInt(index + 1000) }
}

/** As `cairn rebuild --dry-run` does: every chain is looked at, and plans are kept. */
async function plan(vault: Vault): Promise<object> {
  const { objects: source, entries, packs, node } = vault
  const candidates = new RebuildCandidates(
    {
      entries,
      packs,
      source,
      tree: new TreeReader({ source }),
      node,
      // As it stood at its backup.
      files: { probe: (path) => Promise.resolve(localStatus(path)) },
    },
    { policy: REBUILD_POLICY, code: CODE, asked: [[]] },
  )
  const plans: { key: Uint8Array; plan: FilePlan }[] = []
  for (const row of candidates.rows()) {
    const found = (await candidates.plan(row))?.plan
    if (found !== undefined) plans.push({ key: row.key, plan: found })
  }
  const types = Object.groupBy(plans, (each) => each.plan.type)
  const counts = Object.entries(types).map(([type, found]) => [type, found.length])
  return { ...(Object.fromEntries(counts) as object), planned: plans.length, reads: source.reads }
}

function localStatus(path: Uint8Array) {
  const index = Number(/(\d+)\.txt$/.exec(Buffer.from(path).toString())?.[1])
  return { ...statusOf(index, NEWEST), type: 'file', device: 0n, links: 1 } as never
}

/**
 * As `cairn forget --keep-last 1` does: two of three snapshots go, and every file's newest version gets one
 * delta in place of all its deltas.
 */
async function forget(vault: Vault): Promise<object> {
  const { objects, packs } = vault
  const packOf = packFinder(packs)
  const thinner = new Thinner({
    source: objects,
    objects: {
      putDelta: async (parts) => {
        const whole: Uint8Array[] = []
        for await (const part of parts) whole.push(part)
        const reference = await objects.put('delta', Buffer.concat(whole))
        return () => [reference]
      },
      endFile: () => Promise.resolve(),
    },
    chainOf: (versions) => chainSource(versions, objects, packOf),
  })
  const left = await forgetSnapshots(vault.node, new Set([NEWEST]), {
    source: objects,
    sink: objects,
    cutKey: CUT_KEY,
    sequence: NEWEST + 1,
    thin: thinner.thin,
  })
  await thinner.verify()
  vault.node = left
  const { versionsDropped, deltasComposed } = thinner
  return { versionsDropped, deltasComposed, reads: objects.reads }
}

/**
 * The same for files whose chains were rebuilt: newer versions rest on nothing that goes, so every history
 * is told anew and no delta is read. The tree that comes out is not kept.
 */
async function forgetWhole({ objects, node }: Vault): Promise<object> {
  let versionsDropped = 0
  await forgetSnapshots(node, new Set([NEWEST]), {
    source: objects,
    sink: objects,
    cutKey: CUT_KEY,
    sequence: NEWEST + 1,
    thin: (versions, kept) => {
      const left = versions.flatMap((version) => {
        if (!kept.has(version.id)) return []
        const { parts } = version.content
        return [{ ...version, content: { type: 'original', parts } as const }]
      })
      versionsDropped += versions.length - left.length
      return Promise.resolve(left)
    },
  })
  return { versionsDropped, reads: objects.reads }
}

/** As `cairn gc` does: everything that the newest root leads to. */
async function live(vault: Vault): Promise<object> {
  const { level, reference } = vault.node
  const body = encodeRoot({
    device: 'bench',
    sequence: NEWEST + 1,
    tree: { level, reference },
    snapshots: { rows: [], older: null },
    backupdb: [],
    extra: [],
  })
  decodeRoot(body)
  const root = await vault.objects.put('root', body)
  let count = 0
  await liveObjects(root, vault.objects, () => (count += 1))
  return { live: count, reads: vault.objects.reads }
}

const STEPS = { write, plan, live, 'forget-whole': forgetWhole, forget }

const [step = '', folder = '', count = '', seed = ''] = process.argv.slice(2)
if (!(step in STEPS)) throw new RangeError(`no step is called ${step}`)
const vault = new Vault(folder)
const told = await STEPS[step as keyof typeof STEPS](vault, Number(count), Number(seed))
vault.close()
process.stdout.write(`${JSON.stringify(told)}\n`)
