/**
 * Rebuilding one file: from a plan to versions whose content lies elsewhere, each of them checked.
 *
 * Ids, sizes, digests and labels stay; only where the bytes come from changes. New objects are written
 * first; when they are durable, every version that was rewritten is made once more through its new chain
 * and compared with its digest. Whoever publishes the result may let the old objects go.
 */

import { createHash } from 'node:crypto'
import { equal } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { encodeObjectSizes, OBJECT_SIZES_EXTRA } from '../../protocol/object-sizes.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { Version, VersionId } from '../../protocol/tree.ts'
import { assert } from '../base/assert.ts'
import { RecoveryError } from '../base/errors.ts'
import { Composition, encodeComposition } from '../codec/compose-deltas.ts'
import type { PatchBase } from '../codec/rdiff-patch.ts'
import {
  differenceOf,
  encodePieces,
  originalRanges,
  withOriginals,
} from '../codec/reverse-delta.ts'
import type { ObjectSource } from '../history/objects.ts'
import { pathOf, type ChainSource } from './chain.ts'
import { ChainReader, fetchRanges, isLoss } from './chain-reader.ts'
import { groupOf, type FilePlan } from './planner.ts'
import { Replay, replayAll } from './replay.ts'

/** A version made again through its new chain is not what it was: nothing of the file was changed. */
export class RebuildMismatchError extends RecoveryError {
  override readonly name = 'RebuildMismatchError'
}

/** The newest version's bytes, and an end to whatever holds them. */
export interface WholeFile extends PatchBase {
  readonly close: () => Promise<void>
}

