/**
 * Leaving: how far the shares that this peer holds are held by others too.
 *
 * A peer that leaves says so first. From then on nobody counts on it, and whoever owns a share there has it
 * made again elsewhere; the peer looks on, since it can neither read nor place what is another's.
 */

import { PACKS_MAX } from '../../protocol/messages.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { PackId } from '../../protocol/manifest.ts'
import { askAll } from '../grid/ask-all.ts'
import type { Clock } from '../ports/clock.ts'
import type { PeerId } from '../ports/network.ts'
import type { ShareKey } from '../store/share-accounts.ts'
import type { PeerNode } from './peer-node.ts'

/** Between two looks, ms: owners need hours. */
const LOOK_EVERY_MS = 60_000

/** How it stands with the shares that others need here. */
export interface LeaveProgress {
  readonly sharesTotal: number
  /** Those of them that no other peer says it holds. */
  readonly sharesLeft: number
  /** Owners who still have some here only, most first. */
  readonly vaults: readonly { readonly vault: VaultId; readonly sharesLeft: number }[]
  readonly peersAsked: number
  readonly peersAnswered: number
}

/**
 * Look until nothing is left here only.
 *
 * @throws the signal's reason once it aborts
 */
export async function* lookWhileLeaving(
  node: PeerNode,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<LeaveProgress> {
  for (;;) {
    const progress = await lookOnce(node, signal)
    yield progress
    if (progress.sharesLeft === 0) return
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
}

/** Ask the others once. Who is leaving too does not count. */
export async function lookOnce(node: PeerNode, signal: AbortSignal): Promise<LeaveProgress> {
  const { roster, spreader, peer } = node
  const others = roster
    .storagePeers()
    .filter((member) => member.peer !== peer && !member.isLeaving)
    .map((member) => member.peer)
  const answered = new Set(others)
  const left = new Map<VaultId, number>()
  let sharesTotal = 0
  for (const shares of pages(node)) {
    sharesTotal += shares.length
    const held = await heldElsewhere(spreader.grid, { shares, others, answered }, signal)
    for (const { vault, pack, shareNumber } of shares) {
      if (!held.has(`${pack} ${shareNumber}`)) left.set(vault, (left.get(vault) ?? 0) + 1)
    }
  }
  return {
    sharesTotal,
    sharesLeft: [...left.values()].reduce((sum, count) => sum + count, 0),
    vaults: [...left]
      .map(([vault, sharesLeft]) => ({ vault, sharesLeft }))
      .toSorted((a, b) => b.sharesLeft - a.sharesLeft || (a.vault < b.vault ? -1 : 1)),
    peersAsked: others.length,
    peersAnswered: answered.size,
  }
}

/** Shares that a head needs, in pages of as many as one question asks about. */
function* pages({ shareStore }: PeerNode): Generator<readonly ShareKey[]> {
  for (let after: ShareKey | undefined; ;) {
    const page = shareStore.adopted(after, PACKS_MAX)
    if (page.length > 0) yield page
    if (page.length < PACKS_MAX) return
    after = page.at(-1)
  }
}

/**
 * @param asked.answered - peers that answered so far; those that fail are taken out
 * @returns `<pack> <share>` of all that somebody else says to hold
 */
async function heldElsewhere(
  grid: PeerNode['spreader']['grid'],
  asked: {
    readonly shares: readonly ShareKey[]
    readonly others: readonly PeerId[]
    readonly answered: Set<PeerId>
  },
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const packs: PackId[] = [...new Set(asked.shares.map(({ pack }) => pack))]
  const held = new Set<string>()
  const { failures } = await askAll(
    grid.sessions(asked.others),
    async (session, within) => {
      const { shares } = await session.have(packs, { manifests: false }, within)
      for (const [index, pack] of packs.entries()) {
        for (const share of shares[index] ?? []) held.add(`${pack} ${share}`)
      }
    },
    signal,
  )
  for (const { peer } of failures) asked.answered.delete(peer)
  return held
}
