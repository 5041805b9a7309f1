/**
 * The planner: for one file the cheapest way, in bytes, to a chain as the policy wants it.
 *
 * Nothing is read for it but the history itself, so what deltas and originals will come to is estimated
 * from what they are now.
 */

import type { Version, VersionId } from '../../protocol/tree.ts'
import type { Code } from '../grid/code.ts'
import { deltaCode, deltasWithin, packLoss } from '../grid/loss.ts'
import { factsOf, pathOf, storedSize, type ChainSource } from './chain.ts'
import type { ChainFacts } from './chain-facts.ts'
import type { RebuildPlan } from './plan.ts'
import type { RebuildPolicy } from './policy.ts'

/** A plan, and what it does to which versions. */
export interface FilePlan extends RebuildPlan {
  /** Of 'compose': the version that the newest becomes one delta upon. */
  readonly base: VersionId | undefined
}

export interface PlanInput extends ChainSource {
  readonly newest: VersionId
  /** Versions that some snapshot shows; the newest is one of them. */
  readonly shown: ReadonlySet<VersionId>
  readonly policy: RebuildPolicy
  /** The code that new originals get. */
  readonly code: Code
  /** Whether the newest version's bytes are at hand, so that they need not be fetched. */
  readonly isLocal: boolean
  /** Whether the person asked for this file: then any chain that can be made shorter is. */
  readonly isAsked: boolean
}

/** Room that a shortened chain has before it is too long again. */
const SLACK_PART = 2

/** @throws {BadHistoryError} the history itself is wrong */
export function planFile(input: PlanInput): FilePlan {
  const { policy, newest } = input
  const loss = { shareLoss: policy.shareLoss, isMeasured: false }
  const before = factsOf(input, newest, loss)
  const reason = reasonFor(input, before)
  if (reason === undefined) {
    const why = before.length === 0 ? 'the newest version is whole' : 'the chain is short'
    return leave(before, why)
  }
  const plans = [compose(input, before, reason), original(input, before, reason)]
  const reversed = reverse(input, before, reason)
  const fitting = [...plans, reversed].filter((plan) => plan !== undefined)
  const [cheapest] = fitting.toSorted((a, b) => costOf(a) - costOf(b))
  return cheapest ?? leave(before, 'nothing would make it shorter')
}

/** Why something should be done; `undefined` if nothing should. */
function reasonFor(
  { policy, isAsked, ...input }: PlanInput,
  facts: ChainFacts,
): string | undefined {
  if (facts.length === 0) return undefined
  if (facts.length > policy.lengthMax) return `${facts.length} deltas, at most ${policy.lengthMax}`
  if (isTooLikelyLost(input, facts, policy)) {
    return `its loss is ${(facts.loss / facts.lossOfOriginal).toFixed(1)} times as likely as that of its original alone`
  }
  if (!isAsked) return undefined
  if (facts.length > 1) return `${facts.length} deltas`
  const root = pathOf(input.versions, input.newest)[0]
  return root !== undefined && !input.shown.has(root.id)
    ? 'it rests on an original that no snapshot shows'
    : undefined
}

/** Where even one delta exceeds the bound, as with two shares in all, no chain can keep it. */
function isTooLikelyLost(
  { code }: Pick<PlanInput, 'code'>,
  { loss, lossOfOriginal }: ChainFacts,
  { lossRatioMax, shareLoss }: RebuildPolicy,
): boolean {
  const isReachable = Number.isFinite(deltasWithin(code, lossRatioMax, shareLoss))
  return isReachable && loss > lossRatioMax * lossOfOriginal
}

/**
 * The newest version's last deltas become one. Of all places to begin, the one that frees the most links for
 * a byte; earlier ones that are one delta already are let be.
 */
