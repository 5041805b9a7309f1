/** The first half of a backup by itself: scanning, what is queued, and why a path is in or out. */

import { assert } from '../base/assert.ts'
import { toEntryStatus } from '../base/entry-status.ts'
import { FilesError, UsageError } from '../base/errors.ts'
import { recordsOf } from '../base/stretch.ts'
import {
  scanProgress,
  scanSources,
  type ScanEvents,
  type ScanOptions,
} from '../backup/scan-sources.ts'
import type { Scanned } from '../ports/scan.ts'
import { FolderSource } from '../source/folder-source.ts'
import { fromKey, isWithin, join, keysBelow, pathToKey, toNames, toPath } from '../source/path.ts'
import { NO_RULES } from '../source/rules.ts'
import type { QueueRow, Weight } from '../store/queue.ts'
import type {
  FileFailure,
  PathWeight,
  QueuedPath,
  QueueSummary,
  ScanRequest,
  ScanSummary,
  ScanVerdict,
  SourceRequest,
} from './client-types.ts'
import type { VaultSession } from './vault-session.ts'

/**
 * Fill the queue. Nobody is asked, so it works without the grid; scanning twice gives the same queue.
 *
 * @throws {SnapshotWaitsError}
 * @throws {FilesError} not one of the paths is there
 */
export async function runScan(
  session: VaultSession,
  request: ScanRequest,
  signal: AbortSignal,
): Promise<ScanSummary> {
  const source = await sourceOf(session, request)
  await source.assertPresent()
  const options = scanOptions(request)
  const events: ScanEvents = {
    onProgress: (...state) => request.onProgress?.(scanProgress(...state)),
  }
  const parts = { ...session.ports, ...session.stores }
  const { report } = await scanSources(parts, source, options, events, signal)
  const failures = report.failures.map((failure): FileFailure => ({ ...failure, during: 'scan' }))
  for (const failure of failures) request.onFileError?.(failure)
  const { totals, passed } = report
  return { totals, passed, failures, queued: queueSummary(session) }
}

/** @throws {UsageError} what excludes one another */
export function scanOptions({
  isHashCheck = false,
  isQuick = false,
}: Pick<ScanRequest, 'isHashCheck' | 'isQuick'>): ScanOptions {
  if (isHashCheck && isQuick) {
    throw new UsageError('Either every file is read (--hash-check), or of some the end (--quick)')
  }
  return { isHashCheck, isQuick }
}

export function queueSummary({ stores: { queue } }: VaultSession): QueueSummary {
  return { waiting: queue.totals('waiting'), ready: queue.count('done'), gone: queue.count('gone') }
}

/** What is queued: files that wait, in the order of their upload, and then the rest. */
export function* queuedPaths(
  { ports, stores }: VaultSession,
  weights: readonly PathWeight[],
): Generator<QueuedPath> {
  const { queue, entries } = stores
  const told = weightsOf(weights)
  const shown = (row: QueueRow): QueuedPath => ({
    path: toPath(fromKey(row.key)),
    state: row.state,
    kind: row.status.kind,
    size: row.status.size,
    isNew: row.state !== 'gone' && entries.get(row.key) === undefined,
    weight: weightOf(told, row.key),
  })
  for (const row of queue.inOrder({ now: ports.clock.now(), weights: told })) yield shown(row)
  for (const state of ['done', 'gone'] as const) {
    for (const row of queue.rows(state)) yield shown(row)
  }
}

/** Where a path is given twice, the last word counts. */
export function weightsOf(weights: readonly PathWeight[]): Weight[] {
  const last = new Map(
    weights.map(({ path, weight }) => {
      const key = pathToKey(toPath(toNames(path)))
      return [Buffer.from(key).toString('latin1'), { key, below: keysBelow(key), weight }]
    }),
  )
  return [...last.values()]
}

function weightOf(weights: readonly Weight[], key: Uint8Array): number {
  const names = fromKey(key)
  const above = weights.filter((weight) => isWithin(fromKey(weight.key), names))
  return above.toSorted((a, b) => b.key.length - a.key.length)[0]?.weight ?? 0
}

/** The sources as they truly are, and what is left out of them. */
export async function sourceOf(
  session: VaultSession,
  { paths, exclude = [], rules = NO_RULES, hints }: SourceRequest,
): Promise<FolderSource> {
  const canonical = (each: readonly Uint8Array[]) =>
    Promise.all(each.map((path) => session.canonical(path)))
  const source = new FolderSource(session.ports.files, await canonical(paths), {
    paths: await canonical(exclude),
    rules,
    ...(hints === undefined ? {} : { hints }),
  })
  source.assertNotExcluded()
  return source
}

/**
 * Find out why a path would be in a backup of these sources, or would not, by walking to it.
 *
 * @param path - absolute
 */
export async function explainPath(
  session: VaultSession,
  request: SourceRequest,
  path: Uint8Array,
  signal: AbortSignal,
): Promise<ScanVerdict> {
  const source = await sourceOf(session, request)
  const at = await session.canonical(path)
  const names = toNames(at)
  const sources = source.walked.map(toNames)
  const holder = sources.find((each) => isWithin(each, names))
  if (holder === undefined) {
    const isAbove = sources.some((each) => isWithin(names, each))
    return { isIn: isAbove, why: isAbove ? 'above' : 'outside', at, detail: '' }
  }
  if (holder.length === names.length) return explainSource(session, at)
  for await (const batch of source.walkTo(at, signal)) {
    for (const scanned of batch) {
      const verdict = verdictOf(scanned, at)
      if (verdict !== undefined) return verdict
    }
  }
  return { isIn: false, why: 'absent', at, detail: '' }
}

async function explainSource({ ports }: VaultSession, at: Uint8Array): Promise<ScanVerdict> {
  try {
    const isKept = toEntryStatus(await ports.files.probe(at)) !== undefined
    return { isIn: isKept, why: isKept ? 'source' : 'kind', at, detail: '' }
  } catch (error) {
    if (!(error instanceof FilesError)) throw error
    const why = error.code === 'ENOENT' ? 'absent' : 'trouble'
    return { isIn: false, why, at, detail: error.code }
  }
}

/** @returns what a step on the way to a path decides; undefined if it leads on */
function verdictOf(scanned: Scanned, path: Uint8Array): ScanVerdict | undefined {
  const { folder } = scanned
  switch (scanned.type) {
    case 'unlisted':
      return { isIn: false, why: 'trouble', at: folder, detail: scanned.code }
    case 'left-out':
      return { isIn: false, why: scanned.why, at: join(folder, scanned.name), detail: scanned.rule }
    case 'passed':
      // A tag leaves itself in, and what it leaves out says so itself. Nothing lies below a link.
      if (scanned.why === 'tag' || scanned.why === 'link') return undefined
      return { isIn: false, why: scanned.why, at: folder, detail: '' }
    default: {
      const [trouble] = scanned.troubles
      if (trouble !== undefined) {
        const why = trouble.code === 'ENOENT' ? 'absent' : 'trouble'
        return { isIn: false, why, at: join(folder, trouble.name), detail: trouble.code }
      }
      const [record] = recordsOf(scanned.records)
      if (record !== undefined) {
        const isThere = join(folder, record.name).length === path.length
        return isThere ? { isIn: true, why: 'below', at: path, detail: '' } : undefined
      }
      assert(scanned.leftOut === 0, 'what is left out was told before')
      const why = scanned.unsupported > 0 ? 'kind' : 'absent'
      return { isIn: false, why, at: path, detail: '' }
    }
  }
}
