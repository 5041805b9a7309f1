/** What batches see to beside the stories, which are made up here. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { playBatch } from '../../sim/plan-batch.ts'
import { drawPlan } from '../../sim/plan-draw.ts'
import type { PlanReport } from '../../sim/plan-play.ts'
import type { Plan } from '../../sim/plan.ts'
import { seedsOf } from '../../sim/report.ts'
import { BATCH_MIN, PATHS, SometimesOfAll } from '../../sim/sometimes.ts'
import { playStories, type Story } from '../../sim/story-batch.ts'

const EVERY_PATH = Object.fromEntries(Object.keys(PATHS).map((name) => [name, 1]))

let out: string[] = []
let errors: string[] = []

beforeEach(() => {
  ;[out, errors] = [[], []]
  vi.spyOn(console, 'log').mockImplementation((line) => void out.push(String(line)))
  vi.spyOn(console, 'error').mockImplementation((line) => void errors.push(String(line)))
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

describe('seeds', () => {
  it('are so many, or as many as begin before time is over', () => {
    expect([...seedsOf({ seed: 5 })]).toEqual([5])
    expect([...seedsOf({ seed: 5, seeds: 3 })]).toEqual([5, 6, 7])
    vi.useFakeTimers()
    const played: number[] = []
    for (const seed of seedsOf({ seed: 5, minutes: 2 })) {
      played.push(seed)
      vi.setSystemTime(Date.now() + 50_000)
    }
    expect(played).toEqual([5, 6, 7])
  })
})

describe('what all plans of a batch walked', () => {
  const path = 'a friend moved'
  const plan = drawPlan(1, { days: 4, peers: 5 })
  const moving: Plan = {
    ...plan,
    events: [{ day: 1, ms: 0, type: 'move', who: 'ann', seed: 1 } as Plan['events'][number]],
  }

  it('names a path that enough plans allow and none walked', () => {
    const all = new SometimesOfAll()
    for (let count = 1; count < BATCH_MIN; count++) all.add(moving, {})
    expect(all.missed).toEqual([])
    all.add({ ...moving, events: [] }, {})
    expect(all.missed).not.toContain(path)
    all.add(moving, {})
    expect(all.missed).toContain(path)
  })

  it('asks more plans of the rarest paths', () => {
    const all = new SometimesOfAll()
    const rare = 'a peer gave no bytes, or wrong ones'
    for (let count = 1; count < PATHS[rare].plans; count++) all.add(moving, {})
    expect(all.missed).not.toContain(rare)
    all.add(moving, {})
    expect(all.missed).toContain(rare)
  })

  it('names none that was walked once', () => {
    const all = new SometimesOfAll()
    all.add(moving, { [path]: 1 })
    for (let count = 1; count < 2 * BATCH_MIN; count++) all.add(moving, {})
    expect(all.missed).not.toContain(path)
    expect(all.lines.find((line) => line.includes(path))).toContain('1 × ')
  })
})

describe('a batch of plans', () => {
  it('says at its start what plays it again, and of which commit', async () => {
    expect(await playBatch(batch({ seeds: 2 }), async (plan) => reportOf(plan))).toBe(true)
    expect(out[0]).toMatch(/^from seed 1 on, 2 seeds, commit \S+; .*\n {2}npm run sim -- --seed 1/)
  })

  it('fails if a plan that is played twice tells another story', async () => {
    let plays = 0
    const play = async (plan: Plan): Promise<PlanReport> => reportOf(plan, `story ${(plays += 1)}`)
    expect(await playBatch(batch({ seeds: 3 }), play)).toBe(false)
    expect(plays).toBe(2)
    expect(errors.join('\n')).toContain('seed 1 told another story the second time')
  })

  it('plays one seed in fifty twice', async () => {
    const played: number[] = []
    const play = async (plan: Plan): Promise<PlanReport> => {
      played.push(plan.seed)
      return reportOf(plan)
    }
    expect(await playBatch(batch({ seeds: 51, days: 4, peers: 5 }), play)).toBe(true)
    expect(played).toHaveLength(53)
    expect(played.filter((seed, index) => played.indexOf(seed) !== index)).toEqual([1, 51])
  })

  it('fails if it is large enough and never walked a path', async () => {
    const play = async (plan: Plan): Promise<PlanReport> => ({ ...reportOf(plan), sometimes: {} })
    expect(await playBatch(batch({ seeds: BATCH_MIN - 1 }), play)).toBe(true)
    expect(await playBatch(batch({ seeds: BATCH_MIN }), play)).toBe(false)
    expect(errors.join('\n')).toContain('never: a repair made a share again')
  })
})

describe('stories of the other kinds', () => {
  const story = (broken?: number): Story<Report> => ({
    play: async (seed) => ({
      seed,
      lines: ['it was'],
      ...(seed === broken ? { failure: new Error('gone') } : {}),
    }),
    summaryOf: ({ seed }) => `seed ${seed}: well`,
    commandFor: ({ seed }) => `npm run sim -- --classic --seed ${seed} --peers 5 --days 2`,
  })

  it('say at their start what plays them again, and of which commit', async () => {
    expect(await playStories(story(), { classic: true, seed: 3, seeds: 2 })).toBe(true)
    const [start, ...summaries] = out
    expect(start).toMatch(/^from seed 3 on, 2 seeds, commit \S+; play it again with\n/)
    expect(start).toContain('npm run sim -- --classic --seed 3 --seeds 2')
    expect(summaries).toEqual(['seed 3: well', 'seed 4: well'])
  })

  it('end with the first that breaks a promise, and its command', async () => {
    expect(await playStories(story(4), { classic: true, seed: 3, seeds: 9 })).toBe(false)
    expect(errors.join('\n')).toContain('npm run sim -- --classic --seed 4 --peers 5 --days 2')
    expect(out).toHaveLength(3)
  })

  it('tell as JSON their commit, and nothing that is no JSON', async () => {
    expect(await playStories(story(), { classic: true, seeds: 2, json: true })).toBe(true)
    for (const line of out) {
      expect(JSON.parse(line)).toHaveProperty('commit')
      expect(JSON.parse(line)).not.toHaveProperty('lines')
    }
    expect(out).toHaveLength(2)
  })
})

interface Report {
  readonly seed: number
  readonly lines: readonly string[]
  readonly failure?: Error
}

type BatchOptions = Parameters<typeof playBatch>[0]

function batch(options: Partial<BatchOptions>): BatchOptions {
  const command = 'npm run sim -- --seed 1'
  return { seed: 1, command, isShrinking: false, isJson: false, ...options }
}

function reportOf({ seed, days, peers }: Plan, digest = 'a story'): PlanReport {
  const counts = { events: 1, runs: 1, snapshots: 1, restores: 1, crashes: 0 }
  return { seed, days, digest, ...counts, peers: peers.length, lines: [], sometimes: EVERY_PATH }
}
