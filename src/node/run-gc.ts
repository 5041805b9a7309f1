/**
 * Giving space back as the client is asked for it.
 *
 * What the newest tree does not lead to is released: the ledger says so first, in a published head, and
 * then every peer is told, with a word signed by the prune key that names that head. Peers carry it out
 * a month later, so every head of the last 30 days still reads in full. Until then it can be taken back.
 */

import { openHead } from '../../protocol/head.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import type { Reference } from '../../protocol/reference.ts'
import { RELEASE_PACKS_MAX, signRelease, type ReleaseKind } from '../../protocol/release.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import { UsageError } from '../base/errors.ts'
import type { Rewrite } from '../backup/rewrite.ts'
import type { Grid } from '../grid/grid.ts'
import { liveObjects } from '../history/live-objects.ts'
import { LiveStretches } from '../history/live-stretches.ts'
import type { PeerId } from '../ports/network.ts'
import { inTransaction } from '../store/database.ts'
import { certificateOf } from '../store/keyring.ts'
import type { PackRow } from '../store/packs.ts'
import { GAP_SIZE } from '../store/published.ts'
import { mergePacks, planMerge, planMoves, type Found, type OldPack } from './merge-packs.ts'
import { maintain, type MaintainParts } from './maintain.ts'
import type { GcRequest, GcSummary } from './maintenance-types.ts'
import { prunerOf, type Pruner } from './prune-key.ts'
import { noteOldLedgers } from './old-ledgers.ts'
import type { VaultSession } from './vault-session.ts'

/** Another device of the vault publishes heads, and what it needs is not known here. */
export class OtherDeviceError extends UsageError {
  override readonly name = 'OtherDeviceError'
}

interface Amount {
  readonly packs: number
  readonly bytes: number
}

const NOTHING: Amount = { packs: 0, bytes: 0 }

/**
 * @throws {PruneKeyMissingError}
 * @throws {PruneKeyAwayError} only where something would change
 * @throws {OtherDeviceError}
 * @throws {GridNotFoundError}
 * @throws {DeviceReplacedError}
 * @throws {RecoveryError} part of the tree cannot be read: nothing is released
 */
export async function runGc(
  session: VaultSession,
  request: GcRequest,
  signal: AbortSignal,
): Promise<GcSummary> {
  const { stores } = session
  const pruner = request.isDryRun ? undefined : prunerOf(session, request.words)
  const { grid } = await session.link()
  await assertAlone(session, grid, signal)
  let [released, gone, live, cancelled] = [NOTHING, NOTHING, NOTHING, NOTHING]
  let merged: GcSummary['merged'] = { packs: 0, into: 0, bytesSaved: 0 }
  let targets: readonly number[] = []
  const warnings: string[] = []
  const report = await maintain(session, signal, async (parts) => {
    if (request.isCancel) {
      const back = await stillHeld(session, grid, signal)
      cancelled = amountOf(back)
      if (back.length === 0 || pruner === undefined) return undefined
      await tell(session, grid, pruner, 'cancel', idsOf(back), signal)
      return restoring(session, back)
    }
    if (!request.isDryRun) gone = await forgetGone(session, grid, signal)
    await noteOldLedgers(session, grid, signal)
    const all = await findDead(session, parts, request, signal)
    const found = { ...all, dead: firstToGo(all.dead, stores.releases.all().length) }
    const plan = planMerge(parts, found)
    const merge = request.isDryRun ? plan : await mergePacks(parts, plan, session.ports.log, signal)
    if (merge.notSafe !== undefined) warnings.push(`No packs were merged: ${merge.notSafe.message}`)
    const old = merge.sources.flatMap(({ rows }) => rows)
    live = amountOf(found.live.filter((row) => !old.includes(row)))
    if (old.length === 0 && !isWorth(found.dead)) return undefined
    targets = merge.targets
    merged = { packs: merge.sources.length, into: merge.into, bytesSaved: merge.saved }
    released = amountOf([...found.dead, ...old])
    return request.isDryRun ? undefined : releasing(session, found.dead, merge.sources)
  })
  // What numbers stood for before is cached under their own.
  for (const target of targets) await stores.spool.uncache(target)
  // A peer that knows changes nothing; one that lost its accounts would keep the shares for good.
  if (!request.isDryRun) stores.releases.forgetTold()
  const untold = pruner === undefined ? [] : await tellReleases(session, grid, pruner, signal)
  const inRelease = amountOf(stores.releases.all().map(({ pack }) => pack))
  warnings.unshift(...report.warnings)
  return { ...report, warnings, released, inRelease, merged, gone, live, cancelled, untold }
}

