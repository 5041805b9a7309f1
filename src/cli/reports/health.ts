/**
 * What `check` and `repair` say of the health of packs: how many stand how, and what would help the others.
 */

import type { CheckedPeer } from '../../node/upkeep-types.ts'
import { STANDING_WORDS } from '../../grid/standing.ts'
import type { PeerId } from '../../ports/network.ts'
import { countVerdicts } from '../../repair/health-record.ts'
import {
  needsOf,
  needsOfAll,
  VERDICTS,
  type Needs,
  type PackHealth,
  type Verdict,
} from '../../repair/pack-health.ts'
import type { Held } from '../../repair/repair-parts.ts'
import { escapeLine } from '../escape.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes, formatCount, formatItems } from '../format.ts'
import type { JsonRecord } from '../output.ts'

/** Packs named in one group; the rest are counted. JSON has them all. */
const NAMED_MAX = 4

export const VERDICT_WORDS: Readonly<Record<Verdict, string>> = {
  whole: 'whole',
  settling: 'settling',
  thin: 'thin',
  unsafe: 'not safe',
  'out-of-reach': 'out of reach',
  lost: 'lost',
}

type PeerNames = (peer: PeerId) => string

/** @returns what a person calls each peer: its name, escaped, or the end of its id */
export function peerNames(peers: readonly Pick<CheckedPeer, 'peer' | 'name'>[]): PeerNames {
  const names = new Map(peers.map(({ peer, name }) => [peer, name]))
  return (peer) => {
    const name = names.get(peer)
    return name === undefined ? `…${peer.slice(-8)}` : escapeLine(name)
  }
}

/** Why a share is bad, without the names that stand beside it already. */
export function whyWords({ peer, pack }: Held, why: string): string {
  return escapeLine(why.replace(`${peer}: `, '').replace(`${pack}: `, ''))
}

/** @returns who answers, how many packs stand how, and for each group of troubled packs what would help */
export function healthLines(
  peers: readonly CheckedPeer[],
  packs: readonly PackHealth[],
  nameOf: PeerNames,
): string[] {
  const here = peers.filter(({ isHere }) => isHere).length
  const size = packs.reduce((sum, { pack }) => sum + pack.shape.size, 0)
  const counts = countVerdicts(packs)
  const told = VERDICTS.filter((verdict) => counts[verdict] > 0)
    .map((verdict) => `${formatCount(counts[verdict])} ${VERDICT_WORDS[verdict]}`)
    .toReversed()
  return [
    `peers      ${here} of ${peers.length} answer`,
    ...peers.filter(isTold).map((peer) => `           ${nameOf(peer.peer)}: ${peerWords(peer)}`),
    `packs      ${formatCount(packs.length)}, ${formatBytes(size)}` +
      (told.length === 0 ? '' : `: ${told.join(', ')}`),
    `shares     ${shareWords(packs)}`,
    ...groupLines(packs, nameOf),
  ]
}

/** One record for each pack that is not whole, and one for each peer. */
export function healthRecords(
  peers: readonly CheckedPeer[],
  packs: readonly PackHealth[],
  nameOf: PeerNames,
): JsonRecord[] {
  return [
    ...peers.map((peer) => ({ message_type: 'peer', ...peerFields(peer) })),
    ...packs
      .filter(({ verdict }) => verdict !== 'whole')
      .map((health) => ({ message_type: 'pack', ...packFields(health, nameOf) })),
  ]
}

export function healthFields(packs: readonly PackHealth[]) {
  const counts = countVerdicts(packs)
  return {
    packs_total: packs.length,
    packs_whole: counts.whole,
    packs_settling: counts.settling,
    packs_thin: counts.thin,
    packs_unsafe: counts.unsafe,
    packs_out_of_reach: counts['out-of-reach'],
    packs_lost: counts.lost,
    shares_total: packs.reduce((sum, { pack }) => sum + pack.shape.total, 0),
    shares_missing: packs.reduce((sum, { missing }) => sum + missing.length, 0),
    happiness_min: packs.length === 0 ? 0 : Math.min(...packs.map(({ happiness }) => happiness)),
  }
}

/** Lost data weighs more than data that is not safe, and that more than shares that are missing. */
export function healthExit(packs: readonly PackHealth[]): ExitCode {
  const counts = countVerdicts(packs)
  if (counts.lost > 0) return EXIT.unrecoverable
  if (counts['out-of-reach'] + counts.unsafe > 0) return EXIT.notSafe
  return EXIT.ok
}

