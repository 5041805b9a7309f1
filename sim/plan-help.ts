/**
 * Helpers in the calm: what a friend with a repair cap does by itself, while the laptop does nothing.
 */

import { openCertificate } from '../protocol/certificate.ts'
import { readHelpReport, type HelpOutcome } from '../src/node/help-reports.ts'
import { StoryError } from './errors.ts'
import type { Friend } from './grid.ts'
import type { Stage } from './plan-stage.ts'
import type { Witness } from './witness.ts'

const MINUTE_MS = 60_000

/** Within which a helper has begun and ended two rounds, whatever it did before. */
const ROUNDS_MS = 75 * MINUTE_MS

/**
 * Let helpers work for a while. Each must have ended a round, with what its cap allows; where all friends are
 * there and keep what they were given, no pack may lack a share that somebody would take.
 *
 * @throws {StoryError}
 */
export async function assertHelped(stage: Stage, witness: Witness): Promise<void> {
  const { friends, kinds, plan } = stage
  const helpers = friends.left.filter(({ name, help }) => help.length > 0 && kinds.isHonest(name))
  if (helpers.length === 0) return
  const begun = new Map(helpers.map((one) => [one, one.machine.clock.now()]))
  await stage.sleep(ROUNDS_MS)
  await witness.look()
  const areAllThere = friends.left.length === friends.all.length
  const isKept = areAllThere && plan.peers.every(({ name }) => kinds.isHonest(name))
  for (const [helper, since] of begun) {
    const outcome = await lastRound(helper, since, witness)
    const wanted = wantedOf(helper, witness)
    if (outcome.type !== wanted) {
      throw new StoryError(`${helper.name} says "${outcome.type}" of its help, not "${wanted}"`)
    }
    const { lost = 0, unsafe = 0, settling = 0, ...more } = outcome.verdicts
    const hurt = lost + unsafe + (more['out-of-reach'] ?? 0) + (isKept ? settling : 0)
    if (hurt > 0) throw new StoryError(`${helper.name} helps, and ${hurt} packs stay in trouble`)
  }
}

async function lastRound(
  { name, machine }: Friend,
  since: number,
  { vault }: Witness,
): Promise<HelpOutcome> {
  const report = await readHelpReport(machine.ports.disk, vault)
  if (report === undefined || report.at < since) throw new StoryError(`${name} helps no more`)
  if (report.outcome === undefined) throw new StoryError(`${name} cannot help: ${report.trouble}`)
  return report.outcome
}

/** What its newest cap is good for. */
function wantedOf({ help }: Friend, { newest }: Witness): HelpOutcome['type'] {
  if (newest === undefined) return 'no-head'
  const epochs = help.map(({ certificate }) => openCertificate(certificate).epoch)
  return Math.max(...epochs) < newest.head.epoch ? 'replaced' : 'helped'
}
