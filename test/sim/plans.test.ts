/** Plans: drawn, played, written down, made smaller; `npm run sim` plays more and longer ones. */

import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { isFair } from '../../sim/plan-budget.ts'
import { drawPlan } from '../../sim/plan-draw.ts'
import { playPlan } from '../../sim/plan-play.ts'
import { readPlan, writePlan, type Plan } from '../../sim/plan.ts'
import { shrink, signatureOf } from '../../sim/shrink.ts'

const SEEDS = [1, 2, 3, 4]
const REGRESSIONS = fileURLToPath(new URL('../../sim/regressions/', import.meta.url))

describe('a plan', () => {
  for (const seed of SEEDS) {
    it(`loses nothing that was published, and all comes back (seed ${seed})`, async () => {
      await expectWell(drawPlan(seed, { peers: 5 + (seed % 3), days: 6, budget: 'within' }))
    })
  }

  it('that destroys more than can be missed ends in errors that have names', async () => {
    await expectWell(drawPlan(5, { peers: 5, days: 6, budget: 'beyond' }))
  })

  it('tells the same story again, also when it was written down and read', async () => {
    const plan = drawPlan(7, { days: 3, peers: 5 })
    const [first, again] = [await playPlan(plan), await playPlan(readPlan(writePlan(plan)))]
    expect(again.digest).toBe(first.digest)
    expect(again.lines).toEqual(first.lines)
    expect((await playPlan({ ...plan, seed: 8 })).digest).not.toBe(first.digest)
  })

  it('has helpers, who go on after crashes and make again what was dropped while the laptop does nothing', async () => {
    const { peers, ...drawn } = drawPlan(13, { days: 6, peers: 6, budget: 'within' })
    const kinds = peers.map((one, index) => ({ ...one, kind: index === 5 ? 'lazy' : 'nas' }))
    const moment = (day: number, ms = 0) => ({ day, ms })
    const crash = { type: 'crash', how: 'power', downMs: 1000, databases: 'kept' } as const
    const events: Plan['events'] = [
      { ...moment(1), type: 'edit', seed: 1, count: 10 },
      { ...moment(1, 1), type: 'help', who: 'bea' },
      { ...moment(1, 2), type: 'help', who: 'nobody' },
      {
        ...moment(1, 60_000),
        type: 'backup',
        isBusy: false,
        lengthMax: 5,
        budget: 500_000_000,
      },
      { ...moment(2), ...crash, who: 'bea', staleMs: 0 },
    ]
    const report = await playPlan({ ...drawn, peers: kinds, events })
    if (report.failure !== undefined) throw report.failure
    expect(report.lines.filter((line) => line.endsWith('is given a repair cap'))).toHaveLength(1)
    expect(report.sometimes['a helper renewed and looked']).toBeGreaterThan(4)
    expect(report.sometimes['a helper made a share again']).toBeGreaterThan(0)
  })

  it('is drawn within its budget, and is what its schema says', () => {
    for (let seed = 0; seed < 200; seed++) {
      const plan = drawPlan(seed)
      expect(isFair(plan)).toBe(true)
      expect(readPlan(writePlan(plan))).toEqual(plan)
    }
  })
})

describe('making a plan smaller', () => {
  const plan = drawPlan(3, { days: 20, budget: 'within' })
  const [one, other] = [plan.events[5], plan.events[60]]

  it('leaves what it takes to break the promise', async () => {
    const play = async ({ events }: Plan): Promise<Error | undefined> => {
      const has = (event: Plan['events'][number] | undefined): boolean =>
        events.some(({ type, ms }) => type === event?.type && ms === event.ms)
      return has(one) && has(other) ? new Error(`pack ${events.length} is gone`) : undefined
    }
    const error = new Error('pack 99 is gone')
    const { plan: small, runs } = await shrink(plan, error, { play, runsMax: 500 })
    expect(small.events.map(({ type }) => type)).toEqual([one?.type, other?.type])
    expect(small.days).toBeLessThanOrEqual(2)
    expect(small.peers.length).toBeLessThan(plan.peers.length)
    expect(runs).toBeLessThan(500)
  })

  it('keeps to plans that break the same promise', () => {
    expect(signatureOf(new Error('snapshot 3 is gone'))).toBe(
      signatureOf(new Error('snapshot 14 is gone')),
    )
    expect(signatureOf(new Error('snapshot 3 is gone'))).not.toBe(
      signatureOf(new Error('snapshot 3 came twice')),
    )
  })
})

describe('a promise once broken', () => {
  const files = readdirSync(REGRESSIONS).filter((name) => name.endsWith('.json'))
  const plans = files.map((file) => readPlan(readFileSync(REGRESSIONS + file, 'utf8')))

  it('is kept with a line that says what it was', () => {
    expect(plans.filter(({ why }) => why === undefined)).toEqual([])
  })

  for (const plan of plans) it(`holds: ${plan.why}`, () => expectWell(plan))
})

async function expectWell(plan: Plan): Promise<void> {
  const { failure, lines } = await playPlan(plan)
  if (failure !== undefined) throw new Error(lines.join('\n'), { cause: failure })
  expect(lines.at(-1)).toMatch(/all is well|what is left is right/)
}
