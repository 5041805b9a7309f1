import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { HomeLock } from '../../src/adapters/home-lock.ts'
import { DiskError, LockedError } from '../../src/base/errors.ts'
import { makeFolder } from './folder.ts'

describe('the lock of a home', () => {
  it('lets one writer in, and names the home to the next', () => {
    const home = makeFolder()
    const lock = HomeLock.take(home, 'write')
    expect(() => HomeLock.take(home, 'write')).toThrow(LockedError)
    expect(() => HomeLock.take(home, 'read')).toThrow(home)
    lock.release()
    lock.release()
    HomeLock.take(home, 'write').release()
  })

  it('lets readers in together, and no writer beside them', () => {
    const home = makeFolder()
    const [one, two] = [HomeLock.take(home, 'read'), HomeLock.take(home, 'read')]
    expect(() => HomeLock.take(home, 'write')).toThrow(LockedError)
    one.release()
    expect(() => HomeLock.take(home, 'write')).toThrow(LockedError)
    two.release()
    HomeLock.take(home, 'write').release()
  })

  it('leaves one empty file behind', () => {
    const home = makeFolder()
    HomeLock.take(home, 'write').release()
    expect(readdirSync(home)).toEqual(['lock'])
  })

  it('needs a home that is there', () => {
    expect(() => HomeLock.take(join(makeFolder(), 'no'), 'write')).toThrow(DiskError)
  })

  it('holds against another process, and goes with it when it is killed', async () => {
    const home = makeFolder()
    const holder = await holdElsewhere(home, 'write')
    expect(() => HomeLock.take(home, 'write')).toThrow(LockedError)
    expect(() => HomeLock.take(home, 'read')).toThrow(LockedError)
    await kill(holder)
    HomeLock.take(home, 'write').release()
  })

  it('lets a reader in beside a reader of another process', async () => {
    const home = makeFolder()
    const holder = await holdElsewhere(home, 'read')
    expect(() => HomeLock.take(home, 'write')).toThrow(LockedError)
    HomeLock.take(home, 'read').release()
    await kill(holder)
    HomeLock.take(home, 'write').release()
  })
})

/** A process that has taken the lock and keeps it until it is killed. */
async function holdElsewhere(home: string, access: 'read' | 'write'): Promise<ChildProcess> {
  const holder = fork(new URL('hold-lock.ts', import.meta.url), [home, access], {
    execArgv: ['--disable-warning=ExperimentalWarning'],
  })
  onTestFinished(() => {
    holder.kill('SIGKILL')
  })
  expect((await once(holder, 'message'))[0]).toBe('held')
  return holder
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
}
