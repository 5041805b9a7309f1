/** Forgetting and pinning snapshots as the client is asked for it. */

import { z } from 'zod'
import { openHead, openReceipt } from '../../protocol/head.ts'
import type { SnapshotRow } from '../../protocol/snapshots.ts'
import { assert } from '../base/assert.ts'
import type { Rewrite } from '../backup/rewrite.ts'
import type { Grid } from '../grid/grid.ts'
import { forgetSnapshots } from '../history/forget-tree.ts'
import { forgetRows, setPinned, snapshots } from '../history/snapshot-list.ts'
import { advance, clampedNow, dated, type AgeClocks, type Receipt } from '../repair/ages.ts'
import { decide, decideBySources, type Decision } from '../repair/retention.ts'
import { Thinner } from '../repair/thinner.ts'
import { inTransaction } from '../store/database.ts'
import { maintain, type MaintainParts } from './maintain.ts'
import type { ForgetRequest, ForgetSummary, Maintained } from './maintenance-types.ts'
import { chainSource, packFinder } from './rebuild-candidates.ts'
import type { VaultSession } from './vault-session.ts'
import { chooseSnapshot } from './when.ts'

/** Setting: the clamped clocks of peers. */
const CLOCKS = 'age clocks'

const clocksSchema = z.record(z.string(), z.strictObject({ last: z.number(), age: z.number() }))

/**
 * @throws {RetentionRefusedError} nothing would be left, or nothing was said to be kept
 * @throws {GridNotFoundError}
 * @throws {DeviceReplacedError}
 */
export async function runForget(
  session: VaultSession,
  request: ForgetRequest,
  signal: AbortSignal,
): Promise<ForgetSummary> {
  let decisions: readonly Decision[] = []
  let thinner: Thinner | undefined
  const report = await maintain(session, signal, async (parts) => {
    const rows = await rowsOf(parts)
    const { snapshots: datedOnes, now } = await datedRows(session, parts.grid, rows, signal)
    const decideAll = request.isAcrossSources === true ? decide : decideBySources
    decisions = decideAll(datedOnes, request.policy, now === undefined ? {} : { now })
    const kept = new Set(decisions.flatMap(({ row, isKept }) => (isKept ? [row.sequence] : [])))
    if (request.isDryRun || kept.size === rows.length) return undefined
    const packOf = packFinder(session.stores.packs)
    thinner = new Thinner({
      source: parts.source,
      objects: parts.objects,
      chainOf: (versions) => chainSource(versions, parts.source, packOf),
    })
    return rewriteWithout(session, parts, { kept, thinner }, request, signal)
  })
  return {
    ...report,
    decisions,
    versionsDropped: thinner?.versionsDropped ?? 0,
    deltasComposed: thinner?.deltasComposed ?? 0,
  }
}

/** @param when - each as a person says it: src/node/when.ts */
export async function runPin(
  session: VaultSession,
  when: readonly string[],
  isPinned: boolean,
  signal: AbortSignal,
): Promise<Maintained & { readonly rows: readonly SnapshotRow[] }> {
  let chosen: SnapshotRow[] = []
  const report = await maintain(session, signal, async (parts) => {
    const rows = await rowsOf(parts)
    const now = session.ports.clock.now()
    chosen = when.map((text) => chooseSnapshot(rows, text, now))
    const changed = chosen.filter((row) => row.isPinned !== isPinned)
    if (changed.length === 0) return undefined
    const sequences = new Set(changed.map(({ sequence }) => sequence))
    const { source } = parts
    return {
      isWholeLedger: false,
      root: async (old, { sink }) => ({
        ...old,
        snapshots: await setPinned(old.snapshots, { sequences, isPinned }, { source, sink }),
      }),
      plan: () => undefined,
    }
  })
  return { ...report, rows: chosen.map((row) => ({ ...row, isPinned })) }
}

function rewriteWithout(
  session: VaultSession,
  { node, objects, maintenance }: MaintainParts,
  { kept, thinner }: { kept: ReadonlySet<number>; thinner: Thinner },
  request: ForgetRequest,
  signal: AbortSignal,
): Rewrite {
  const { cutKey } = session.readKeys
  return {
    isWholeLedger: false,
    root: async (old, { sink, source, sequence }) => {
      const parts = { source, sink, cutKey, sequence, thin: counted }
      const tree = node === undefined ? undefined : await forgetSnapshots(node, kept, parts)
      await objects.flush()
      await thinner.verify()
      await maintenance.verified()
      assert(tree?.type !== 'inline' && tree?.type !== 'next', 'the topmost folder has an object')
      return {
        ...old,
        tree: tree === undefined ? null : { level: tree.level, reference: tree.reference },
        snapshots: await forgetRows(old.snapshots, kept, { source, sink }),
      }
    },
    plan: () => undefined,
  }

  async function counted(...args: Parameters<Thinner['thin']>): ReturnType<Thinner['thin']> {
    signal.throwIfAborted()
    request.onProgress?.({
      phase: 'publish',
      filesDone: thinner.versionsDropped,
      filesTotal: undefined,
      bytesDone: 0,
      bytesTotal: undefined,
      current: undefined,
    })
    return thinner.thin(...args)
  }
}

async function rowsOf({ root, source }: MaintainParts): Promise<SnapshotRow[]> {
  const rows: SnapshotRow[] = []
  for await (const row of snapshots(root.snapshots, source)) rows.push(row)
  return rows
}

/** Snapshots with the times that peers witness; what this machine did not note is asked of the peers. */
async function datedRows(
  session: VaultSession,
  grid: Grid,
  rows: readonly SnapshotRow[],
  signal: AbortSignal,
) {
  const { receipts, settings, database } = session.stores
  const isKnown = ({ sequence }: SnapshotRow) => receipts.of(sequence).length > 0
  if (!rows.every(isKnown)) await fetchReceipts(session, grid, signal)
  const clocks = await advanceClocks(session, grid, signal)
  inTransaction(database, () => settings.set(CLOCKS, { ...clocks }))
  const bySequence = new Map(
    rows.map(({ sequence }) => [sequence, receipts.of(sequence) as readonly Receipt[]]),
  )
  return {
    snapshots: dated(rows, bySequence, grid.roster.storagePeers().length),
    now: clampedNow(clocks),
  }
}

async function fetchReceipts(
  { stores, keyring }: VaultSession,
  grid: Grid,
  signal: AbortSignal,
): Promise<void> {
  const { answers } = await grid.heads(keyring.vault, signal, { all: true })
  inTransaction(stores.database, () => {
    for (const { heads } of answers) {
      for (const { head, receipt } of heads) {
        stores.receipts.put(openHead(head).sequence, openReceipt(receipt))
      }
    }
  })
}

async function advanceClocks(
  { stores }: VaultSession,
  grid: Grid,
  signal: AbortSignal,
): Promise<AgeClocks> {
  let clocks = (stores.settings.get(CLOCKS, clocksSchema) ?? {}) as AgeClocks
  for (const { peer, status } of await grid.status(signal)) {
    if (status !== undefined) clocks = advance(clocks, peer, status.now)
  }
  return clocks
}
