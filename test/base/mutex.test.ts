import { describe, expect, it } from 'vitest'

import { KeyedMutex, Mutex } from '../../src/base/mutex.ts'

describe('a mutex', () => {
  it('runs one at a time, in order, also after a failure', async () => {
    const mutex = new Mutex()
    const story: string[] = []
    const step = (name: string, fails = false) =>
      mutex.run(async () => {
        story.push(`${name} begins`)
        await Promise.resolve()
        story.push(`${name} ends`)
        if (fails) throw new Error(name)
      })
    const [, second] = [step('a'), step('b', true), step('c')]
    await expect(second).rejects.toThrow('b')
    await step('d')
    const names = ['a', 'b', 'c', 'd']
    expect(story).toEqual(names.flatMap((name) => [`${name} begins`, `${name} ends`]))
  })

  it('with keys holds up only its own key', async () => {
    const mutex = new KeyedMutex()
    const gate = Promise.withResolvers<void>()
    const held = mutex.run('a', () => gate.promise)
    expect(await mutex.run('b', async () => 'free')).toBe('free')
    gate.resolve()
    await held
  })
})
