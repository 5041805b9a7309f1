/** One file's history as the client is asked for it: what each version costs, and the files themselves. */

import type { PackId } from '../../protocol/manifest.ts'
import type { Version } from '../../protocol/tree.ts'
import { FilesError } from '../base/errors.ts'
import { SHARE_LOSS } from '../grid/loss.ts'
import type { FileHistory } from '../history/visible.ts'
import type { Files } from '../ports/files.ts'
import { factsOf, storedSize, type ChainSource, type LossOptions } from '../repair/chain.ts'
import { extractTable, namedFiles, TABLE_NAME } from '../repair/extract-table.ts'
import { join, toNames } from '../source/path.ts'
import type { ExtractedHistory, HistoryReport } from './maintenance-types.ts'
import { chainSource, packFinder } from './rebuild-candidates.ts'
import type { OpenTree, VaultSession } from './vault-session.ts'

/** @returns `undefined` for a path that is in no snapshot */
export async function historyReport(
  session: VaultSession,
  path: Uint8Array,
  options: { readonly shareLoss?: number; readonly isMeasured?: boolean },
  signal: AbortSignal,
): Promise<HistoryReport | undefined> {
  const opened = await session.openTree(signal)
  const history = await historyOf(session, opened, path)
  if (history === undefined) return undefined
  const chain = await chainSource(history.versions, opened.source, packFinder(session.stores.packs))
  const sizes = history.versions.map((version) => [version.id, storedSize(version, chain)] as const)
  const newest = newestOf(history)
  if (newest === undefined) return { history, storedSizes: new Map(sizes), chain: undefined }
  const loss: LossOptions =
    options.isMeasured === true
      ? { isMeasured: true, shareLoss: await measuredLoss(session, chain, signal) }
      : { isMeasured: false, shareLoss: options.shareLoss ?? SHARE_LOSS }
  return { history, storedSizes: new Map(sizes), chain: factsOf(chain, newest, loss) }
}

/**
 * Write a file's subdirectory as it is: originals, deltas of librsync's, and a table that says what applies
 * to what.
 *
 * @param folder - absolute; empty or absent
 * @throws {FilesError} ENOTEMPTY: something is there already
 */
export async function extractHistory(
  session: VaultSession,
  path: Uint8Array,
  folder: string,
  signal: AbortSignal,
): Promise<ExtractedHistory> {
  const { files } = session.ports
  const opened = await session.openTree(signal)
  const history = await historyOf(session, opened, path)
  const versions = history?.versions ?? []
  const target = new TextEncoder().encode(folder)
  await makeEmptyFolder(files, target)
  const named = namedFiles(versions)
  const written: ExtractedHistory['files'][number][] = []
  for (const [index, version] of versions.toSorted((a, b) => a.id - b.id).entries()) {
    const name = named[index]?.name ?? ''
    const size = await writeParts(files, join(target, utf8(name)), version, opened, signal)
    const { content, id } = version
    const base = content.type === 'delta' ? { base: content.base } : {}
    written.push({ name, version: id, type: content.type, size, ...base })
  }
  const table = await files.create(join(target, utf8(TABLE_NAME)))
  await table.write(utf8(extractTable(versions)))
  await table.close()
  return { files: written, table: TABLE_NAME }
}

async function historyOf(
  session: VaultSession,
  { tree, node }: OpenTree,
  path: Uint8Array,
): Promise<FileHistory | undefined> {
  if (node === undefined) return undefined
  return tree.history(node, toNames(await session.canonical(path)))
}

/** @returns the version that stands there now, if one does */
function newestOf({ spans }: FileHistory): number | undefined {
  const open = spans.find(({ until }) => until === undefined)
  return open?.what.kind === 'file' ? open.what.version : undefined
}

/** @returns the part of all shares of these packs that no peer which answers holds */
async function measuredLoss(
  session: VaultSession,
  chain: ChainSource,
  signal: AbortSignal,
): Promise<number> {
  const { grid } = await session.link()
  const totals = new Map<PackId, number>()
  for (const version of chain.versions) {
    for (const { pack } of chain.referencesOf(version)) {
      const row = session.stores.packs.get(pack)
      if (row?.id !== undefined) totals.set(row.id, row.total)
    }
  }
  const found = await grid.have([...totals.keys()], signal)
  let [expected, held] = [0, 0]
  for (const [id, total] of totals) {
    expected += total
    held += Math.min(total, found.get(id)?.holders.size ?? 0)
  }
  return expected === 0 ? 0 : 1 - held / expected
}

async function makeEmptyFolder(files: Files, folder: Uint8Array): Promise<void> {
  try {
    await files.makeFolder(folder)
  } catch (error) {
    if (!(error instanceof FilesError) || error.code !== 'EEXIST') throw error
    if ((await files.list(folder)).length === 0) return
    throw new FilesError('ENOTEMPTY', 'The folder to write to holds something already')
  }
}

/** @returns bytes written */
async function writeParts(
  files: Files,
  path: Uint8Array,
  { content }: Version,
  { tree, source }: OpenTree,
  signal: AbortSignal,
): Promise<number> {
  const kind = content.type === 'original' ? 'content' : 'delta'
  const file = await files.create(path)
  let size = 0
  try {
    for await (const reference of tree.references(content.parts)) {
      signal.throwIfAborted()
      const body = await source.read(reference, kind)
      await file.write(body)
      size += body.length
    }
  } finally {
    await file.close()
  }
  return size
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
