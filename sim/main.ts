/** `npm run sim`: play seeds, tell their stories, say what broke and how to see it again. */

import { readFileSync } from 'node:fs'
import { playCanaries } from './canaries.ts'
import { commandOf, firstSeed, readOptions, storyOf, type MainOptions } from './options.ts'
import { playBatch, playOne } from './plan-batch.ts'
import { drawPlan } from './plan-draw.ts'
import { readPlan, writePlan, type Plan } from './plan.ts'
import { isSingle } from './report.ts'
import { classic, histories, hostile, playStories } from './story-batch.ts'

if (!(await main(readOptions()))) process.exitCode = 1

/** @returns whether all is well */
async function main(options: MainOptions): Promise<boolean> {
  switch (storyOf(options)) {
    case 'classic':
      return await playStories(classic(options), options)
    case 'histories':
      return await playStories(histories(options), options)
    case 'hostile':
      return await playStories(hostile(options), options)
    case 'canaries':
      return await playCanaries(Array.isArray(options.canaries) ? options.canaries : [])
    default:
      return await mainPlans(options)
  }
}

async function mainPlans(options: MainOptions): Promise<boolean> {
  const { seeds, minutes, peers, days, budget, plan: file, print } = options
  const seed = firstSeed(options)
  const isShrinking = options.shrink !== 'off'
  const isJson = options.json === true
  const overrides = { peers, days, budget }
  if (!isSingle({ seed, seeds, minutes })) {
    const command = commandOf({ seed, ...options })
    return await playBatch({ seed, seeds, minutes, command, ...overrides, isShrinking, isJson })
  }
  const plan = file === undefined ? drawPlan(seed, overrides) : planIn(file)
  if (plan === undefined) return false
  if (print !== true) return await playOne(plan, { isShrinking, isJson, file })
  process.stdout.write(writePlan(plan))
  return true
}

/** @returns undefined where there is none, which is said */
function planIn(file: string): Plan | undefined {
  try {
    return readPlan(readFileSync(file, 'utf8'))
  } catch (error) {
    console.error(`error: no plan in ${file}: ${(error as Error).message}`)
    return undefined
  }
}
