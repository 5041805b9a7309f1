import { chmodSync, lstatSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { NodeDisk } from '../../src/adapters/node-disk.ts'
import { toDiskError } from '../../src/adapters/system.ts'
import { DiskError, DiskFullError } from '../../src/base/errors.ts'
import { diskSuite } from '../ports/disk.suite.ts'
import { makeFolder } from './folder.ts'

diskSuite('NodeDisk', async () => {
  const root = join(makeFolder(), 'home')
  return { disk: await NodeDisk.open(root), reopen: () => NodeDisk.open(root) }
})

describe('NodeDisk', () => {
  it('lets nobody but its owner read it', async () => {
    const root = join(makeFolder(), 'above', 'home')
    const disk = await NodeDisk.open(root)
    await disk.makeFolder('shares')
    const file = await disk.create('shares/a')
    await file.close()
    expect(lstatSync(root).mode & 0o777).toBe(0o700)
    expect(lstatSync(join(root, 'shares')).mode & 0o777).toBe(0o700)
    expect(lstatSync(join(root, 'shares/a')).mode & 0o777).toBe(0o600)
  })

  it('leaves the mode of a folder that was there', async () => {
    const root = makeFolder()
    chmodSync(root, 0o750)
    await NodeDisk.open(root)
    expect(lstatSync(root).mode & 0o777).toBe(0o750)
  })

  it('is not a file', async () => {
    const path = join(makeFolder(), 'file')
    writeFileSync(path, '')
    await expect(NodeDisk.open(path)).rejects.toThrow(DiskError)
  })

  it('may be reached through a link', async () => {
    const folder = makeFolder()
    mkdirSync(join(folder, 'real'))
    symlinkSync('real', join(folder, 'link'))
    const disk = await NodeDisk.open(join(folder, 'link'))
    const file = await disk.create('a')
    await file.close()
    expect(await disk.list('')).toEqual(['a'])
  })

  it('calls a full disk and a full quota by one name', () => {
    for (const code of ['ENOSPC', 'EDQUOT']) {
      const error = Object.assign(new Error(code), { code })
      expect(toDiskError('a', error)).toBeInstanceOf(DiskFullError)
    }
    const error = Object.assign(new Error('EIO'), { code: 'EIO' })
    expect(toDiskError('a', error)).not.toBeInstanceOf(DiskFullError)
  })
})
