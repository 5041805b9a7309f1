import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const MAIN = fileURLToPath(new URL('../../sim/main.ts', import.meta.url))
const ARGUMENTS = ['--disable-warning=ExperimentalWarning', MAIN]

describe('npm run sim', () => {
  it('tells a story and its trace, and as JSON what it drew', () => {
    const options = ['--classic', '--seed', '7', '--peers', '5', '--days', '1']
    const story = execFileSync(process.execPath, [...ARGUMENTS, ...options], { encoding: 'utf8' })
    expect(story).toContain('all is well')
    const line = execFileSync(process.execPath, [...ARGUMENTS, ...options, '--json'], {
      encoding: 'utf8',
    })
    const report = JSON.parse(line) as { digest: string; commit: string }
    expect(report).toMatchObject({ seed: 7, peers: 5, days: 1 })
    expect(story).toContain(report.digest.slice(0, 16))
    expect(story).toContain(`seed 7, commit ${report.commit}`)
    expect(story).toContain('npm run sim -- --classic --seed 7 --peers 5 --days 1\n')
  })

  it('prints a plan, plays it from its file, and plays it from its seed', () => {
    const options = ['--seed', '7', '--peers', '5', '--days', '2', '--budget', 'within']
    const run = (...more: string[]): string =>
      execFileSync(process.execPath, [...ARGUMENTS, ...more], { encoding: 'utf8' })
    const folder = mkdtempSync(join(tmpdir(), 'cairn-plan-'))
    const file = join(folder, 'plan.json')
    try {
      writeFileSync(file, run(...options, '--print'))
      const story = run('--plan', file)
      expect(story).toContain('all is well')
      expect(story).toContain(`npm run sim -- --plan ${file}`)
      const report = JSON.parse(run(...options, '--json')) as { digest: string }
      expect(story).toContain(report.digest.slice(0, 16))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it.each([
    [
      'options mean nothing together',
      ['--canaries', 'nosuch'],
      /^error: no canary is called nosuch; there are .*\n$/,
    ],
    ['a file is no plan', ['--plan', MAIN], /^error: no plan in .*\n$/],
  ])('ends with a word and no more where %s', (_, options, word) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [...ARGUMENTS, ...options])
    expect(status).toBe(1)
    expect(String(stdout)).toBe('')
    expect(String(stderr)).toMatch(word)
  })
})
