/**
 * Many histories: what it takes to look at every chain of a large vault, to forget snapshots that all its
 * files are in, and to find what is still needed.
 *
 * Each file has 3 to 17 deltas of a few bytes. Nothing goes over a net, since the figures are about order
 * and memory: objects lie sealed in one file, and one in 256 KiB windows as packs of the spool are read.
 */

import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { removeTree } from '../src/cli/demo/remove-tree.ts'
import { runMeasured, type Usage } from './measure/run-measured.ts'
import type { ManyHistoriesResult } from './results.ts'

const STEP = fileURLToPath(new URL('many-histories-step.ts', import.meta.url))

export interface ManyHistoriesOptions {
  /** Each with a history. */
  readonly files: number
  readonly seed: number
  readonly folder?: string
  readonly say: (line: string) => void
}

export async function measureManyHistories({
  files,
  seed,
  folder,
  say,
}: ManyHistoriesOptions): Promise<ManyHistoriesResult> {
  const base = mkdtempSync(join(folder ?? tmpdir(), 'cairn-bench-'))
  const remove = () => removeTree(base)
  process.once('exit', remove)
  const step = async (name: string): Promise<Usage> => {
    say(`${files} histories: ${name}`)
    const args = [
      '--disable-warning=ExperimentalWarning',
      STEP,
      name,
      base,
      String(files),
      String(seed),
    ]
    const { usage } = await runMeasured({ program: process.execPath, args })
    return usage
  }
  try {
    await step('write')
    return {
      files,
      plan: await step('plan'),
      live: await step('live'),
      forgetWhole: await step('forget-whole'),
      forget: await step('forget'),
    }
  } finally {
    process.off('exit', remove)
    remove()
  }
}
