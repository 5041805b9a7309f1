/** Keys in files that others may read: the row K11 of test/oracles/faults.csv. */

import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LockedError } from '../../src/base/errors.ts'
import { readConfig } from '../../src/cli/config.ts'
import { PeerStore } from '../../src/cli/grid/peer-store.ts'
import { findHome, KeysExposedError } from '../../src/cli/home.ts'
import { openPorts } from '../../src/cli/ports.ts'
import { createVault } from '../../src/node/client.ts'

let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-keys-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

async function open() {
  const home = findHome({ CAIRN_HOME: folder }, folder)
  return openPorts(home, readConfig(home.configFile))
}

describe('a keyring', () => {
  it.runIf(process.platform !== 'win32')(
    'K11: that others may read is not used, and stays as it is, until it is its owner’s alone',
    async () => {
      const ports = await open()
      await createVault(ports)
      await ports.close()
      const path = join(folder, 'keys', 'keyring')
      const before = readFileSync(path)
      for (const mode of [0o644, 0o640, 0o604, 0o660]) {
        chmodSync(path, mode)
        await expect(open()).rejects.toBeInstanceOf(KeysExposedError)
        await expect(open()).rejects.toThrow(`chmod 600 ${path}`)
        expect(statSync(path).mode & 0o777).toBe(mode)
      }
      expect(readFileSync(path)).toEqual(before)
      chmodSync(path, 0o600)
      const again = await open()
      await again.close()
    },
  )

  it('K11: of a home that another process uses is told as locked', async () => {
    const ports = await open()
    await createVault(ports)
    await expect(open()).rejects.toBeInstanceOf(LockedError)
    await ports.close()
  })
})

describe('the key of a peer', () => {
  it.runIf(process.platform !== 'win32')('K11: that others may read is not used', () => {
    const key = PeerStore.open(folder).key()
    const path = join(folder, 'key')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    chmodSync(path, 0o644)
    expect(() => PeerStore.open(folder).key()).toThrow(KeysExposedError)
    chmodSync(path, 0o600)
    expect(PeerStore.open(folder).key()).toEqual(key)
  })

  it('K11: that was cut short is named, and no other takes its place', () => {
    PeerStore.open(folder).key()
    const path = join(folder, 'key')
    writeFileSync(path, 'abcd')
    expect(() => PeerStore.open(folder).key()).toThrow(/key is damaged/)
    expect(readFileSync(path, 'utf8')).toBe('abcd')
  })
})