function compose(input: PlanInput, before: ChainFacts, reason: string): FilePlan | undefined {
  const { policy, isAsked } = input
  const path = pathOf(input.versions, input.newest)
  const sizes = path.map((version) => storedSize(version, input))
  const kept = isAsked ? 1 : Math.max(1, Math.floor(policy.lengthMax / SLACK_PART))
  let best: { from: number; bytes: number; price: number } | undefined
  for (let from = path.length - 2; from >= 1; from -= 1) {
    const bytes = sum(sizes.slice(from))
    const freed = path.length - 1 - from
    const isShort = from <= kept
    if (isShort && freed > 0 && (best === undefined || bytes / freed <= best.price)) {
      best = { from, bytes, price: bytes / freed }
    }
  }
  if (best === undefined) return undefined
  const { from, bytes } = best
  const fetchSize = sum(sizes.slice(0, from)) + bytes
  if (fetchSize > policy.fetchRatioMax * (sizes[0] ?? 0)) return undefined
  return {
    type: 'compose',
    base: path[from - 1]?.id,
    reason,
    bytesUp: bytes,
    bytesDown: bytes,
    bytesFreed: sizes.at(-1) ?? 0,
    before,
    after: {
      ...before,
      length: from,
      fetchSize,
      storedSize: before.storedSize - (sizes.at(-1) ?? 0) + bytes,
      loss: before.lossOfOriginal + from * packLoss(deltaCode(input.code), policy.shareLoss),
    },
  }
}

/** The newest version whole; what the others rest on stays. */
function original(input: PlanInput, before: ChainFacts, reason: string): FilePlan {
  const size = estimatedOriginal(input)
  const path = pathOf(input.versions, input.newest)
  const freed = storedSize(path.at(-1) as Version, input)
  return {
    type: 'original',
    base: undefined,
    reason,
    before,
    bytesUp: size,
    bytesDown: input.isLocal ? 0 : before.fetchSize,
    bytesFreed: freed,
    after: wholeFacts(input, before, size, before.storedSize - freed + size),
  }
}

/** The newest version whole, the older ones reverse deltas: what the old original held is freed. */
function reverse(input: PlanInput, before: ChainFacts, reason: string): FilePlan | undefined {
  const path = pathOf(input.versions, input.newest)
  const [root] = path
  if (root === undefined) return undefined
  const group = groupOf(input.versions, root.id)
  const deltas = sum(
    group.filter(({ id }) => id !== root.id).map((version) => storedSize(version, input)),
  )
  const old = sum(group.map((version) => storedSize(version, input)))
  const rootSize = storedSize(root, input)
  const size = estimatedOriginal(input)
  // Overwritten ranges of the old original, in whole objects.
  const ranges = Math.min(rootSize, overwritten(input, root, deltas))
  return {
    type: 'reverse',
    base: undefined,
    reason,
    before,
    bytesUp: size + deltas,
    bytesDown: (input.isLocal ? 0 : rootSize) + deltas + (input.isLocal ? ranges : 0),
    bytesFreed: old,
    after: wholeFacts(input, before, size, before.storedSize - old + size + deltas),
  }
}

/** What is kept for good weighs twice what is moved once: a plan that moves little and stores much is dear. */
function costOf({ bytesUp, bytesDown, after }: FilePlan): number {
  return bytesUp + bytesDown + 2 * after.storedSize
}

/** @returns all versions that rest on an original, it included, in their order */
export function groupOf(versions: readonly Version[], root: VersionId): Version[] {
  const above = Map.groupBy(versions, ({ content }) =>
    content.type === 'delta' ? content.base : undefined,
  )
  const members = new Set([root])
  // The set grows while it is walked.
  for (const id of members) for (const version of above.get(id) ?? []) members.add(version.id)
  return versions.filter(({ id }) => members.has(id))
}

function estimatedOriginal(input: PlanInput): number {
  const path = pathOf(input.versions, input.newest)
  const [root, newest] = [path[0], path.at(-1)]
  if (root === undefined || newest === undefined) return 0
  if (root.size === 0) return newest.size
  return Math.ceil((storedSize(root, input) / root.size) * newest.size)
}

/** Each 4 KiB of deltas may have overwritten something in any object. */
function overwritten(input: PlanInput, root: Version, deltas: number): number {
  const count = Math.max(1, input.referencesOf(root).length)
  const touches = Math.ceil(deltas / 4096)
  return Math.ceil(storedSize(root, input) * (1 - (1 - 1 / count) ** touches))
}

function wholeFacts(
  { policy }: PlanInput,
  before: ChainFacts,
  size: number,
  stored: number,
): ChainFacts {
  const { shareLoss } = policy
  const loss = before.lossOfOriginal
  return { ...before, length: 0, fetchSize: size, storedSize: stored, loss, shareLoss }
}

function leave(before: ChainFacts, reason: string): FilePlan {
  return {
    type: 'leave',
    reason,
    bytesUp: 0,
    bytesDown: 0,
    bytesFreed: 0,
    before,
    after: before,
    base: undefined,
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
