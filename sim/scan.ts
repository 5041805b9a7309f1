/** Scanning in the simulator: call by call, so that time passes and trouble comes between them. */

import { equal, utf8 } from '../protocol/bytes.ts'
import { FilesError } from '../src/base/errors.ts'
import { toSystemStatus } from '../src/base/entry-status.ts'
import { isCut, StretchBuilder } from '../src/base/stretch.ts'
import type { Files } from '../src/ports/files.ts'
import type { Scanned, ScanRequest, ScanRules, ScanTag } from '../src/ports/scan.ts'
import { NO_RULES, SourceRules, type FolderRules } from '../src/source/rules.ts'
import { toBytes, toText } from './file-tree.ts'

type Seen = Pick<Files, 'list' | 'status' | 'open'>

/** One source's walk; nothing is mounted anywhere in the simulator. */
interface Walk {
  readonly files: Seen
  readonly source: string
  readonly passed: ReadonlySet<string>
  readonly rules: ScanRules
  readonly below: SourceRules
}

/** @yields what src/ports/scan.ts promises, one item a batch */
export async function* scanFolders(
  files: Seen,
  { folders, excluded, rules = NO_RULES }: ScanRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly Scanned[]> {
  const passed = new Set(excluded.map(toText))
  for (const folder of folders) {
    const source = toText(folder)
    const walk = { files, source, passed, rules, below: new SourceRules(rules, source) }
    yield* scanFolder(walk, source, signal)
  }
}

async function* scanFolder(
  walk: Walk,
  folder: string,
  signal: AbortSignal,
): AsyncGenerator<readonly Scanned[]> {
  signal.throwIfAborted()
  const { files, passed, below } = walk
  const path = toBytes(folder)
  const names = await attempt(async () => (await files.list(path)).map(toText).toSorted())
  if ('code' in names) {
    yield [{ type: 'unlisted', folder: path, code: names.code }]
    return
  }
  const tag = folder === walk.source ? undefined : await tagOf(walk, folder, names)
  if (tag !== undefined) yield [{ type: 'passed', folder: path, why: 'tag' }]
  const inside = below.inside(folder)
  const builder = new StretchBuilder()
  const inner: string[] = []
  let after = ''
  for (const name of names) {
    const child = childOf(folder, name)
    if (!passed.has(child)) {
      if (tag !== undefined && name !== tag.name) builder.leaveOut()
      else if (await see(walk, builder, child, { name, inside })) inner.push(child)
    }
    if (!isCut(name)) continue
    yield [builder.finish(path, after, name)]
    after = name
  }
  yield [builder.finish(path, after, undefined)]
  for (const child of inner) yield* scanFolder(walk, child, signal)
}

/** @returns whether the child is a folder to be looked into */
async function see(
  { files, rules }: Walk,
  builder: StretchBuilder,
  path: string,
  { name, inside }: { readonly name: string; readonly inside: FolderRules },
): Promise<boolean> {
  if (inside.always(name) !== undefined) {
    builder.leaveOut()
    return false
  }
  const status = await attempt(() => files.status(toBytes(path)))
  if ('code' in status) {
    builder.fail(name, status.code)
    return false
  }
  const { sizeMax } = rules
  const isLarge = sizeMax !== undefined && status.kind === 'file' && status.size > sizeMax
  if (isLarge || inside.excluding(name, status.kind === 'folder') !== undefined) {
    builder.leaveOut()
    return false
  }
  return builder.add(name, toSystemStatus(status)) === 'folder'
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
