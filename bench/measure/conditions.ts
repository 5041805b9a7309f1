/** Conditions: the machine and its load, without its name or anybody's paths. */

import { execFileSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem, type as systemType } from 'node:os'
import process from 'node:process'
import type { Conditions } from '../results.ts'
import type { Tool } from '../tools/tool.ts'

export function loadNow(): number {
  return loadavg()[0] ?? 0
}

export function conditions(options: {
  readonly tools: readonly Tool[]
  readonly seed: number
  readonly command: string
  readonly loadBefore: number
}): Conditions {
  const { tools, ...told } = options
  const versions = tools.flatMap((tool) => {
    const version = tool.version()
    return version === undefined ? [] : [[tool.name, version]]
  })
  return {
    ...told,
    measuredAt: new Date().toISOString(),
    commit: commit(),
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: cpus().length,
    memory: totalmem(),
    system: `${systemType()} ${release().split('-')[0]}`,
    runtime: process.versions.node,
    loadAfter: loadNow(),
    versions: Object.fromEntries(versions) as Record<string, string>,
  }
}

function commit(): string {
  try {
    const git = (...args: string[]) =>
      execFileSync('git', args, {
        encoding: 'utf8',
        cwd: import.meta.dirname,
        stdio: 'pipe',
      }).trim()
    const isChanged = git('status', '--porcelain', '--untracked-files=no', '--', '../../src') !== ''
    return `${git('rev-parse', '--short', 'HEAD')}${isChanged ? ' with changes' : ''}`
  } catch {
    return 'unknown'
  }
}
