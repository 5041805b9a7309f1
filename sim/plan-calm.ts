/**
 * The calm at the end of a plan: faults are over, and within a bounded time all must be well.
 *
 * Where more was destroyed than a pack can miss, nothing is promised but this: what comes back is right, and
 * what does not come back is told by an error that has a name.
 */

import { CairnError } from '../src/base/errors.ts'
import type { PeerId } from '../src/ports/network.ts'
import type { PackHealth } from '../src/repair/pack-health.ts'
import { StoryError } from './errors.ts'
import { assertShort, assertShortChains, assertTold, chained } from './history-checks.ts'
import { destroys, margin } from './plan-budget.ts'
import { type Deeds, rebuildPolicy } from './plan-deeds.ts'
import type { Faults } from './plan-faults.ts'
import { assertHelped } from './plan-help.ts'
import type { Stage } from './plan-stage.ts'
import { AWAKE_MS, type PlanEvent } from './plan.ts'
import { assertDurable } from './promises.ts'
import type { Witness } from './witness.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Runs in the calm within which everything must be published, each an hour after the other. */
const RUNS_MAX = 4

/** Days after which a friend who is gone must have been given up, and replaced. */
const GIVE_UP_DAYS = 32
const STEP_DAYS = 2

/** Who was hit by one of these may have been found out by an audit, and be trusted no more. */
const SUSPICIOUS: ReadonlySet<PlanEvent['type']> = new Set([
  'rot',
  'syncError',
  'crash',
  'clock',
  'full',
])

const LENGTH_MAX = 6
const POLICY = rebuildPolicy(LENGTH_MAX, 500_000_000)

export interface CalmParts {
  readonly stage: Stage
  readonly faults: Faults
  readonly deeds: Deeds
  readonly witness: Witness
}

/** @throws {StoryError} what does not become well */
export async function tellCalm(parts: CalmParts): Promise<void> {
  const { stage, faults, deeds, witness } = parts
  const { upkeep } = deeds
  stage.say('calm')
  await faults.calmDown()
  witness.assertSound(
    (name) => !stage.plan.events.some((event) => event.type === 'rot' && event.who === name),
  )
  if (stage.plan.budget === 'beyond') return await tellRuins(parts)
  await assertHelped(stage, witness)
  if (stage.isRotten) await deeds.recover({ door: 'invite', cuts: [] })
  upkeep.isCalm = true
  await settle(parts)
  await look(parts)
  assertDurable(stage.friends, parts.witness.vault)
  const { newest } = parts.witness
  if (newest !== undefined) await parts.witness.walk(newest)
  await checkAll(parts)
  await assertWell(parts)
  await moveOn(parts)
  stage.friends.assertHealthy()
  stage.say('all is well')
}

/** Back up until nothing waits any more; who is gone for good must be given up, which takes weeks. */
async function settle(parts: CalmParts): Promise<void> {
  const { stage, deeds } = parts
  const { friends, owner } = stage
  const isAnyLost = friends.left.length < friends.all.length
  let isThin = false
  for (let run = 1; ; run++) {
    await stage.sleep(MINUTE_MS)
    const summary = await deeds.upkeep.backUp({ rebuild: POLICY })
    const isPublished = summary?.published === true
    if (isPublished && (summary.settling === 0 || isAnyLost)) break
    if (run === RUNS_MAX) {
      // Audits may have found too many false friends for every share to have a place.
      const areAllTrue = friends.all.every(({ name }) => stage.kinds.isHonest(name))
      isThin = isPublished && !areAllTrue && (await mayNobodyTakeMore(parts))
      if (isThin) break
      throw new StoryError('the calm does not settle')
    }
    await stage.sleep(HOUR_MS)
  }
  if (isAnyLost) isThin = !(await waitForTheLost(parts))
  const repaired = await deeds.upkeep.repair({ isPatient: false })
  const hasThin = repaired?.packs.some(({ verdict }) => verdict === 'thin') === true
  if (hasThin && !isThin && !(await mayNobodyTakeMore(parts)))
    throw new StoryError('packs stay thin, and there are friends who could take more')
  await owner.assertIdle({ isThin })
  const late = stage.plan.peers.filter(({ isLate }) => isLate === true)
  const hasShares = ({ name }: { readonly name: string }): boolean =>
    stage
      .machine(name)
      ?.volume.files()
      .some(({ path }) => path.startsWith('shares/')) === true
  if (late.some(hasShares)) stage.note('somebody who joined got shares')
}

/**
 * Weeks of silence, in which everybody else is seen every other day.
 *
 * @returns whether all shares have a place; if not, nobody is left who could take more
 */
async function waitForTheLost(parts: CalmParts): Promise<boolean> {
  const { stage, deeds } = parts
  for (let day = 0; day < GIVE_UP_DAYS; day += STEP_DAYS) {
    stage.world.scheduler.skip(STEP_DAYS * DAY_MS - AWAKE_MS)
    await stage.sleep(AWAKE_MS)
    const summary = await deeds.upkeep.backUp({ rebuild: POLICY })
    if (summary?.settling !== 0) continue
    stage.note('a friend who was gone for good was replaced')
    return true
  }
  if (await mayNobodyTakeMore(parts)) return false
  throw new StoryError('the shares of who is gone for good find no other place')
}

