/** A rebuild as the client is asked for it: from paths to chains that are short. */

import type { Root } from '../../protocol/root.ts'
import type { FolderNode, Version } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { CairnError } from '../base/errors.ts'
import type { NewObjects } from '../backup/new-objects.ts'
import type { Maintenance } from '../backup/maintenance.ts'
import type { Rewrite } from '../backup/rewrite.ts'
import type { Code } from '../grid/code.ts'
import type { Change } from '../history/change.ts'
import type { ObjectSink } from '../history/objects.ts'
import { makeParts } from '../history/parts.ts'
import type { TreeReader } from '../history/tree-reader.ts'
import { writeTree } from '../history/tree-writer.ts'
import type { VaultObjects } from '../history/vault-objects.ts'
import { storedSize } from '../repair/chain.ts'
import type { FilePlan } from '../repair/planner.ts'
import type { RebuildPolicy } from '../repair/policy.ts'
import { rebuildFile, type Rebuilding, type Rebuilt } from '../repair/rebuild-file.ts'
import { VersionReader } from '../restore/version-reader.ts'
import { fromKey, toNames, toPath, type Names } from '../source/path.ts'
import type { FileFailure } from './client-types.ts'
import { maintain } from './maintain.ts'
import type { RebuildRequest, RebuildSummary, RebuiltFile } from './maintenance-types.ts'
import { lengthMinOf, RebuildCandidates, type Candidate } from './rebuild-candidates.ts'
import type { VaultSession } from './vault-session.ts'
import { fetchWhole, openLocal } from './whole-file.ts'

/** Bytes of deltas, and files, that wait for their packs to be durable. */
const HELD_SIZE_MAX = 64 * 1024 * 1024
const HELD_COUNT_MAX = 256

/** A file that may be rebuilt. */
interface Planned {
  readonly key: Uint8Array
  readonly plan: FilePlan
}

interface Finished {
  readonly candidate: Candidate
  readonly rebuilt: Rebuilt
}

/**
 * @throws {GridNotFoundError}
 * @throws {DeviceReplacedError}
 */
export async function runRebuild(
  session: VaultSession,
  request: RebuildRequest,
  signal: AbortSignal,
): Promise<RebuildSummary> {
  const failures: FileFailure[] = []
  const files: RebuiltFile[] = []
  const report = await maintain(session, signal, async (parts) => {
    const run = new Run(session, parts, request, signal, (failure) => {
      failures.push(failure)
      request.onFileError?.(failure)
    })
    const rewrite = await run.run()
    files.push(...run.files.toSorted((a, b) => Buffer.compare(a.path, b.path)))
    return rewrite
  })
  return { ...report, files, failures, isDryRun: request.isDryRun }
}

/** Whether a look at chains may be worth it: it costs a round of questions to the grid. */
export function hasLongChains(
  { stores }: VaultSession,
  policy: RebuildPolicy,
  code: Code,
): boolean {
  return stores.entries.hasChained(lengthMinOf(policy, code))
}

interface RunParts {
  readonly maintenance: Maintenance
  readonly source: VaultObjects
  readonly tree: TreeReader
  readonly root: Root
  readonly node: FolderNode | undefined
  readonly objects: NewObjects
}

class Run {
  readonly #session: VaultSession
  readonly #parts: RunParts
  readonly #request: RebuildRequest
  readonly #signal: AbortSignal
  readonly #onFailure: (failure: FileFailure) => void
  readonly #versions: VersionReader
  readonly #finished: Finished[] = []
  #waiting: { readonly candidate: Candidate; readonly rebuilding: Rebuilding }[] = []
  readonly files: RebuiltFile[] = []

  constructor(
    session: VaultSession,
    parts: RunParts,
    request: RebuildRequest,
    signal: AbortSignal,
    onFailure: (failure: FileFailure) => void,
  ) {
    this.#session = session
    this.#parts = parts
    this.#request = request
    this.#signal = signal
    this.#onFailure = onFailure
    this.#versions = new VersionReader({ ...parts, compute: session.ports.compute })
  }

  async run(): Promise<Rewrite | undefined> {
    const { isDryRun, budget = Infinity } = this.#request
    const candidates = await this.#candidates()
    const planned = await this.#planAll(candidates)
    // The cheapest first: a budget shortens as many chains as it can.
    planned.sort((a, b) => movedBy(a.plan) - movedBy(b.plan))
    let left = budget
    for (const [index, { key, plan }] of planned.entries()) {
      this.#signal.throwIfAborted()
      const names = fromKey(key)
      this.#tell(index, planned.length, names)
      const moved = movedBy(plan)
      if (isDryRun || plan.type === 'leave' || moved > left) {
        this.#note({ names, plan }, { isDone: false })
        continue
      }
      left -= moved
      const row = this.#session.stores.entries.get(key)
      assert(row !== undefined, 'maintenance changes no entries before its head')
      const candidate = await this.#trying(names, () => candidates.plan(row))
      if (candidate === undefined) this.#note({ names, plan }, { isDone: false })
      else await this.#rebuild({ ...candidate, plan })
    }
    await this.#finishWaiting()
    return this.#finished.length === 0 ? undefined : this.#rewrite()
  }

