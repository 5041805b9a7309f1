import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CommandFailedError, keepOutput, runShell } from '../../src/adapters/run-command.ts'
import { DiskError } from '../../src/base/errors.ts'
import { makeFolder } from './folder.ts'

const never = new AbortController().signal

describe('the output of a command', () => {
  it('is kept whole, however fast the command ends, and gone once it is closed', async () => {
    for (const count of [0, 1, 1_000_000]) {
      const target = join(makeFolder(), 'output')
      const file = await keepOutput(sh(`head -c ${count} /dev/zero`), target, never)
      expect((await file.status()).size).toBe(count)
      expect(await file.read(0, 2_000_000)).toEqual(new Uint8Array(count))
      await file.close()
      expect(existsSync(target)).toBe(false)
    }
  })

  it('is nothing, if the command does not end well', async () => {
    const target = join(makeFolder(), 'output')
    const broken = keepOutput(sh('echo half; exit 3'), target, never)
    await expect(broken).rejects.toThrow(new CommandFailedError('sh ended with exit status 3'))
    const killed = keepOutput(sh('echo half; kill -9 $$'), target, never)
    await expect(killed).rejects.toThrow(new CommandFailedError('sh ended by SIGKILL'))
    const missing = keepOutput(['/nowhere/dump'], target, never)
    await expect(missing).rejects.toThrow('/nowhere/dump cannot be run')
    expect(existsSync(target)).toBe(false)
  })

  it('is bounded', async () => {
    const target = join(makeFolder(), 'output')
    const endless = keepOutput(sh('cat /dev/zero'), target, never, 100_000)
    await expect(endless).rejects.toThrow(DiskError)
    expect(existsSync(target)).toBe(false)
  })

  it('ends with its reason when it is aborted', async () => {
    const target = join(makeFolder(), 'output')
    const controller = new AbortController()
    const waiting = keepOutput(['sleep', '60'], target, controller.signal)
    setTimeout(() => controller.abort(new Error('enough')), 50)
    await expect(waiting).rejects.toThrow('enough')
    expect(existsSync(target)).toBe(false)
  })

  it('is over for all that the command started, too', async () => {
    const target = join(makeFolder(), 'output')
    const controller = new AbortController()
    const waiting = keepOutput(sh('sleep 60; echo never'), target, controller.signal)
    setTimeout(() => controller.abort(new Error('enough')), 100)
    const before = performance.now()
    await expect(waiting).rejects.toThrow('enough')
    // The pipe is open as long as somebody has it.
    expect(performance.now() - before).toBeLessThan(10_000)
  })
})

describe('a command that does not end when it is told to', () => {
  const stubborn = "trap '' TERM; sleep 5"

  it('is left to itself, so that we end', async () => {
    const target = join(makeFolder(), 'output')
    for (const run of [
      (signal: AbortSignal) => keepOutput(sh(stubborn), target, signal),
      (signal: AbortSignal) => runShell('it', stubborn, process.env, signal),
    ]) {
      const controller = new AbortController()
      const waiting = run(controller.signal)
      setTimeout(() => controller.abort(new Error('enough')), 100)
      const before = performance.now()
      await expect(waiting).rejects.toThrow('enough')
      expect(performance.now() - before).toBeLessThan(3_000)
    }
    expect(existsSync(target)).toBe(false)
  })
})

describe('a line of shell', () => {
  it('finds what it is told in its environment', async () => {
    await runShell('it', '[ "$TOLD" = "a b" ]', { ...process.env, TOLD: 'a b' })
    await expect(runShell('it', '[ -n "$TOLD" ]', process.env)).rejects.toThrow(CommandFailedError)
  })
})

function sh(line: string): string[] {
  return ['sh', '-c', line]
}
