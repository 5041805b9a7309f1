/**
 * `npm run bench`: speed and size, beside what people use today. See docs/performance.md.
 */

import process from 'node:process'
import { parseArgs } from 'node:util'
import { WORKLOADS, workloadNamed } from './workloads/index.ts'
import { writeWorkload } from './workloads/write.ts'

const USAGE = `Usage: npm run bench -- workload NAME --dir DIR [--scale S] [--seed N] [--day N]

Write a workload into an empty folder, or apply a day to it:
${WORKLOADS.map(({ name, title }) => `  ${name.padEnd(4)} ${title}`).join('\n')}
`

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: 'string' },
    scale: { type: 'string' },
    seed: { type: 'string', default: '1' },
    day: { type: 'string', default: '0' },
    help: { type: 'boolean', default: false },
  },
})

const workload = workloadNamed(positionals[1] ?? '')
if (
  positionals[0] !== 'workload' ||
  workload === undefined ||
  values.dir === undefined ||
  values.help
) {
  process.stderr.write(USAGE)
  process.exit(2)
}
await writeWorkload({
  workload,
  folder: values.dir,
  seed: Number(values.seed),
  scale: Number(values.scale ?? workload.scale),
  day: Number(values.day),
})
