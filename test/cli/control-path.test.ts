import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  findControlPath,
  prepareControlPath,
  removeControlPath,
} from '../../src/cli/grid/control-path.ts'

describe('the path of a control socket', () => {
  let folder: string
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), 'cairn-test-'))))
  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  it('lies elsewhere for a store with a very long path, and goes with its folder', async () => {
    const store = join(folder, 'x'.repeat(120))
    mkdirSync(store)
    const path = prepareControlPath(store)
    expect(findControlPath(store)).toBe(path)
    const server = createServer().listen(path)
    await once(server, 'listening')
    removeControlPath(store)
    server.close()
    expect([existsSync(path), existsSync(dirname(path))]).toEqual([false, false])
    expect(findControlPath(store)).toBe(join(store, 'control'))
  })

  it('removes nothing else, whatever a store that was copied here says', () => {
    const store = join(folder, 'store')
    const keys = join(folder, 'keys')
    for (const each of [store, keys]) mkdirSync(each)
    chmodSync(keys, 0o700)
    writeFileSync(join(keys, 'key'), 'secret')
    writeFileSync(join(store, 'control-path'), `${join(keys, 'key')}\n`)
    expect(prepareControlPath(store)).toBe(join(store, 'control'))
    expect(existsSync(join(keys, 'key'))).toBe(true)
    expect(existsSync(join(store, 'control-path'))).toBe(false)
  })
})
