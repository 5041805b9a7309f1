/** A check as the client is asked for it: who says they hold what, and whether it is true. */

import { FormatError, RecoveryError } from '../base/errors.ts'
import { checkPacks, withoutBad } from '../repair/check-packs.ts'
import { keepHealth } from '../repair/health-record.ts'
import { verifyShares } from '../repair/verify-shares.ts'
import { toPath } from '../source/path.ts'
import { affectedFiles } from './affected-files.ts'
import { keepAgain } from './keep-again.ts'
import { checkedPeers, openRepair } from './open-repair.ts'
import type { CheckRequest, CheckSummary } from './upkeep-types.ts'
import type { VaultSession } from './vault-session.ts'

/**
 * @throws {GridNotFoundError}
 * @throws {HeadOutOfReachError}
 */
export async function runCheck(
  session: VaultSession,
  { verify, onProgress }: CheckRequest,
  signal: AbortSignal,
): Promise<CheckSummary> {
  const { stores, ports } = session
  await session.link()
  await session.refresh(signal)
  const parts = await openRepair(session)
  const tell = onProgress === undefined ? {} : { onProgress }
  let checked = await checkPacks(parts, tell, signal)
  const verified =
    verify === undefined
      ? undefined
      : await verifyShares(parts, checked, { sample: verify, ...tell }, signal)
  if (verified !== undefined) {
    checked = withoutBad(
      checked,
      verified.bad.map(({ held }) => held),
      parts.bad,
    )
  }
  // What nobody told anything about is not known any better than before.
  if (checked.look.answered.length > 0) {
    keepHealth(stores.settings, checked.packs, ports.clock.now())
  }
  const affected = await seeToLost(session, lostNumbers(checked.packs), signal)
  return {
    peers: checkedPeers(session, parts, checked),
    packs: checked.packs,
    dropped: checked.dropped,
    verified,
    affected,
    warnings: session.takeWarnings(),
  }
}

/**
 * Let the next backup keep again what rests on lost packs.
 *
 * @returns files of the newest snapshot that do
 */
export async function seeToLost(
  session: VaultSession,
  lost: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<CheckSummary['affected']> {
  if (lost.size === 0) return []
  const affected = await affectedBy(session, lost, signal)
  keepAgain(session, lost, affected)
  return affected
}

/** Packs that are lost, by the numbers that lie in them. */
export function lostNumbers(packs: CheckSummary['packs']): Set<number> {
  const lost = packs.filter(({ verdict }) => verdict === 'lost')
  return new Set(lost.flatMap(({ pack }) => pack.numbers))
}

async function affectedBy(
  session: VaultSession,
  lost: ReadonlySet<number>,
  signal: AbortSignal,
): Promise<CheckSummary['affected']> {
  try {
    return await affectedFiles(await session.openTree(signal), lost, signal)
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof RecoveryError || error instanceof FormatError)) throw error
    // The way to all files is lost, or out of reach.
    return [{ path: toPath([]), isOldOnly: false }]
  }
}
