/** Repair as the client is asked for it, and as a backup does it by itself when it is done. */

import { count as countField } from '../../protocol/cbor.ts'
import { isCounted } from '../grid/standing.ts'
import { keepHealth } from '../repair/health-record.ts'
import { packsDue } from '../repair/repair-plan.ts'
import type { RepairParts } from '../repair/repair-parts.ts'
import { CHECK_EVERY_MS, nextCheckAt, type RepairPolicy } from '../repair/repair-policy.ts'
import { RepairWorker } from '../repair/repair-worker.ts'
import type { CheckedPacks } from '../repair/check-packs.ts'
import { isNews } from './keep-again.ts'
import { checkedPeers, openRepair } from './open-repair.ts'
import { auditWhatIsDue } from './run-audit.ts'
import { lostNumbers, seeToLost } from './run-check.ts'
import type { RepairRequest, RepairSummary } from './upkeep-types.ts'
import type { VaultSession } from './vault-session.ts'

const CUT_OFF =
  'Fewer than half of the peers that are waited for answer: perhaps it is this computer that is cut off'

/** Setting: when a backup checks and repairs by itself again. */
const CHECK_DUE_AT = 'repair/check-due-at'

/**
 * @throws {GridNotFoundError}
 * @throws {DeviceReplacedError}
 * @throws {HeadOutOfReachError}
 */
export async function runRepair(
  session: VaultSession,
  request: RepairRequest,
  signal: AbortSignal,
): Promise<RepairSummary> {
  const { stores, ports } = session
  await session.link()
  await session.refresh(signal)
  session.assertInOffice()
  const parts = await openRepair(session)
  const worker = new RepairWorker(parts)
  const { isPatient, isDryRun, onProgress, budget, countMax } = request
  const tell = onProgress === undefined ? {} : { onProgress }
  const checked = await worker.check(
    { ...(isPatient ? {} : { giveUp: 'silent' as const }), ...tell },
    signal,
  )
  const report = await worker.repair(
    checked,
    {
      isDryRun,
      isPatient,
      ...(budget === undefined ? {} : { budget }),
      ...(countMax === undefined ? {} : { countMax }),
      ...tell,
    },
    signal,
  )
  if (checked.look.answered.length > 0)
    keepHealth(stores.settings, report.health, ports.clock.now())
  return {
    peers: checkedPeers(session, parts, { friends: checked.friends, packs: report.health }),
    repaired: report.packs,
    packs: report.health,
    bytesRead: report.bytesRead,
    bytesSent: report.bytesSent,
    untold: report.untold,
    isDryRun,
    failures: report.packs.flatMap(({ error }) => error ?? []),
    warnings: [...session.takeWarnings(), ...(isHeard(checked) ? [] : [CUT_OFF])],
  }
}

/** What a backup did by itself about the health of what was stored. */
export interface Upkeep {
  /** Shares that were made again or moved. */
  readonly sharesPlaced: number
  readonly warnings: readonly string[]
}

/**
 * Audit, check and repair as far as each is due and the policy goes.
 *
 * @throws {CairnError} for the caller to tell: the snapshot stands whatever becomes of this
 */
export async function upkeep(
  session: VaultSession,
  policy: RepairPolicy,
  signal: AbortSignal,
): Promise<Upkeep> {
  const parts = await openRepair(session)
  const audits = await auditWhatIsDue(session, parts, signal)
  const { roster } = parts.grid
  const warnings = audits.flatMap(({ peer, bad, verdict }) =>
    bad.length === 0
      ? []
      : [
          `${roster.nameOf(peer)} ${verdict === 'withholding' ? 'gives no bytes' : 'gave wrong bytes or none'} ` +
            `for ${bad.length === 1 ? 'a share' : `${bad.length} shares`} that it should hold`,
        ],
  )
  const foundBad = audits.some(({ bad }) => bad.length > 0)
  if (!foundBad && !isCheckDue(session, parts)) return { sharesPlaced: 0, warnings }
  const { random, clock } = session.ports
  const { settings } = session.stores
  const worker = new RepairWorker(parts)
  const checked = await worker.check({}, signal)
  // Where hardly anybody answers it is we who are cut off: then nobody is judged, and it stays due.
  if (!isHeard(checked)) return { sharesPlaced: 0, warnings }
  const { budget, countMax } = policy
  const report = await worker.repair(checked, { budget, countMax }, signal)
  keepHealth(settings, report.health, clock.now())
  const lost = lostNumbers(report.health)
  if (isNews(session, lost)) await seeToLost(session, lost, signal)
  // What the budget did not reach has its turn at the next backup.
  const isOver = packsDue(report.health).length === 0 || report.bytesSent === 0
  if (isOver) settings.set(CHECK_DUE_AT, Math.max(0, nextCheckAt(clock.now(), random)))
  return {
    sharesPlaced: report.packs.reduce((sum, { mended }) => sum + (mended?.placed.size ?? 0), 0),
    warnings: [...warnings, ...warningsOf(report.health)],
  }
}

/** The day's check, or a friend who is about to leave with shares of ours. */
function isCheckDue({ stores, ports }: VaultSession, { grid }: RepairParts): boolean {
  const now = Math.max(0, ports.clock.now())
  const { settings, packs } = stores
  const isLeaving = grid.roster
    .storagePeers()
    .some(({ peer, isLeaving: leaves }) => leaves && packs.isHolder(peer))
  if (isLeaving) return true
  const dueAt = settings.get(CHECK_DUE_AT, countField(Number.MAX_SAFE_INTEGER))
  // The first one in a day; and a clock that was set back must not put it off for years.
  if (dueAt === undefined || dueAt > now + 2 * CHECK_EVERY_MS) {
    settings.set(CHECK_DUE_AT, nextCheckAt(now, ports.random))
    return false
  }
  return dueAt <= now
}

/** Whether at least half of those who are waited for answered. */
function isHeard({ friends }: CheckedPacks): boolean {
  const expected = [...friends.values()].filter(
    ({ standing, isWaitedFor = isCounted(standing) }) => isWaitedFor && standing !== 'vacation',
  )
  const here = expected.filter((one) => one.isHere)
  return here.length > 0 && 2 * here.length >= expected.length
}

function warningsOf(packs: RepairSummary['packs']): string[] {
  const lost = packs.filter(({ verdict }) => verdict === 'lost').length
  if (lost === 0) return []
  const some = lost === 1 ? 'A pack is' : `${lost} packs are`
  return [
    `${some} lost, as far as anybody answers: "cairn check" tells which files that concerns. ` +
      'What is still here of them the next backup keeps again',
  ]
}
