/**
 * Merging packs as gc does it: what is live of old packs is copied into new ones, and the pack table
 * says so with the head that releases the old ones.
 */

import { CairnError } from '../base/errors.ts'
import type { NotSafeError } from '../backup/not-safe.ts'
import type { Code } from '../grid/code.ts'
import { deltaCode } from '../grid/loss.ts'
import type { LiveStretches } from '../history/live-stretches.ts'
import type { Log } from '../ports/log.ts'
import {
  accountOf,
  extentsToCopy,
  planMerges,
  type LiveNumber,
  type MergeAccount,
  type MergeSource,
} from '../repair/merge-packs.ts'
import type { PackRow } from '../store/packs.ts'
import type { ClientStores } from './client-stores.ts'
import type { MaintainParts } from './maintain.ts'

/** What a walk over everything live found. */
export interface Found {
  /** Rows of packs that something needs. */
  readonly live: readonly PackRow[]
  readonly stretches: LiveStretches
}

/** A pack that may be written anew. */
export interface OldPack extends MergeSource {
  /** Of all its numbers, the dead ones too. */
  readonly rows: readonly PackRow[]
}

export interface Merge extends MergeAccount {
  readonly sources: readonly OldPack[]
  /** Numbers that the new packs are made under. */
  readonly targets: readonly number[]
  /** Why nothing was merged after all. */
  readonly notSafe?: NotSafeError
}

/** Choose among complete packs that a head names. */
export function planMerge({ maintenance }: MaintainParts, { live, stretches }: Found): Merge {
  const packs = [...Map.groupBy(live, ({ id }) => id ?? '')].flatMap(
    ([id, rows]) => (id === '' ? undefined : oldPack(rows, stretches)) ?? [],
  )
  return { ...planMerges(packs, codesOf(maintenance.code)), targets: [] }
}

/** Copy what is live. A pack that cannot be read now stays as it is. */
export async function mergePacks(
  { maintenance, source }: MaintainParts,
  plan: Merge,
  log: Log,
  signal: AbortSignal,
): Promise<Merge> {
  if (plan.sources.length === 0) return plan
  const copier = maintenance.copier(signal)
  const sources: OldPack[] = []
  for (const old of plan.sources.toSorted((a, b) => firstOf(a) - firstOf(b))) {
    signal.throwIfAborted()
    try {
      await copier.copy(old.kind, old.numbers, source)
      sources.push(old)
    } catch (error) {
      signal.throwIfAborted()
      if (!(error instanceof CairnError)) throw error
      log.warn('pack not merged', { pack: firstOf(old), error: error.name, why: error.message })
    }
  }
  const notSafe = await maintenance.settleCopies(copier, source, signal)
  const nothing = { sources: [], into: 0, saved: 0, moved: 0, targets: [] }
  if (notSafe !== undefined) return { ...nothing, notSafe }
  const targets = [...new Set(copier.moves.map(({ target }) => target))]
  const account = accountOf(sources, codesOf(maintenance.code))
  return { ...account, into: targets.length, sources, targets }
}

/**
 * The next head has numbers stand for their copies, and releases the old packs.
 *
 * A pack in release has a number, so that it can be taken back. Numbers that moved are in use, so a pack
 * of which all did gets a number of its own.
 */
export function planMoves(
  { moves, releases, settings }: ClientStores,
  sequence: number,
  merged: readonly OldPack[],
): void {
  moves.plan(sequence)
  for (const { rows, numbers } of merged) {
    const moved = new Set(numbers.map(({ row }) => row.number))
    const dead = rows.filter(({ number }) => !moved.has(number))
    const [first] = rows
    if (dead.length > 0 || first === undefined) {
      releases.plan(sequence, dead)
      continue
    }
    const number = settings.next('pack number')
    releases.plan(sequence, [{ ...first, number, base: 0, extents: undefined }])
  }
}

/** @returns `undefined` for a pack that cannot be written anew */
function oldPack(rows: readonly PackRow[], stretches: LiveStretches): OldPack | undefined {
  const isSettled = ({ kind, state, isPublished }: PackRow) =>
    kind !== 'ledger' && state === 'complete' && isPublished
  const [first] = rows
  if (first === undefined || !rows.every(isSettled)) return undefined
  const numbers: LiveNumber[] = []
  const kinds = new Set<MergeSource['kind']>()
  for (const row of rows) {
    const kind = stretches.kindOf(row.number)
    if (kind === undefined) continue
    const extents = extentsToCopy(row, stretches.of(row.number))
    if (extents === undefined) return undefined
    numbers.push({ row, extents })
    kinds.add(kind)
  }
  const [kind, ...others] = kinds
  if (kind === undefined || others.length > 0) return undefined
  const { size, needed, total } = first
  return { kind, size, code: { needed, total }, numbers, rows }
}

/** After a recovery kinds of packs are not known from their rows; what is live in them tells. */
function codesOf(code: Code): (kind: MergeSource['kind']) => Code {
  return (kind) => (kind === 'delta' ? deltaCode(code) : code)
}

function firstOf({ numbers }: OldPack): number {
  return numbers[0]?.row.number ?? 0
}
