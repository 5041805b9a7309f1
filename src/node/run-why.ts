/**
 * Why packs stand as they do, as the client is asked for it: a path's, one pack's, or all that are not whole.
 *
 * Of everything, only what this machine knows to be not whole is looked at; whether the rest is still where it
 * was put is for `check` to find out.
 */

import { UsageError } from '../base/errors.ts'
import type { Survey } from '../grid/survey.ts'
import type { PeerId } from '../ports/network.ts'
import { countLacks, explain, type Explanation } from '../repair/explain.ts'
import {
  judgePack,
  VERDICTS,
  type Holding,
  type PackHealth,
  type Verdict,
} from '../repair/pack-health.ts'
import { groupById, type ShapedPack } from '../repair/pack-list.ts'
import { toNames } from '../source/path.ts'
import type { PackRow, Packs } from '../store/packs.ts'
import { friendsOf } from './friends.ts'
import { placedPacks } from './placed-packs.ts'
import type { VaultSession } from './vault-session.ts'
import { NoSuchSnapshotError } from './when.ts'
import type { WhyFriend, WhyReport, WhyRequest } from './why-types.ts'

/** @throws {UsageError} there is no such pack, or nothing stands under the path */
export async function runWhy(
  session: VaultSession,
  request: WhyRequest,
  signal: AbortSignal,
): Promise<WhyReport> {
  const { ports, stores, lookout } = session
  const { grid } = await session.link()
  const asked = await packsAsked(session, request, signal)
  const here = (await grid.status(signal)).filter(({ status }) => status !== undefined)
  await lookout.hearOthers(grid, signal)
  let friends = await friendsOf(
    session,
    here.map(({ peer }) => peer),
  )
  const { rows, whole } = asked === undefined ? doubtful(stores.packs, friends) : { rows: asked, whole: 0 }
  const packs = shaped(rows)
  const survey = await grid.shares.survey(
    packs.map(({ id }) => id),
    signal,
  )
  if (packs.length > 0) friends = await friendsOf(session, survey.answered)
  const now = ports.clock.now()
  const explanations = packs.map((pack) =>
    explain(judge(pack, survey, stores.packs, friends), friends, now),
  )
  return {
    isAll: asked === undefined,
    friends,
    explanations,
    lacks: countLacks(explanations),
    friendsLacking: Math.max(0, ...explanations.map(({ friendsLacking }) => friendsLacking)),
    packsTotal: packs.length + whole,
    verdicts: countVerdicts(explanations, whole),
    now,
  }
}

/** @returns packs that are not whole as far as is known here, and how many are */
function doubtful(
  packs: Packs,
  friends: ReadonlyMap<PeerId, WhyFriend>,
): { readonly rows: readonly PackRow[]; readonly whole: number } {
  const placed = [...placedPacks(packs, friends)]
  const rows = placed.flatMap(({ row, state }) => (state === 'whole' ? [] : [row]))
  return { rows, whole: placed.length - rows.length }
}

/** @returns `undefined` for all packs that there are */
async function packsAsked(
  session: VaultSession,
  request: WhyRequest,
  signal: AbortSignal,
): Promise<PackRow[] | undefined> {
  const { packs } = session.stores
  if (request.type === 'all') return undefined
  if (request.type === 'path') {
    const numbers = await packsUnder(session, request.path, signal)
    return [...numbers].toSorted((a, b) => a - b).flatMap((number) => packs.get(number) ?? [])
  }
  const { pack } = request
  const byNumber = /^\d{1,15}$/.test(pack) ? packs.get(Number(pack)) : undefined
  const found = byNumber ?? packs.encodedFrom(0).find(({ id }) => id === pack)
  if (found?.id !== undefined) return [found]
  throw new UsageError(`There is no pack ${pack}; \`cairn why\` alone shows those that lack something`)
}

/** @returns the packs that the newest versions under a path lie in, with all that those rest on */
async function packsUnder(
  session: VaultSession,
  path: Uint8Array,
  signal: AbortSignal,
): Promise<Set<number>> {
  const { tree, node } = await session.openTree(signal)
  const newest = session.stores.published.current()?.sequence ?? 0
  const names = toNames(await session.canonical(path))
  const numbers = new Set<number>()
  let isThere = false
  if (node !== undefined) {
    for await (const { path: found, entry } of tree.walk(node, names, newest)) {
      signal.throwIfAborted()
      isThere = true
      const { what } = entry.span
      if (what.kind !== 'file') continue
      for (const { content } of await tree.chain(node, found, what.version)) {
        for await (const { pack } of tree.references(content.parts)) numbers.add(pack)
      }
    }
  }
  if (isThere) return numbers
  throw new NoSuchSnapshotError(
    'The newest snapshot holds nothing there; `cairn ls` shows what it holds',
  )
}

/** @returns each pack once, whichever numbers lie in it */
function shaped(rows: readonly PackRow[]): ShapedPack[] {
  const facts = groupById(
    rows.flatMap(({ id, number, kind, size, needed, total }) =>
      id === undefined ? [] : [{ id, number, kind, shape: { size, needed, total } }],
    ),
  )
  return facts.flatMap(({ shape, ...pack }) => (shape === undefined ? [] : [{ ...pack, shape }]))
}

function judge(
  pack: ShapedPack,
  { holdings, answered }: Survey,
  packs: Packs,
  friends: ReadonlyMap<PeerId, WhyFriend>,
): PackHealth {
  const [number = 0] = pack.numbers
  const isAnswered = new Set(answered)
  const known = [...packs.holders(number)].filter(([, peer]) => !isAnswered.has(peer))
  const holders = holdersOf(holdings.get(pack.id) ?? new Map<PeerId, readonly number[]>(), known)
  return judgePack(pack, { holders, barred: new Set() }, friends)
}

function holdersOf(
  said: ReadonlyMap<PeerId, readonly number[]>,
  known: readonly (readonly [number, PeerId])[],
): Map<number, readonly Holding[]> {
  const holders = new Map<number, readonly Holding[]>()
  const add = (share: number, holding: Holding) =>
    holders.set(share, [...(holders.get(share) ?? []), holding])
  for (const [peer, shares] of said) {
    for (const share of shares) add(share, { peer, isSeen: true })
  }
  for (const [share, peer] of known) {
    if (said.get(peer)?.includes(share) !== true) add(share, { peer, isSeen: false })
  }
  return holders
}

function countVerdicts(
  explanations: readonly Explanation[],
  whole: number,
): ReadonlyMap<Verdict, number> {
  const counts = new Map(VERDICTS.map((verdict) => [verdict, 0]))
  counts.set('whole', whole)
  for (const { health } of explanations) {
    counts.set(health.verdict, (counts.get(health.verdict) ?? 0) + 1)
  }
  return new Map([...counts].filter(([, count]) => count > 0))
}
