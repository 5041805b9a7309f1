/** Audits as the client is asked for them: random blocks with proofs, from each peer for itself. */

import { count as countField } from '../../protocol/cbor.ts'
import type { PeerId } from '../ports/network.ts'
import { auditPeers, sharesByPeer, type PeerAudit } from '../repair/audit-peers.ts'
import { checkPacks } from '../repair/check-packs.ts'
import { ClientPackList } from '../repair/client-packs.ts'
import { below, WINDOW_EVERY, type AuditedShare } from '../repair/draw-audits.ts'
import type { RepairParts } from '../repair/repair-parts.ts'
import { auditsDue } from '../repair/repair-policy.ts'
import { openRepair } from './open-repair.ts'
import type { AuditRequest, AuditSummary } from './upkeep-types.ts'
import type { VaultSession } from './vault-session.ts'

/** Settings: the time up to which audits are done, and how many each peer had. */
const AUDITED_AT = 'repair/audited-at'
const AUDITS_DONE = 'repair/audits-done'

/**
 * @throws {GridNotFoundError}
 * @throws {HeadOutOfReachError}
 */
export async function runAudit(
  session: VaultSession,
  { count, peers, onProgress }: AuditRequest,
  signal: AbortSignal,
): Promise<AuditSummary> {
  await session.link()
  await session.refresh(signal)
  const parts = await openRepair(session)
  const checked = await checkPacks(parts, {}, signal)
  const isMeant = (peer: PeerId) => peers === undefined || peers.includes(peer)
  const held = sharesByPeer(
    checked.packs.map(({ pack, readable }) => ({ pack, holders: readable })),
  )
  const shares = new Map<PeerId, readonly AuditedShare[]>()
  for (const peer of checked.friends.keys())
    if (isMeant(peer)) shares.set(peer, held.get(peer) ?? [])
  const tell = onProgress === undefined ? {} : { onProgress }
  const audits = await auditPeers(parts, { count, shares, ...tell }, signal)
  return {
    audits: audits.map((audit) => {
      const { isHere = false } = checked.friends.get(audit.peer) ?? {}
      const { name } = parts.grid.roster.member(audit.peer) ?? {}
      return {
        ...audit,
        // Who did not answer may hold whatever it likes.
        verdict: isHere ? audit.verdict : 'away',
        standing: session.lookout.standing(audit.peer),
        ...(name === undefined ? {} : { name }),
      }
    }),
    warnings: session.takeWarnings(),
  }
}

/**
 * As many audits as are due by now, of peers that are not silent, from what is known of them: no question to
 * all is asked for it.
 */
export async function auditWhatIsDue(
  session: VaultSession,
  parts: RepairParts,
  signal: AbortSignal,
): Promise<readonly PeerAudit[]> {
  const { settings } = session.stores
  const before = settings.get(AUDITED_AT, countField(Number.MAX_SAFE_INTEGER))
  const { count, auditedAt } = auditsDue(before, Math.max(0, session.ports.clock.now()))
  if (auditedAt !== before) settings.set(AUDITED_AT, auditedAt)
  if (count === 0) return []
  const number = countField(Number.MAX_SAFE_INTEGER)
  const done = settings.get(AUDITS_DONE, number) ?? below(parts.random, WINDOW_EVERY)
  settings.set(AUDITS_DONE, done + count)
  const list = new ClientPackList(session.stores)
  const known = sharesByPeer(
    list.all().flatMap((pack) => {
      const { id, shape } = pack
      if (shape === undefined) return []
      // Who was never told that a share is needed may have let it go.
      const holders = [...list.adopted(pack)].map(([share, peer]) => [share, [peer]] as const)
      return [{ pack: { id, shape }, holders }]
    }),
  )
  const isThere = (peer: PeerId) => {
    const standing = session.lookout.standing(peer)
    return standing === 'here' || standing === 'leaving' || standing === 'untrusted'
  }
  const shares = new Map([...known].filter(([peer]) => isThere(peer)))
  return auditPeers(parts, { count, shares, done }, signal)
}
