/** The package as another person gets it: packed, installed into an empty folder, run. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { Place } from './cairn.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
/** What npm says when there is neither a network nor a filled cache. */
const OFFLINE = /ENOTCACHED|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH/

const place = new Place()
afterAll(() => place.remove())

describe('the packed package', () => {
  it('installs into an empty folder and brings everything back there', (context) => {
    mkdirSync(place.at('empty'))
    run(ROOT, 'npm', 'pack', '--pack-destination', place.folder)
    const tarball = readdirSync(place.folder).find((name) => name.endsWith('.tgz'))
    // No install script may be needed: some policies run none.
    const install = ['install', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund']
    const installed = spawn(place.at('empty'), 'npm', ...install, place.at(tarball ?? ''))
    if (installed.status !== 0 && OFFLINE.test(installed.stderr)) {
      console.warn(`SKIPPED: npm cannot reach its registry: ${installed.stderr.slice(0, 300)}`)
      context.skip()
    }
    expect(installed.stderr).not.toMatch(/npm error/)

    expect(run(place.at('empty'), 'npx', 'cairn', '--version')).toMatch(/^cairn \d/)
    const demo = run(place.at('empty'), 'npx', 'cairn', 'demo', '--size', 'small', '--peers', '4')
    expect(demo).toContain('Everything came back')
    expect(demo.match(/every byte and attribute is the same/g)).toHaveLength(2)
  }, 300_000)
})

function run(folder: string, command: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawn(folder, command, ...args)
  expect(status, `${command} ${args.join(' ')}: ${stdout}${stderr}`).toBe(0)
  return stdout
}

/** As from a shell: without what npm and vitest put into our environment. */
function spawn(folder: string, command: string, ...args: string[]) {
  const ours = /^(npm_|NODE_OPTIONS|VITEST|INIT_CWD)/i
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)))
  const path = (env['PATH'] ?? '').split(':').filter((each) => !each.includes('node_modules'))
  return spawnSync(command, args, {
    cwd: folder,
    env: { ...env, PATH: path.join(':') },
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
}