/** Whether every pack is as whole as it can be: friends who are not trusted any more take no share. */
async function mayNobodyTakeMore({ stage, deeds }: CalmParts): Promise<boolean> {
  const { packs = [] } = (await deeds.upkeep.check(false)) ?? {}
  const { friends, plan, kinds } = stage
  const isHit = (name: string) =>
    plan.events.some((event) => SUSPICIOUS.has(event.type) && 'who' in event && event.who === name)
  const sound = friends.left.filter(({ name }) => kinds.isHonest(name) && !isHit(name))
  const isAtAllSound = ({ held }: PackHealth) => {
    const holders = [...held.holders.values()].flat().map(({ peer }) => peer)
    return sound.every((friend) => holders.includes(friends.peerOf(friend)))
  }
  // Who only says that there is room takes nothing when it is asked.
  const isHonest = (peer: PeerId) =>
    friends.all.some((one) => friends.peerOf(one) === peer && kinds.isHonest(one.name))
  const isFull = (pack: PackHealth) =>
    (pack.verdict === 'thin' || pack.verdict === 'settling') &&
    !pack.takers.some(isHonest) &&
    isAtAllSound(pack)
  return packs.length > 0 && packs.every((pack) => pack.verdict === 'whole' || isFull(pack))
}

/** Of other files than a diary's those are asked for that the client has as too long: a forget may have cut them. */
async function assertWell({ stage, witness }: CalmParts): Promise<void> {
  const { owner, diary } = stage
  if (diary === undefined) return await assertShort(owner, chained(owner, LENGTH_MAX + 1), POLICY)
  await assertTold({ owner, witness, diary })
  await assertShortChains({ owner, witness, diary }, POLICY)
}

async function checkAll({ stage, deeds }: CalmParts): Promise<void> {
  const { owner } = stage
  for (const sequence of owner.remembered) {
    await owner.checkRestore(sequence, true)
    deeds.upkeep.counts.restores++
  }
  stage.say(`all ${owner.remembered.length} snapshots restore`)
}

/** To an empty machine, with nothing but the words. */
async function moveOn(parts: CalmParts): Promise<void> {
  const { stage } = parts
  const { owner, world } = stage
  loseTheRest(stage)
  owner.moveTo(world.addMachine('spare'))
  await owner.recover(stage.door())
  stage.say('a new machine recovers with the words')
  await owner.takeStock()
  await checkAll(parts)
}

/** As many more are gone for good as the packs can miss. */
function loseTheRest(stage: Stage): void {
  const { plan, world, kinds } = stage
  const domains = new Map(plan.peers.map(({ name, domain }) => [name, domain]))
  const domainOf = (name: string | undefined) => domains.get(name ?? '') ?? []
  const hurt = plan.events.flatMap((event) => domainOf(destroys(event)))
  const falseOnes = plan.peers.filter(({ name }) => !kinds.isHonest(name))
  const hit = new Set([...hurt, ...falseOnes.map(({ domain }) => domain)])
  const sound = [...new Set(domains.values())].filter((domain) => !hit.has(domain))
  const chosen = world.random
    .fork('the rest')
    .shuffle(sound)
    .slice(0, margin(plan) - hit.size)
  for (const { name, domain } of plan.peers) if (chosen.includes(domain)) stage.lose(name)
}

export async function look({
  witness,
  stage,
}: Pick<CalmParts, 'witness' | 'stage'>): Promise<void> {
  if (stage.plan.budget === 'beyond') return
  await witness.look()
}

/** More is gone than can be missed: errors must be told by name, and what comes back must be right. */
async function tellRuins({ stage, deeds }: CalmParts): Promise<void> {
  const { owner, friends, world } = stage
  const attempts: Record<string, () => Promise<unknown>> = {
    backup: () => deeds.upkeep.backUp({ rebuild: POLICY }),
    repair: () => deeds.upkeep.repair({ isPatient: false }),
    check: () => deeds.upkeep.check(true),
    restores: () => restoreRuins(stage),
    recovery: async () => {
      owner.moveTo(world.addMachine('spare'))
      await owner.recover(stage.door())
    },
    'restores there': () => restoreRuins(stage),
  }
  for (const [what, attempt] of Object.entries(attempts)) {
    try {
      await attempt()
    } catch (error) {
      if (!isNamed(error)) throw error
      stage.say(`${what}: ${error.name}: ${error.message}`)
    }
  }
  friends.assertHealthy()
  stage.say('what is left is right')
}

async function restoreRuins(stage: Stage): Promise<void> {
  const { owner } = stage
  let failed = 0
  for (const sequence of owner.remembered) {
    try {
      await owner.checkRestore(sequence, false, true)
    } catch (error) {
      if (!isNamed(error)) throw error
      failed += 1
    }
  }
  stage.say(`${failed} of ${owner.remembered.length} snapshots cannot be restored`)
}

/** Whether it is an error that a person is told of by name. */
export function isNamed(error: unknown): error is CairnError {
  return error instanceof CairnError && error.name !== 'CairnError'
}
