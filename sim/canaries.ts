/**
 * Play canaries: a test of the tests.
 *
 * Each is hunted in a process of its own, by the seeds that it names. Whatever breaks there must not break
 * without it, so the seed that found it is played once more as the product is.
 */

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { CANARIES, type Canary, type Hunt } from './canary-list.ts'

const HOOK = fileURLToPath(new URL('./canary-hook.ts', import.meta.url))
const MAIN = fileURLToPath(new URL('./main.ts', import.meta.url))

/** What a mistake in the replacement throws: it says nothing of the bug. */
const CLUMSY = /^(TypeError|ReferenceError|SyntaxError|StaleCanaryError)\b/

const FIRST_SEED = 1

/** The exit code of a hook that never saw its file. */
const UNSEEN = 2

export interface Caught {
  readonly canary: Canary
  /** The seed that found it, and what broke first; absent where it survives. */
  readonly by?: { readonly seed: number; readonly failure: string }
  /** Seeds that were played. */
  readonly seeds: number
  readonly seconds: number
}

/** A canary could not be played, or the air is bad without it. */
export class CanaryError extends Error {
  override readonly name = 'CanaryError'
}

interface Played {
  readonly seed: number
  readonly failure?: string
}

/**
 * Play all of these, one after another, and tell of each.
 *
 * @param names - all, where there is none
 * @returns whether each was found
 */
export async function playCanaries(names: readonly string[]): Promise<boolean> {
  const chosen = CANARIES.filter(({ name }) => names.length === 0 || names.includes(name))
  let survivors = 0
  for (const canary of chosen) {
    const caught = await hunt(canary)
    if (caught.by === undefined) survivors += 1
    console.log(wordsOf(caught))
  }
  console.log(`${chosen.length - survivors} of ${chosen.length} canaries were found`)
  return survivors === 0
}

/**
 * Play seeds with the canary in until one breaks a promise.
 *
 * @throws {CanaryError} its text is not there, its replacement is no program, or the seed breaks without it
 */
export async function hunt(canary: Canary): Promise<Caught> {
  const { seeds } = canary.foundBy
  const started = Date.now()
  const played = await play(canary, { seed: FIRST_SEED, seeds }, canary.name)
  const seconds = Math.round((Date.now() - started) / 1000)
  const found = played.find(({ failure }) => failure !== undefined)
  if (found?.failure === undefined) return { canary, seeds: played.length, seconds }
  if (CLUMSY.test(found.failure)) throw new CanaryError(`${canary.name}: ${found.failure}`)
  const [control] = await play(canary, { seed: found.seed, seeds: 1 })
  if (control?.failure !== undefined) {
    throw new CanaryError(`seed ${found.seed} breaks without ${canary.name}: ${control.failure}`)
  }
  const failure = found.failure.split('\n')[0] ?? ''
  return { canary, by: { seed: found.seed, failure }, seeds: played.length, seconds }
}

function wordsOf({ canary, by, seeds, seconds }: Caught): string {
  const { name, bug, foundBy } = canary
  const cost = `${seeds} ${seeds === 1 ? 'seed' : 'seeds'}, ${seconds} s`
  if (by === undefined) return `${name}: ${bug}\n  SURVIVES ${foundBy.story}: ${cost}`
  return `${name}: ${bug}\n  found by ${foundBy.story}, seed ${by.seed} (${cost}): ${by.failure}`
}

interface Seeds {
  readonly seed: number
  readonly seeds: number
}

/** @returns the options of `npm run sim` with which a canary is hunted */
export function wordsFor({ story, options = [] }: Hunt, { seed, seeds }: Seeds): string[] {
  const how = ['--seed', `${seed}`, '--seeds', `${seeds}`, '--json']
  const whole = story === 'plans' ? ['--shrink', 'off'] : []
  return [`--${story}`, ...how, ...whole, ...options]
}

/** @param canary.foundBy - the story; @param name - of the canary to put in, if any */
async function play({ foundBy }: Canary, which: Seeds, name?: string): Promise<Played[]> {
  const { code, stdout, stderr } = await run(
    [...(name === undefined ? [] : ['--import', HOOK]), MAIN, ...wordsFor(foundBy, which)],
    { ...process.env, CAIRN_CANARY: name },
  )
  const played = stdout.split('\n').flatMap((line) => {
    return line.startsWith('{') ? [JSON.parse(line) as Played] : []
  })
  const isOver = played.length === which.seeds || played.at(-1)?.failure !== undefined
  if (isOver && code !== UNSEEN) return played
  throw new CanaryError(`${name ?? 'the control'} ends with ${code}: ${stderr.slice(-2000)}`)
}

function run(
  parts: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const flags = ['--disable-warning=ExperimentalWarning']
  const child = spawn(process.execPath, [...flags, ...parts], { env, stdio: 'pipe' })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, stdout, stderr }))
  })
}