/** Where new objects go: src/backup/new-objects.ts. */
export interface RebuildObjects {
  putOriginal(file: PatchBase): Promise<{
    readonly references: () => readonly Reference[]
    readonly sizes: readonly number[]
    readonly digest: Uint8Array
    readonly signature: Uint8Array | undefined
  }>
  putDelta(
    parts: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<() => readonly Reference[]>
  endFile(): Promise<void>
}

export interface RebuildFileParts {
  readonly source: ObjectSource
  readonly objects: RebuildObjects
  /**
   * The newest version, whole: the person's own file if its bytes are just these, the grid's otherwise.
   *
   * @throws {CairnError} there is no way to it
   */
  readonly openNewest: () => Promise<WholeFile>
}

/** What a rebuild makes of a history, once its objects are durable. */
export interface Rebuilt {
  /** The whole history. */
  readonly versions: readonly Version[]
  /** All objects of the versions that were rewritten, by id: lists are the publisher's to make. */
  readonly references: ReadonlyMap<VersionId, readonly Reference[]>
  /** Versions that no path leads to: objects of theirs cannot be had. They stay as they are. */
  readonly degraded: readonly Version[]
  /** Of the newest version, where it was made anew. */
  readonly signature: Uint8Array | undefined
}

/** A rebuild whose objects are on their way to the spool. */
export interface Rebuilding {
  /** Bytes of deltas held until then. */
  readonly heldSize: number
  /**
   * Call when all objects are durable.
   *
   * @throws {RebuildMismatchError}
   */
  readonly finish: () => Promise<Rebuilt>
}

export interface RebuildFileInput extends ChainSource {
  readonly newest: VersionId
  readonly shown: ReadonlySet<VersionId>
  readonly plan: FilePlan
}

interface NewDelta {
  readonly base: VersionId
  readonly references: () => readonly Reference[]
}

/**
 * @throws {CairnError} nothing was changed
 */
export async function rebuildFile(
  input: RebuildFileInput,
  parts: RebuildFileParts,
  signal: AbortSignal,
): Promise<Rebuilding> {
  const chain = new ChainReader(input, parts.source, signal)
  if (input.plan.type === 'original') return makeWhole(input, parts, chain, signal)
  const isHeld = await chain.read(wantedBy(input))
  if (!isHeld || !chain.isReadable(input.newest)) return makeWhole(input, parts, chain, signal)
  return input.plan.type === 'compose'
    ? compose(input, parts, chain)
    : makeWhole(input, parts, chain, signal)
}

/** Versions whose way must be known. */
function wantedBy({ versions, newest, shown, plan }: RebuildFileInput): readonly Version[] {
  const path = pathOf(versions, newest)
  if (plan.type === 'compose') return path
  return groupOf(versions, path[0]?.id ?? newest).filter(({ id }) => shown.has(id))
}

/** The newest version as one delta upon an earlier one. */
async function compose(
  { versions, newest, plan }: RebuildFileInput,
  { objects, source }: RebuildFileParts,
  chain: ChainReader,
): Promise<Rebuilding> {
  const base = chain.version(plan.base ?? newest)
  const links = pathOf(versions, newest)
  const from = links.findIndex(({ id }) => id === base.id) + 1
  let composed = Composition.ofOriginal(base.size)
  for (const link of links.slice(from)) composed = composed.followedBy(chain.delta(link.id))
  const delta = await objects.putDelta(encodeComposition(composed))
  await objects.endFile()
  const expected = chain.composition(newest)
  return {
    heldSize: chain.heldSize,
    finish: async () => {
      const references = delta()
      // The very same script over the very same original makes the very same bytes.
      const made = chain.composition(base.id).followedBy(await readDelta(references, source))
      if (!isSameScript(made, expected)) throw mismatch(chain.version(newest))
      const content = { type: 'delta', base: base.id, parts: { depth: 0, references } } as const
      return {
        versions: versions.map((version) =>
          version.id === newest ? { ...version, content } : version,
        ),
        references: new Map([[newest, references]]),
        degraded: chain.lost,
        signature: undefined,
      }
    },
  }
}

/** The newest version whole; older ones that were read, each a delta upon the next. */
async function makeWhole(
  input: RebuildFileInput,
  parts: RebuildFileParts,
  chain: ChainReader,
  signal: AbortSignal,
): Promise<Rebuilding> {
  const newest = chain.version(input.newest)
  const file = await parts.openNewest()
  try {
    const stored = await parts.objects.putOriginal(file)
    if (newest.digest === undefined || !equal(stored.digest, newest.digest)) throw mismatch(newest)
    const older = await putOlder(input, parts, chain, signal)
    await parts.objects.endFile()
    const degraded = [...chain.lost.filter(({ id }) => id !== newest.id), ...older.degraded]
    const rewritten = { input, stored, ...older, degraded }
    return { heldSize: chain.heldSize, finish: () => finish(rewritten, parts, signal) }
  } finally {
    await file.close()
  }
}

/** Each older version that is shown and can be made becomes a delta upon the next one. */
async function putOlder(
  input: RebuildFileInput,
  { objects, source }: RebuildFileParts,
  chain: ChainReader,
  signal: AbortSignal,
): Promise<Pick<Rewritten, 'deltas' | 'digests' | 'degraded'>> {
  const deltas = new Map<VersionId, NewDelta>()
  const digests = new Map<VersionId, Uint8Array>()
  const none = { deltas, digests, degraded: [] }
  if (!chain.isReadable(input.newest)) return none
  const root = pathOf(input.versions, input.newest)[0]
  assert(root !== undefined, 'a path begins somewhere')
  const group = groupOf(input.versions, root.id).filter(
    ({ id }) => input.shown.has(id) && chain.isReadable(id),
  )
  const pairs = group.flatMap((older, index) => {
    const newer = group[index + 1]
    if (newer === undefined || isUpon(older, newer.id)) return []
    const versions = {
      older: chain.composition(older.id),
      newer: chain.composition(newer.id),
    }
    return [{ older, newer, versions, pieces: differenceOf(versions.older, versions.newer) }]
  })
  const ranges = pairs.flatMap(({ pieces }) => originalRanges(pieces))
  const read = await rangesOf(root, ranges, { chain: input, source }, signal)
  if (read === undefined) return none
  // They stay as they are: what is lost of the original may come back.
  if (read === 'lost') return { ...none, degraded: group.filter(({ id }) => id !== input.newest) }
  for (const { older, newer, versions, pieces } of pairs) {
    signal.throwIfAborted()
    const whole = withOriginals(pieces, versions, read)
    const references = await objects.putDelta(encodePieces(whole, read))
    deltas.set(older.id, { base: newer.id, references })
    if (older.digest === undefined) digests.set(older.id, await digestOf(older, input, source))
  }
  return { deltas, digests, degraded: [] }
}

/** @returns how to read ranges of the original; 'lost' if some cannot be had, for now at least */
async function rangesOf(
  ...asked: Parameters<typeof fetchRanges>
): Promise<Awaited<ReturnType<typeof fetchRanges>> | 'lost'> {
  try {
    return await fetchRanges(...asked)
  } catch (error) {
    if (isLoss(error)) return 'lost'
    throw error
  }
}

interface Rewritten {
  readonly input: RebuildFileInput
  readonly stored: Awaited<ReturnType<RebuildObjects['putOriginal']>>
  readonly deltas: ReadonlyMap<VersionId, NewDelta>
  /** Of versions that had none, since one object's key committed to them. */
  readonly digests: ReadonlyMap<VersionId, Uint8Array>
  readonly degraded: readonly Version[]
}

async function finish(
  { input, stored, deltas, digests, degraded }: Rewritten,
  parts: RebuildFileParts,
  signal: AbortSignal,
): Promise<Rebuilt> {
  const references = new Map<VersionId, readonly Reference[]>()
  const versions = input.versions.map((version): Version => {
    const delta = deltas.get(version.id)
    if (version.id !== input.newest && delta === undefined) return version
    const own = version.id === input.newest ? stored.references() : (delta?.references() ?? [])
    references.set(version.id, own)
    const content = { parts: { depth: 0, references: own } }
    const sizes = encodeObjectSizes(stored.sizes)
    // What an original said of its objects holds no more.
    const extra = version.extra.filter(({ type }) => type !== OBJECT_SIZES_EXTRA)
    if (delta === undefined) {
      return {
        ...version,
        content: { ...content, type: 'original' },
        extra: sizes === undefined ? extra : [sizes, ...extra],
      }
    }
    const digest = version.digest ?? digests.get(version.id)
    return { ...version, digest, content: { ...content, type: 'delta', base: delta.base }, extra }
  })
  const kept = withoutUnused(versions, input.shown)
  await verify(kept, input.newest, { ...parts, references }, signal)
  return { versions: kept, references, degraded, signature: stored.signature }
}

/** Without versions that no snapshot shows and that nothing rests on any more. */
function withoutUnused(versions: readonly Version[], shown: ReadonlySet<VersionId>): Version[] {
  const used = new Set<VersionId>()
  for (const version of versions) {
    if (!shown.has(version.id)) continue
    for (const link of pathOf(versions, version.id)) used.add(link.id)
  }
  return versions.filter(({ id }) => used.has(id))
}

/** Make every rewritten version through its new objects, and compare digests (law 4). */
async function verify(
  versions: readonly Version[],
  newest: VersionId,
  parts: RebuildFileParts & { readonly references: ReadonlyMap<VersionId, readonly Reference[]> },
  signal: AbortSignal,
): Promise<void> {
  const { references, source } = parts
  const byId = new Map(versions.map((version) => [version.id, version]))
  const whole = byId.get(newest)
  assert(whole !== undefined, 'the newest version is among them')
  await verifyOriginal(whole, references.get(newest) ?? [], source, signal)
  const rewritten = versions.filter(({ id }) => id !== newest && references.has(id)).toReversed()
  if (rewritten.length === 0) return
  const compositions = new Map([[newest, Composition.ofOriginal(whole.size)]])
  const replays: { readonly version: Version; readonly replay: Replay }[] = []
  for (const version of rewritten) {
    const { content } = version
    assert(content.type === 'delta', 'older versions are deltas')
    const base = compositions.get(content.base)
    if (base === undefined) continue
    const made = base.followedBy(await readDelta(references.get(version.id) ?? [], source))
    if (made.size !== version.size) throw mismatch(version)
    compositions.set(version.id, made)
    replays.push({ version, replay: new Replay(made) })
  }
  const file = await parts.openNewest()
  try {
    await replayAll(
      replays.map(({ replay }) => replay),
      file,
      signal,
    )
  } finally {
    await file.close()
  }
  for (const { version, replay } of replays) {
    const isRight = version.digest !== undefined && equal(replay.digest(), version.digest)
    if (!isRight) throw mismatch(version)
  }
}

async function verifyOriginal(
  version: Version,
  references: readonly Reference[],
  source: ObjectSource,
  signal: AbortSignal,
): Promise<void> {
  const hash = createHash('sha256')
  for (const reference of references) {
    signal.throwIfAborted()
    hash.update(await source.read(reference, 'content'))
  }
  const isRight = version.digest !== undefined && equal(hash.digest(), version.digest)
  if (!isRight) throw mismatch(version)
}

function mismatch({ id }: Version): RebuildMismatchError {
  return new RebuildMismatchError(
    `Version ${id} made again is not what it was (or its file changed meanwhile); nothing was changed`,
  )
}

function isUpon({ content }: Version, base: VersionId): boolean {
  return content.type === 'delta' && content.base === base
}

async function readDelta(
  references: readonly Reference[],
  source: ObjectSource,
): Promise<readonly Uint8Array[]> {
  const parts: Uint8Array[] = []
  for (const reference of references) parts.push(await source.read(reference, 'delta'))
  return parts
}

async function digestOf(
  version: Version,
  chain: ChainSource,
  source: ObjectSource,
): Promise<Uint8Array> {
  const [only, ...others] = chain.referencesOf(version)
  if (only === undefined) return sha256(new Uint8Array(0))
  assert(others.length === 0, 'only a version of one object goes without a digest')
  return sha256(await source.read(only, 'content'))
}

/** Whether two scripts upon one original make the same bytes in the same way, however they are cut. */
function isSameScript(a: Composition, b: Composition): boolean {
  if (a.size !== b.size) return false
  let [left, right] = [0, 0]
  let [skipLeft, skipRight] = [0, 0]
  for (let offset = 0; offset < a.size;) {
    const [one, other] = [a.stretches[left], b.stretches[right]]
    if (one === undefined || other === undefined) return false
    const length = Math.min(one.length - skipLeft, other.length - skipRight)
    const isSame =
      one.type === 'copy'
        ? other.type === 'copy' && one.start + skipLeft === other.start + skipRight
        : other.type === 'literal' &&
          equal(
            one.bytes.subarray(skipLeft, skipLeft + length),
            other.bytes.subarray(skipRight, skipRight + length),
          )
    if (!isSame) return false
    offset += length
    skipLeft += length
    skipRight += length
    if (skipLeft === one.length) [left, skipLeft] = [left + 1, 0]
    if (skipRight === other.length) [right, skipRight] = [right + 1, 0]
  }
  return true
}
