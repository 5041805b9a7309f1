/**
 * Which packs to write anew: mostly dead ones without what nothing needs, and small ones together.
 *
 * Only where it pays. What is saved is counted at all peers, for as long as the vault lives; what is
 * moved is fetched once and sent once. See docs/adr/0037-merging-packs.md.
 */

import { EXTENTS_MAX, extentsSize, placeOf, type Extent } from '../../protocol/extents.ts'
import { PACK_SIZE_TARGET, padme } from '../../protocol/pack.ts'
import { assert } from '../base/assert.ts'
import type { Code } from '../grid/code.ts'
import type { PackKind, PackRow } from '../store/packs.ts'

/** Packs smaller than this are merged, bytes: eight of them fit one of the usual size. */
export const SMALL_SIZE = PACK_SIZE_TARGET / 8

/** Fewer small packs than this are left alone: each run leaves one or two behind. */
export const SMALL_COUNT_MIN = 8

/** A larger pack is written anew when less than this part of it is live. */
export const LIVE_RATIO_MAX = 0.5

/** So is a small one, without others to go with it, that has so many dead bytes. */
export const DEAD_SIZE_MIN = SMALL_SIZE / 4

/** Saved bytes must be at least so many times the bytes moved. */
export const SAVED_RATIO_MIN = 0.5

/** Bytes moved by one run, at most: fetched and sent. */
export const MOVED_SIZE_MAX = 2 * 1024 ** 3

/**
 * What a share takes beside its piece, bytes, about: its header with the manifest and its Merkle tree,
 * an inode and half a block of the peer's file system, its account, and its part of the pack's row in
 * the ledger, of which every peer of a pack holds a copy.
 */
export const SHARE_OVERHEAD = 4096

/** A pack as it is, with what is live in it. */
export interface MergeSource {
  readonly kind: Exclude<PackKind, 'ledger'>
  /** Bytes, padding included. */
  readonly size: number
  readonly code: Code
  /** The numbers that need it, at least one, ascending. */
  readonly numbers: readonly LiveNumber[]
}

export interface LiveNumber {
  readonly row: PackRow
  /** What is to be copied. */
  readonly extents: readonly Extent[]
}

/** What it comes to, kind by kind added up. */
export interface MergeAccount {
  /** How many packs they become. */
  readonly into: number
  /** Bytes that peers need not hold any more. */
  readonly saved: number
  /** Bytes to fetch and to send. */
  readonly moved: number
}

export interface MergePlan<Source extends MergeSource> extends MergeAccount {
  readonly sources: readonly Source[]
}

type CodeFor = (kind: MergeSource['kind']) => Code

/** @param codeFor - of new packs */
export function planMerges<Source extends MergeSource>(
  packs: readonly Source[],
  codeFor: CodeFor,
): MergePlan<Source> {
  const worthy = packs
    .map((source) => ({ source, ...weigh(source, codeFor(source.kind)) }))
    .filter(({ source, live, saved, moved }) => {
      const isThin = isSmall(source) || live < LIVE_RATIO_MAX * source.size
      return isThin && saved >= SAVED_RATIO_MIN * moved
    })
    .toSorted((a, b) => b.saved / b.moved - a.saved / a.moved)
  let moved = 0
  const taken = worthy.filter((one) => {
    if (moved + one.moved > MOVED_SIZE_MAX) return false
    moved += one.moved
    return true
  })
  const sources = [...Map.groupBy(taken, ({ source }) => source.kind).values()]
    .map((some) => enough(some.map(({ source }) => source)))
    .filter((some) => {
      const account = accountOf(some, codeFor)
      return account.saved >= SAVED_RATIO_MIN * account.moved
    })
    .flat()
  return { sources, ...accountOf(sources, codeFor) }
}