/**
 * Tell peers of releases that they do not know of yet.
 *
 * @returns peers that could not be told
 */
export async function tellReleases(
  session: VaultSession,
  grid: Grid,
  pruner: Pruner,
  signal: AbortSignal,
): Promise<PeerId[]> {
  const { releases, database } = session.stores
  const peers = grid.roster.storagePeers().map(({ peer }) => peer)
  const untold = new Set(peers.flatMap((peer) => releases.untoldTo(peer)))
  const away = new Set<PeerId>()
  for (const sequence of [...untold].toSorted((a, b) => a - b)) {
    const rows = releases.toTell(sequence)
    const ids = idsOf(rows.map(({ pack }) => pack))
    const answered = await tell(session, grid, pruner, 'release', ids, signal)
    inTransaction(database, () => {
      for (const peer of answered) releases.markTold(sequence, peer)
    })
    for (const peer of peers) if (!answered.has(peer)) away.add(peer)
  }
  return [...away]
}

/** @returns the peers that took every document */
async function tell(
  { keyring, stores }: VaultSession,
  grid: Grid,
  { key, certificate }: Pruner,
  kind: ReleaseKind,
  packs: readonly PackId[],
  signal: AbortSignal,
): Promise<Set<PeerId>> {
  const bytes = await stores.published.keptHead()
  if (bytes === undefined) return new Set()
  const { sequence, id } = openHead(bytes)
  const documents: Uint8Array[] = []
  for (let from = 0; from < packs.length; from += RELEASE_PACKS_MAX) {
    const release = {
      vault: keyring.vault,
      certificate,
      kind,
      head: { sequence, id },
      packs: packs.slice(from, from + RELEASE_PACKS_MAX),
    }
    documents.push(signRelease(release, key))
  }
  const { answers } = await grid.release(documents, signal)
  return new Set(answers.map(({ peer }) => peer))
}

/** What another device needs is not known here. One that was replaced needs nothing any more. */
async function assertAlone(
  { keyring }: VaultSession,
  grid: Grid,
  signal: AbortSignal,
): Promise<void> {
  const own = deviceIdFromBytes(keyring.device.publicKey)
  const { epoch } = certificateOf(keyring)
  const { answers } = await grid.heads(keyring.vault, signal)
  for (const { heads } of answers) {
    for (const { head } of heads) {
      const opened = openHead(head)
      if (opened.device === own || opened.epoch < epoch) continue
      throw new OtherDeviceError(
        'Another device of this vault publishes snapshots too, and what it needs is not known here: ' +
          'nothing is released',
      )
    }
  }
}

/** Packs of which every part is dead, and the others. */
async function findDead(
  { stores }: VaultSession,
  { source }: MaintainParts,
  request: GcRequest,
  signal: AbortSignal,
): Promise<Found & { readonly dead: readonly PackRow[] }> {
  const { packs, published } = stores
  const state = published.current()
  const live = new LiveStretches()
  if (state === undefined) return { dead: [], live: [], stretches: live }
  let count = 0
  const onReference = (reference: Reference, kind: ObjectKind) => {
    signal.throwIfAborted()
    count += 1
    if (count % 1000 === 0) request.onProgress?.(progressOf(count))
    // The next head has a root of its own.
    const { pack, offset } = reference
    if (pack !== state.root.pack || offset !== state.root.offset) live.add(reference, kind)
  }
  await liveObjects(state.root, source, onReference)
  const rows = packs.numbers().flatMap((number) => packs.get(number) ?? [])
  // A part of the ledger that cannot be read for now stays as it is.
  const gaps = state.segments.filter(({ size }) => size === GAP_SIZE)
  const isGap = (id: PackId) => gaps.some(({ pointer }) => pointer.pack === id)
  const isNeeded = ({ number, kind, isPublished, id }: PackRow) => {
    // The ledger is written anew, whole; what no head names yet is named by the next.
    if (!isPublished || id === undefined) return true
    return kind === 'ledger' ? isGap(id) : live.has(number)
  }
  const needed = new Set(rows.filter(isNeeded).map(({ id }) => id))
  // Several numbers may lie in one pack: it goes when all of them do.
  const isDead = (row: PackRow) => row.isPublished && row.id !== undefined && !needed.has(row.id)
  return {
    dead: rows.filter(isDead),
    live: rows.filter((row) => !isDead(row)),
    stretches: live,
  }
}

