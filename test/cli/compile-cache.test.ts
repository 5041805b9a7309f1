import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isOursAlone } from '../../src/cli/compile-cache.ts'
import { LAUNCHER } from '../e2e/cairn.ts'

let place: string
beforeEach(() => (place = mkdtempSync(join(tmpdir(), 'cairn-cache-'))))
afterEach(() => rmSync(place, { recursive: true, force: true }))

describe('the folder of the compile cache', () => {
  it('is made for its owner only, with the folders above it', () => {
    const folder = join(place, 'a', 'compiled')
    expect(isOursAlone(folder)).toBe(true)
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(isOursAlone(folder)).toBe(true)
  })

  it('is not used where others may read or write, nor through a link', () => {
    const open = join(place, 'open')
    mkdirSync(open)
    chmodSync(open, 0o720)
    expect(isOursAlone(open)).toBe(false)
    mkdirSync(join(place, 'ours'), { mode: 0o700 })
    symlinkSync(join(place, 'ours'), join(place, 'link'))
    expect(isOursAlone(join(place, 'link'))).toBe(false)
  })

  it('is done without where it cannot be', () => {
    expect(isOursAlone(join('/dev/null', 'compiled'))).toBe(false)
    expect(isOursAlone('/proc/none/compiled')).toBe(false)
  })
})

describe('a command', () => {
  it('keeps its compiled code there, and runs from it', () => {
    for (const _ of ['first', 'second']) expect(version({})).toMatch(/^cairn \d/)
    expect(existsSync(join(place, 'cairn', 'compiled'))).toBe(true)
  })

  it('keeps nothing when told so, or when its folder takes nothing', () => {
    expect(version({ NODE_DISABLE_COMPILE_CACHE: '1' })).toMatch(/^cairn \d/)
    expect(existsSync(join(place, 'cairn'))).toBe(false)
    expect(version({ XDG_CACHE_HOME: '/dev/null' })).toMatch(/^cairn \d/)
  })
})

/** What `cairn --version` prints, with nothing on stderr. */
function version(env: NodeJS.ProcessEnv): string {
  const { stdout, stderr } = spawnSync(process.execPath, [LAUNCHER, '--version'], {
    env: { ...process.env, XDG_CACHE_HOME: place, NODE_COMPILE_CACHE: '', ...env },
    encoding: 'utf8',
  })
  expect(stderr).toBe('')
  return stdout
}
