/** Scanning in the simulator: call by call, so that time passes and trouble comes between them. */

import { equal, utf8 } from '../protocol/bytes.ts'
import { FilesError } from '../src/base/errors.ts'
import { toSystemStatus } from '../src/base/entry-status.ts'
import { isCut, StretchBuilder } from '../src/base/stretch.ts'
import type { Files } from '../src/ports/files.ts'
import type {
  LeftOut,
  Scanned,
  ScanPattern,
  ScanRequest,
  ScanRules,
  ScanTag,
} from '../src/ports/scan.ts'
import { HintTree, type Look } from '../src/source/hints.ts'
import { NO_RULES, ruleWords, SourceRules, type FolderRules } from '../src/source/rules.ts'
import { toBytes, toText } from './file-tree.ts'

type Seen = Pick<Files, 'list' | 'status' | 'open'>

/** One source's walk; nothing is mounted anywhere in the simulator. */
interface Walk {
  readonly files: Seen
  readonly source: string
  readonly passed: ReadonlySet<string>
  readonly rules: ScanRules
  readonly below: SourceRules
  readonly only: string | undefined
  readonly hints: HintTree
}

/** @yields what src/ports/scan.ts promises, one item a batch */
export async function* scanFolders(
  files: Seen,
  { folders, excluded, rules = NO_RULES, only, hints }: ScanRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly Scanned[]> {
  const passed = new Set(excluded.map(toText))
  for (const folder of folders) {
    const source = toText(folder)
    const below = new SourceRules(rules, source)
    const tree = new HintTree(hints)
    const walk = { files, source, passed, rules, below, only: only && toText(only), hints: tree }
    const look = tree.lookAt(latin1(source))
    if (look !== undefined && leadsOn(walk, source)) yield* scanFolder(walk, source, look, signal)
  }
}

async function* scanFolder(
  walk: Walk,
  folder: string,
  look: Look,
  signal: AbortSignal,
): AsyncGenerator<readonly Scanned[]> {
  signal.throwIfAborted()
  const { files, passed, below } = walk
  const path = toBytes(folder)
  const names = await attempt(async () => (await files.list(path)).map(toText).toSorted())
  if ('code' in names) {
    if (walk.hints.isSome && (names.code === 'ENOENT' || names.code === 'ENOTDIR')) return
    yield [{ type: 'unlisted', folder: path, code: names.code }]
    return
  }
  const tag = folder === walk.source ? undefined : await tagOf(walk, folder, names)
  if (tag !== undefined && look !== 'way') yield [{ type: 'passed', folder: path, why: 'tag' }]
  const inside = below.inside(folder)
  const builder = new StretchBuilder()
  const inner: string[] = []
  let after = ''
  for (const name of names) {
    const child = childOf(folder, name)
    if (look === 'way' && walk.hints.lookAt(latin1(child)) === undefined) continue
    if (walk.only !== undefined && child !== walk.only && !leadsOn(walk, child)) continue
    const out: Out | undefined = passed.has(child)
      ? { why: 'excluded' }
      : tag !== undefined && name !== tag.name
        ? { why: 'tag', rule: tag.origin }
        : await see(walk, builder, child, { name, inside, inner })
    if (out !== undefined && out.why !== 'excluded') builder.leaveOut()
    if (out !== undefined && walk.only !== undefined) yield [leftOut(path, name, out)]
    if (look === 'way' || !isCut(name)) continue
    yield [builder.finish(path, after, name)]
    after = name
  }
  const last = builder.finish(path, after, undefined)
  if (look !== 'way') yield [last]
  for (const child of inner) {
    const next = walk.hints.lookAt(latin1(child), look)
    if (next !== undefined && leadsOn(walk, child)) yield* scanFolder(walk, child, next, signal)
  }
}

/** Why a child is left out. */
interface Out {
  readonly why: LeftOut['why']
  readonly rule?: ScanPattern | string
}

function leftOut(folder: Uint8Array, name: string, { why, rule = '' }: Out): LeftOut {
  const words = typeof rule === 'string' ? rule : ruleWords(rule)
  return { type: 'left-out', folder, name: toBytes(name), why, rule: words }
}

/** @returns whether the one path that was asked for lies in a folder, if there is one */
function leadsOn({ only }: Walk, folder: string): boolean {
  return only === undefined || folder === '/' || only.startsWith(`${folder}/`)
}

/** @returns why the child is left out, if it is; a folder joins those to be looked into */
async function see(
  { files, rules }: Walk,
  builder: StretchBuilder,
  path: string,
  child: { readonly name: string; readonly inside: FolderRules; readonly inner: string[] },
): Promise<Out | undefined> {
  const { name, inside, inner } = child
  const always = inside.always(name)
  if (always !== undefined) return { why: 'pattern', rule: always }
  const status = await attempt(() => files.status(toBytes(path)))
  if ('code' in status) {
    builder.fail(name, status.code)
    return undefined
  }
  const { sizeMax } = rules
  const pattern = inside.excluding(name, status.kind === 'folder')
  if (pattern !== undefined) return { why: 'pattern', rule: pattern }
  if (sizeMax !== undefined && status.kind === 'file' && status.size > sizeMax) {
    return { why: 'size' }
  }
  if (builder.add(name, toSystemStatus(status)) === 'folder') inner.push(path)
  return undefined
}

async function tagOf(
  { files, rules }: Walk,
  folder: string,
  names: readonly string[],
): Promise<ScanTag | undefined> {
  for (const tag of rules.tags) {
    if (!names.includes(tag.name)) continue
    const header = utf8(tag.header)
    const start = await attempt(async () => {
      const file = await files.open(toBytes(childOf(folder, tag.name)))
      const bytes = await file.read(0, header.length)
      await file.close()
      return bytes
    })
    if (!('code' in start) && equal(start, header)) return tag
  }
  return undefined
}

/** @returns the text's bytes with one character each */
function latin1(text: string): string {
  return Buffer.from(toBytes(text)).toString('latin1')
}

function childOf(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`
}

async function attempt<T extends object>(
  work: () => Promise<T>,
): Promise<T | { readonly code: string }> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FilesError) return { code: error.code }
    throw error
  }
}