/** Packs in release, at most: each has a row in the ledger's newest segment, which is one object. */
const IN_RELEASE_MAX = 8_192

/** @returns the largest of what is dead, as many as may be in release; the next gc takes more */
function firstToGo(dead: readonly PackRow[], inRelease: number): PackRow[] {
  const room = Math.max(0, IN_RELEASE_MAX - inRelease)
  return dead.toSorted((a, b) => b.size - a.size || a.number - b.number).slice(0, room)
}

/** Each head leaves a few small packs of metadata behind, so the gc's own head would be worth another gc. */
const LEFTOVERS_MAX = 16

function isWorth(dead: readonly PackRow[]): boolean {
  const isContent = ({ kind }: PackRow) => kind === 'data' || kind === 'delta'
  return idsOf(dead).length >= LEFTOVERS_MAX || dead.some(isContent)
}

function progressOf(objects: number) {
  return {
    phase: 'scan',
    filesDone: objects,
    filesTotal: undefined,
    bytesDone: 0,
    bytesTotal: undefined,
    current: undefined,
  } as const
}

function releasing(
  { stores }: VaultSession,
  dead: readonly PackRow[],
  merged: readonly OldPack[],
): Rewrite {
  return {
    isWholeLedger: true,
    root: (old) => Promise.resolve(old),
    plan: (sequence) => {
      stores.releases.plan(sequence, dead)
      planMoves(stores, sequence, merged)
    },
  }
}

function restoring({ stores }: VaultSession, back: readonly PackRow[]): Rewrite {
  return {
    isWholeLedger: true,
    root: (old) => Promise.resolve(old),
    plan: (sequence) => {
      for (const pack of back) {
        stores.packs.put(pack)
        // Friends who were away are told as soon as they are there: it is adopted as a new one is.
        stores.packs.doubtAdopted(pack.number)
      }
      stores.releases.planCancel(sequence, back)
    },
  }
}

/** Packs in release of which enough shares are there to bring them back. */
async function stillHeld(
  { stores }: VaultSession,
  grid: Grid,
  signal: AbortSignal,
): Promise<PackRow[]> {
  const rows = stores.releases.all().map(({ pack }) => pack)
  const found = await grid.have(idsOf(rows), signal)
  return rows.filter(({ id, needed }) => {
    const holders = id === undefined ? undefined : found.get(id)?.holders
    return (holders?.size ?? 0) >= needed
  })
}

/** Forget releases that every peer carried out. */
async function forgetGone(
  { stores }: VaultSession,
  grid: Grid,
  signal: AbortSignal,
): Promise<Amount> {
  const { releases, packs, database } = stores
  const rows = releases.all().map(({ pack }) => pack)
  if (rows.length === 0) return NOTHING
  // A peer that does not answer may hold some still.
  const states = await grid.status(signal)
  if (states.some(({ status }) => status === undefined)) return NOTHING
  const found = await grid.have(idsOf(rows), signal)
  const gone = rows.filter(({ id }) => id !== undefined && !found.has(id))
  inTransaction(database, () => {
    for (const { number } of gone) {
      releases.remove(number)
      packs.remove(number)
    }
    releases.trimTold()
  })
  return amountOf(gone)
}

function idsOf(rows: readonly PackRow[]): PackId[] {
  return [...new Set(rows.flatMap(({ id }) => (id === undefined ? [] : [id])))]
}

/** Several numbers may lie in one pack. */
function amountOf(rows: readonly PackRow[]): Amount {
  const sizes = new Map(rows.map(({ id, number, size }) => [id ?? String(number), size]))
  return { packs: sizes.size, bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0) }
}