export function packFields(health: PackHealth, nameOf: PeerNames) {
  const { pack, verdict, live, readable, missing, happiness, happinessMax } = health
  const { shape } = pack
  return {
    pack: pack.id,
    numbers: pack.numbers,
    kind: pack.kind,
    size: shape.size,
    verdict,
    needed: shape.needed,
    total: shape.total,
    shares_counted: live.size,
    shares_found: readable.size,
    shares_missing: missing,
    happiness,
    happiness_max: happinessMax,
    fixes: helps(needsOf(health), nameOf),
  }
}

function peerFields({ peer, name, domain, isHere, standing, isCounted, shares }: CheckedPeer) {
  return { peer, name, domain, is_here: isHere, standing, is_counted: isCounted, shares }
}

function isTold({ isHere, standing }: CheckedPeer): boolean {
  return !isHere || standing !== 'here'
}

function peerWords({ isHere, standing, isCounted, shares }: CheckedPeer): string {
  const words = [
    ...(isHere ? [] : ['does not answer']),
    ...(standing === 'here' ? [] : [STANDING_WORDS[standing]]),
    ...(isCounted || shares === 0 ? [] : ['what it holds counts as missing']),
  ]
  return `${words.join(', ')}; ${formatItems(shares, 'share')} of ours`
}

/** How many count, and of those how many nobody confirmed just now. */
function shareWords(packs: readonly PackHealth[]): string {
  const all = packs.reduce((sum, { pack }) => sum + pack.shape.total, 0)
  const live = packs.reduce((sum, health) => sum + health.live.size, 0)
  const unseen = packs.reduce(
    (sum, health) =>
      sum + [...health.live.keys()].filter((share) => !health.readable.has(share)).length,
    0,
  )
  const rest = unseen === 0 ? '' : `, ${formatCount(unseen)} of them at peers that do not answer`
  return `${formatCount(live)} of ${formatCount(all)} count${rest}`
}

/** Packs in the same trouble are one line, with what would help all of them. */
function groupLines(packs: readonly PackHealth[], nameOf: PeerNames): string[] {
  const troubled = packs.filter(({ verdict }) => verdict !== 'whole')
  const groups = Map.groupBy(troubled, ({ verdict, live, pack: { shape } }) =>
    [verdict, live.size, shape.needed, shape.total].join(' '),
  )
  return [...groups.values()]
    .toSorted((a, b) => rankOf(a) - rankOf(b))
    .flatMap((group) => {
      const [first] = group
      if (first === undefined) return []
      const { verdict, live } = first
      const { needed, total } = first.pack.shape
      return [
        `${VERDICT_WORDS[verdict].padEnd(12)} ${formatItems(group.length, 'pack')} with ${live.size} of ` +
          `${total} shares, ${needed} bring ${group.length === 1 ? 'it' : 'each'} back: ${named(group)}`,
        ...helps(needsOfAll(group), nameOf).map((help) => `             helps: ${help}`),
      ]
    })
}

/** @returns what would make packs better, the cheapest first */
function helps({ placeable, friends, shares, back }: Needs, nameOf: PeerNames): string[] {
  const names = back.map(nameOf).toSorted().join(', ')
  return [
    ...(placeable === 0 ? [] : [`cairn repair: it places ${formatItems(placeable, 'share')}`]),
    ...(friends === 0
      ? []
      : [`${formatItems(friends, 'more friend')} with disk to lend: cairn invite`]),
    ...(shares === 0 ? [] : [`${formatItems(shares, 'more share')}, wherever they come from`]),
    ...(back.length === 0 ? [] : [`${names} back online`]),
  ]
}

function rankOf([first]: readonly PackHealth[]): number {
  return first === undefined ? 0 : VERDICTS.indexOf(first.verdict)
}

function named(group: readonly PackHealth[]): string {
  const names = group
    .slice(0, NAMED_MAX)
    .map(({ pack }) =>
      pack.numbers[0] === undefined ? `…${pack.id.slice(-8)}` : String(pack.numbers[0]),
    )
  const rest = group.length - names.length
  return rest === 0 ? names.join(', ') : `${names.join(', ')} and ${formatCount(rest)} more`
}