/** What writing these anew comes to; kinds are not mixed. */
export function accountOf(sources: readonly MergeSource[], codeFor: CodeFor): MergeAccount {
  const accounts = [...Map.groupBy(sources, ({ kind }) => kind)].map(([kind, some]) =>
    accountOfKind(some, codeFor(kind)),
  )
  return {
    into: sum(accounts, ({ into }) => into),
    saved: sum(accounts, ({ saved }) => saved),
    moved: sum(accounts, ({ moved }) => moved),
  }
}

/**
 * What to copy of a number's bytes: all live ones, in as many extents as a row may have.
 *
 * @param live - ascending, not touching each other
 * @returns `undefined` where something live is not there: nothing may be copied then
 */
export function extentsToCopy(row: PackRow, live: readonly Extent[]): Extent[] | undefined {
  const isThere = live.every((extent) => {
    const place = placeOf(row, extent)
    return place !== undefined && place + extent.length <= row.size
  })
  if (!isThere) return undefined
  for (let gapMax = 0; ; gapMax = 2 * gapMax + 1) {
    const joined = joinOver(row, live, gapMax)
    if (joined.length <= EXTENTS_MAX) return joined
    assert(gapMax <= row.size, 'with every gap copied there are no more extents than before')
  }
}

/** Join stretches where little lies between, and that is there. */
function joinOver(row: PackRow, live: readonly Extent[], gapMax: number): Extent[] {
  const joined: Extent[] = []
  for (const extent of live) {
    const last = joined.at(-1)
    const whole = last && {
      offset: last.offset,
      length: extent.offset + extent.length - last.offset,
    }
    const isNear = last !== undefined && extent.offset - last.offset - last.length <= gapMax
    if (whole !== undefined && isNear && placeOf(row, whole) !== undefined) {
      joined[joined.length - 1] = whole
    } else {
      joined.push(extent)
    }
  }
  return joined
}

/** What one pack adds to the account: a new pack's own overhead is shared by all that go into it. */
function weigh(source: MergeSource, code: Code) {
  const live = liveSize(source)
  const coded = (live * code.total) / code.needed
  return { live, saved: storedSize(source.size, source.code) - coded, moved: live + coded }
}

function enough<Source extends MergeSource>(sources: readonly Source[]): Source[] {
  const isEnough = sources.filter(isSmall).length >= SMALL_COUNT_MIN
  return sources.filter((source) => isEnough || !isSmall(source) || isMostlyDead(source))
}

function accountOfKind(sources: readonly MergeSource[], code: Code): MergeAccount {
  const sizes = sources.flatMap(({ numbers }) => numbers.map(({ extents }) => extentsSize(extents)))
  const targets = filled(sizes)
  const before = sum(sources, ({ size, code: old }) => storedSize(size, old))
  const after = sum(targets, (size) => storedSize(padme(size), code))
  const moved = sum(sources, (source) => weigh(source, code).moved)
  return { into: targets.length, saved: before - after, moved }
}

/** @returns sizes of the packs that a packer makes of these, each of which stays in one piece */
function filled(sizes: readonly number[]): number[] {
  const packs: number[] = []
  for (const size of sizes) {
    const open = packs.at(-1)
    if (open === undefined || open + size > PACK_SIZE_TARGET) packs.push(size)
    else packs[packs.length - 1] = open + size
  }
  return packs
}

function isSmall({ size }: MergeSource): boolean {
  return size < SMALL_SIZE
}

function isMostlyDead(source: MergeSource): boolean {
  const live = liveSize(source)
  return live < LIVE_RATIO_MAX * source.size && source.size - live >= DEAD_SIZE_MIN
}

function liveSize({ numbers }: MergeSource): number {
  return sum(numbers, ({ extents }) => extentsSize(extents))
}

/** Bytes at all peers. */
function storedSize(size: number, { needed, total }: Code): number {
  return total * (Math.ceil(size / needed) + SHARE_OVERHEAD)
}

function sum<T>(items: readonly T[], sizeOf: (item: T) => number): number {
  return items.reduce((total, item) => total + sizeOf(item), 0)
}
