/**
 * Play a plan: exactly its events, day by day, through the real client, peers and protocol.
 *
 * Safety holds at every moment, and is looked at each day; the calm at the end is told in plan-calm.ts.
 */

import type { Friend } from './grid.ts'
import { Deeds, isPassing } from './plan-deeds.ts'
import { Faults } from './plan-faults.ts'
import { isNamed, look, tellCalm } from './plan-calm.ts'
import { isFair } from './plan-budget.ts'
import { Stage } from './plan-stage.ts'
import { assertDurable } from './promises.ts'
import { AWAKE_MS, inOrder, isDeed, type Fault, type Plan, type PlanEvent } from './plan.ts'
import { StoryError } from './errors.ts'
import type { StoryReport } from './report.ts'
import { HEAD_NEEDED_MS, Witness } from './witness.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

/** Every so many days one young head is read in full. */
const WALK_EVERY_DAYS = 10

export interface PlanReport extends StoryReport {
  /** How often rare paths were walked: sometimes.ts. */
  readonly sometimes: Readonly<Record<string, number>>
}

/** Play a plan to its end. Never throws: what broke is in the report. */
export async function playPlan(plan: Plan, onLine?: (line: string) => void): Promise<PlanReport> {
  const stage = new Stage(plan, onLine)
  const story = new Story(stage)
  let failure: Error | undefined
  try {
    if (!isFair(plan)) throw new StoryError('the plan destroys more than it says')
    await stage.world.run(() => story.tell(), { durationMax: (plan.days + 100) * DAY_MS })
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  const report = {
    seed: plan.seed,
    peers: plan.peers.length,
    days: plan.days,
    lines: stage.lines,
    digest: stage.world.trace.digest(),
    events: stage.world.scheduler.count,
    ...story.counts,
    sometimes: stage.sometimes.counts,
    ...(failure === undefined ? {} : { failure }),
  }
  stage.world.close()
  return report
}

class Story {
  readonly #stage: Stage
  readonly #faults: Faults
  #deeds: Deeds | undefined

  constructor(stage: Stage) {
    this.#stage = stage
    this.#faults = new Faults(stage)
  }

  get counts() {
    const counts = this.#deeds?.upkeep.counts
    const { runs = 0, restores = 0, crashes = 0 } = counts ?? {}
    const snapshots = this.#stage.owner.remembered.length
    return { runs, restores, snapshots, crashes: crashes + this.#stage.crashes }
  }

  async tell(): Promise<void> {
    const stage = this.#stage
    const { world, friends, owner, plan } = stage
    friends.startAll()
    await stage.sleep(MINUTE_MS)
    await owner.init()
    stage.checks.secrecy.guard(owner.words)
    await owner.join(friends.invite)
    stage.say('a vault is made, and joins the grid')
    const isHonest = ({ name }: Friend): boolean => stage.kinds.isHonest(name)
    const witness = new Witness(world, friends, owner.words, isHonest)
    const parts = { stage, faults: this.#faults, witness }
    const deeds = new Deeds({ ...parts, isExpected: (error) => this.#isExpected(error) })
    deeds.upkeep.isExact = plan.budget === 'within'
    this.#deeds = deeds
    for (let day = 1; day <= plan.days; day++) {
      await this.#tellDay(day, deeds)
      await look(parts)
      assertDurable(friends, witness.vault)
      const [young] = day % WALK_EVERY_DAYS === 0 ? witness.younger(HEAD_NEEDED_MS) : []
      if (young !== undefined) await witness.walk(young)
      friends.assertHealthy()
      stage.checks.look(friends.left)
    }
    await tellCalm({ ...parts, deeds })
    stage.checks.lookAtAll(friends.left)
  }

  /** The morning, the faults when their time has come, and what the person does, one after another. */
  async #tellDay(day: number, deeds: Deeds): Promise<void> {
    const stage = this.#stage
    const { scheduler } = stage.world
    const today = inOrder(stage.plan.events.filter((event) => event.day === day))
    const morning = scheduler.elapsed
    stage.beginDay(day)
    this.#faults.wakeUp(day)
    stage.kinds.wakeUp(day)
    for (const event of today) if (!isDeed(event)) this.#schedule(event)
    for (const event of today) {
      if (!isDeed(event)) continue
      await this.#until(morning, event)
      await deeds.do(event)
    }
    if (stage.isRotten) await deeds.recover({ door: 'invite', cuts: [] })
    await stage.sleep(Math.max(0, AWAKE_MS - (scheduler.elapsed - morning)))
    scheduler.skip(Math.max(0, DAY_MS - (scheduler.elapsed - morning)))
  }

  #schedule(fault: Fault): void {
    const stage = this.#stage
    if (fault.type === 'join') {
      const peer = stage.plan.peers.find(({ name }) => name === fault.who)
      if (peer !== undefined) stage.later(fault.ms, () => stage.join(peer))
      return
    }
    this.#faults.prepare(fault)
    stage.later(fault.ms, () => this.#faults.strike(fault))
  }

  async #until(morning: number, { ms }: PlanEvent): Promise<void> {
    const left = morning + ms - this.#stage.world.scheduler.elapsed
    if (left > 0) await this.#stage.sleep(left)
  }

  /** Whether the plan gives a reason for an error that a run ended with. */
  #isExpected(error: unknown): boolean {
    const stage = this.#stage
    if (stage.plan.budget === 'beyond') return isNamed(error)
    if (this.#deeds?.upkeep.isCalm === true) return false
    return isPassing(error) || stage.isLaptopTrouble(error)
  }
}
