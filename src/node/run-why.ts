/**
 * Why packs stand as they do, as the client is asked for it: a path's, one pack's, or all that are not whole.
 *
 * Of everything, only what this machine knows to be not whole is looked at; whether the rest is still where it
 * was put is for `check` to find out.
 */

import { UsageError } from '../base/errors.ts'
import { checkPacks } from '../repair/check-packs.ts'
import { countLacks, explain, type Explanation } from '../repair/explain.ts'
import { VERDICTS, type PackHealth, type Verdict } from '../repair/pack-health.ts'
import type { PackFacts } from '../repair/pack-list.ts'
import { toNames } from '../source/path.ts'
import type { ClientStores } from './client-stores.ts'
import { friendsOf } from './friends.ts'
import { openRepair } from './open-repair.ts'
import { PlacedPackList, placedPacks } from './placed-packs.ts'
import type { VaultSession } from './vault-session.ts'
import { NoSuchSnapshotError } from './when.ts'
import type { WhyReport, WhyRequest } from './why-types.ts'

/**
 * @throws {UsageError} there is no such pack
 * @throws {NoSuchSnapshotError} nothing stands under the path
 */
export async function runWhy(
  session: VaultSession,
  request: WhyRequest,
  signal: AbortSignal,
): Promise<WhyReport> {
  const { ports, stores, lookout } = session
  const { grid } = await session.link()
  const list = new PlacedPackList(stores)
  const asked = await packsAsked(session, list, request, signal)
  const states = await grid.status(signal)
  await lookout.hearOthers(grid, signal)
  const here = states.flatMap(({ peer, status }) => (status === undefined ? [] : [peer]))
  const placed = asked === undefined ? placedPacks(stores, await friendsOf(session, here)) : []
  const doubtful = placed.flatMap(({ pack, state }) => (state === 'whole' ? [] : [pack]))
  const all = asked ?? doubtful
  const holders = (pack: PackFacts) => list.holders(pack)
  const parts = { ...(await openRepair(session)), list: { all: () => [...all], holders } }
  const checked = all.length === 0 ? undefined : await checkPacks(parts, {}, signal)
  const friends = await friendsOf(session, checked?.look.answered ?? here)
  const now = ports.clock.now()
  const explanations = spooledAreHere(checked?.packs ?? [], stores).map((health) =>
    explain(health, friends, now),
  )
  const whole = placed.length - doubtful.length
  return {
    isAll: asked === undefined,
    friends,
    explanations,
    lacks: countLacks(explanations),
    friendsLacking: Math.max(0, ...explanations.map(({ friendsLacking }) => friendsLacking)),
    packsTotal: all.length + whole,
    verdicts: countVerdicts(explanations, whole),
    now,
  }
}

/** What still lies whole in the spool is not lost, however few peers have of it: it waits to be sent. */
function spooledAreHere(packs: readonly PackHealth[], stores: ClientStores): PackHealth[] {
  const waiting = stores.packs.unpublished().filter(({ state }) => state !== 'complete')
  const spooled = new Set(waiting.map(({ id }) => id))
  return packs.map((health) => {
    const isGone = health.verdict === 'lost' || health.verdict === 'out-of-reach'
    return isGone && spooled.has(health.pack.id) ? { ...health, verdict: 'unsafe' } : health
  })
}

/** @returns `undefined` for all packs that there are */
async function packsAsked(
  session: VaultSession,
  list: PlacedPackList,
  request: WhyRequest,
  signal: AbortSignal,
): Promise<readonly PackFacts[] | undefined> {
  if (request.type === 'all') return undefined
  if (request.type === 'path') {
    const under = await packsUnder(session, request.path, signal)
    return list.all().filter(({ numbers }) => numbers.some((number) => under.has(number)))
  }
  const { pack } = request
  const isMeant = ({ id, numbers }: PackFacts) => id === pack || numbers.includes(Number(pack))
  const found = list.all().filter(isMeant)
  if (found.length > 0) return found
  throw new UsageError(
    `There is no pack ${pack}; \`cairn why\` alone shows those that lack something`,
  )
}

/** @returns the numbers of packs that the newest versions under a path lie in, with all that those rest on */
async function packsUnder(
  session: VaultSession,
  path: Uint8Array,
  signal: AbortSignal,
): Promise<ReadonlySet<number>> {
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
