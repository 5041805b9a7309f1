/**
 * Writes every vector file anew: `npm run vectors`. The difference to what is committed is the review.
 *
 * With names of formats as arguments, only theirs.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'

import { formats, vectorModule, vectorPath } from './files.ts'
import { describeValue, formatVector } from './format.ts'
import type { Scenario, VectorModule } from './format.ts'

const asked = process.argv.slice(2)

for (const format of asked.length > 0 ? asked : formats()) {
  // oxlint-disable-next-line no-await-in-loop -- one format after another keeps the output in order
  const module = await vectorModule(format)
  rmSync(vectorPath(format), { recursive: true, force: true })
  mkdirSync(vectorPath(format))
  // oxlint-disable-next-line no-await-in-loop -- likewise
  for (const scenario of module.scenarios) await write(format, scenario, module)
  process.stdout.write(`${format}: ${module.scenarios.length}\n`)
}

async function write(format: string, scenario: Scenario, module: VectorModule): Promise<void> {
  const fields = scenario.fields ?? {}
  const value =
    scenario.expect === 'success'
      ? describeValue(await module.decode(scenario.bytes, fields))
      : undefined
  const text = formatVector({ ...scenario, format, fields, value })
  writeFileSync(vectorPath(format, scenario.name), text, { flag: 'wx' })
}