  async #candidates(): Promise<RebuildCandidates> {
    const { stores, ports } = this.#session
    const { policy, paths } = this.#request
    const asked = await Promise.all(
      paths.map(async (path) => toNames(await this.#session.canonical(path))),
    )
    return new RebuildCandidates(
      { ...this.#parts, ...stores, files: ports.files },
      { policy, code: this.#parts.maintenance.code, asked },
    )
  }

  /** Files whose chain is to be shortened; all that were asked for by name. */
  async #planAll(candidates: RebuildCandidates): Promise<Planned[]> {
    const isAsked = this.#request.paths.length > 0
    const planned: Planned[] = []
    let count = 0
    for (const row of candidates.rows()) {
      this.#signal.throwIfAborted()
      const names = fromKey(row.key)
      count += 1
      this.#tell(count, count, names)
      const plan = (await this.#trying(names, () => candidates.plan(row)))?.plan
      if (plan !== undefined && (isAsked || plan.type !== 'leave')) {
        planned.push({ key: row.key, plan })
      }
    }
    return planned
  }

  async #rebuild(candidate: Candidate): Promise<void> {
    const { objects, source, tree, node } = this.#parts
    const { names, chain, newest, shown, plan } = candidate
    const openNewest = async () => {
      const { files, disk } = this.#session.ports
      const local = await openLocal(files, toPath(names), newest, this.#signal)
      if (local !== undefined) return local
      assert(node !== undefined, 'there is a tree')
      const way = await tree.chain(node, names, newest.id)
      return fetchWhole({ disk, versions: this.#versions }, way, this.#signal)
    }
    const rebuilding = await this.#trying(names, () =>
      rebuildFile(
        { ...chain, newest: newest.id, shown, plan },
        { source, objects, openNewest },
        this.#signal,
      ),
    )
    if (rebuilding === undefined) return this.#note(candidate, { isDone: false })
    this.#waiting.push({ candidate, rebuilding })
    const held = this.#waiting.reduce((sum, one) => sum + one.rebuilding.heldSize, 0)
    if (held > HELD_SIZE_MAX || this.#waiting.length >= HELD_COUNT_MAX) await this.#finishWaiting()
  }

  async #finishWaiting(): Promise<void> {
    if (this.#waiting.length === 0) return
    await this.#parts.objects.flush()
    for (const { candidate, rebuilding } of this.#waiting.splice(0)) {
      const rebuilt = await this.#trying(candidate.names, () => rebuilding.finish())
      this.#note(candidate, { isDone: rebuilt !== undefined, rebuilt })
      if (rebuilt !== undefined) this.#finished.push({ candidate, rebuilt })
    }
    await this.#parts.maintenance.verified()
  }

  #rewrite(): Rewrite {
    const { node } = this.#parts
    const { cutKey } = this.#session.readKeys
    const finished = this.#finished.toSorted((a, b) =>
      Buffer.compare(a.candidate.row.key, b.candidate.row.key),
    )
    return {
      isWholeLedger: false,
      root: async (old, { sink, source, sequence }) => {
        const changes = changesOf(finished, sink)
        const tree = await writeTree(node, sequence, changes, { source, sink, cutKey })
        assert(tree.type === 'stored', 'the topmost folder has an object of its own')
        return { ...old, tree: { level: tree.level, reference: tree.reference } }
      },
      plan: (sequence) => {
        const { rebuilt, signatures } = this.#session.stores
        rebuilt.plan(
          sequence,
          finished.map(({ candidate, rebuilt: made }) => costOf(candidate, made)),
        )
        for (const { candidate, rebuilt: made } of finished) {
          const { content } = candidate.row
          if (made.signature !== undefined && content !== undefined) {
            signatures.put(content, made.signature)
          }
        }
      },
    }
  }

  #note(
    { names, plan }: Pick<Candidate, 'names' | 'plan'>,
    { isDone, rebuilt }: { isDone: boolean; rebuilt?: Rebuilt | undefined },
  ): void {
    const degraded = rebuilt?.degraded ?? []
    this.files.push({ path: toPath(names), plan, isDone, degraded })
  }

  /** One bad file never stops the others. */
  async #trying<T>(names: Names, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work()
    } catch (error) {
      this.#signal.throwIfAborted()
      if (!(error instanceof CairnError)) throw error
      this.#onFailure({ path: toPath(names), error, during: 'restore' })
      return undefined
    }
  }

  #tell(done: number, total: number, names: Names): void {
    this.#request.onProgress?.({
      phase: 'upload',
      filesDone: done,
      filesTotal: total,
      bytesDone: 0,
      bytesTotal: 0,
      current: toPath(names),
    })
  }
}

/** Bytes up and down. */
function movedBy({ bytesUp, bytesDown }: FilePlan): number {
  return bytesUp + bytesDown
}

async function* changesOf(finished: readonly Finished[], sink: ObjectSink): AsyncGenerator<Change> {
  for (const { candidate, rebuilt } of finished) {
    const versions: Version[] = []
    for (const version of rebuilt.versions) {
      const references = rebuilt.references.get(version.id)
      if (references === undefined) {
        versions.push(version)
        continue
      }
      const parts = await makeParts(references, sink)
      versions.push({ ...version, content: { ...version.content, parts } })
    }
    yield { path: candidate.names, type: 'history', versions }
  }
}

/** What the newest version costs from now on. */
function costOf({ row, newest, chain }: Candidate, { versions, references }: Rebuilt) {
  const byId = new Map(versions.map((version) => [version.id, version]))
  let [chainLength, chainSize] = [-1, 0]
  for (let next = byId.get(newest.id); next !== undefined;) {
    const own = references.get(next.id)
    chainSize += own?.reduce((sum, { length }) => sum + length, 0) ?? storedSize(next, chain)
    chainLength += 1
    next = next.content.type === 'delta' ? byId.get(next.content.base) : undefined
  }
  return { key: row.key, version: newest.id, chainLength, chainSize }
}
