/** Scanning in the simulator: call by call, so that time passes and trouble comes between them. */

import { FilesError } from '../src/base/errors.ts'
import { toSystemStatus } from '../src/base/entry-status.ts'
import { isCut, StretchBuilder } from '../src/base/stretch.ts'
import type { Files } from '../src/ports/files.ts'
import type { Scanned, ScanRequest } from '../src/ports/scan.ts'
import { toBytes, toText } from './file-tree.ts'

type Seen = Pick<Files, 'list' | 'status'>

/** @yields what src/ports/scan.ts promises, one item a batch */
export async function* scanFolders(
  files: Seen,
  { folders, excluded }: ScanRequest,
  signal: AbortSignal,
): AsyncGenerator<readonly Scanned[]> {
  const passed = new Set(excluded.map(toText))
  for (const folder of folders) yield* scanFolder(files, toText(folder), passed, signal)
}

async function* scanFolder(
  files: Seen,
  folder: string,
  passed: ReadonlySet<string>,
  signal: AbortSignal,
): AsyncGenerator<readonly Scanned[]> {
  signal.throwIfAborted()
  const path = toBytes(folder)
  const names = await attempt(async () => (await files.list(path)).map(toText).toSorted())
  if ('code' in names) {
    yield [{ type: 'unlisted', folder: path, code: names.code }]
    return
  }
  const builder = new StretchBuilder()
  const inner: string[] = []
  let after = ''
  for (const name of names) {
    const child = folder === '/' ? `/${name}` : `${folder}/${name}`
    if (!passed.has(child)) {
      const status = await attempt(() => files.status(toBytes(child)))
      if ('code' in status) builder.fail(name, status.code)
      else if (builder.add(name, toSystemStatus(status)) === 'folder') inner.push(child)
    }
    if (!isCut(name)) continue
    yield [builder.finish(path, after, name)]
    after = name
  }
  yield [builder.finish(path, after, undefined)]
  for (const child of inner) yield* scanFolder(files, child, passed, signal)
}

async function attempt<T>(work: () => Promise<T>): Promise<T | { readonly code: string }> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof FilesError) return { code: error.code }
    throw error
  }
}
