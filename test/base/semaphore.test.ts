import { describe, expect, it } from 'vitest'

import { Semaphore } from '../../src/base/semaphore.ts'

const forever = new AbortController().signal

describe('a semaphore', () => {
  it('lets in as many as it has places, the others in their order', async () => {
    const semaphore = new Semaphore(2)
    const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>())
    const story: number[] = []
    const all = gates.map((gate, index) =>
      semaphore.run(async () => {
        story.push(index)
        await gate.promise
      }, forever),
    )
    await settled()
    expect(story).toEqual([0, 1])
    gates[1]?.resolve()
    await all[1]
    await settled()
    expect(story).toEqual([0, 1, 2])
    for (const gate of gates) gate.resolve()
    await Promise.all(all)
  })

  it('loses no place when one gives up waiting', async () => {
    const semaphore = new Semaphore(1)
    const gate = Promise.withResolvers<void>()
    const first = semaphore.run(() => gate.promise, forever)
    const controller = new AbortController()
    const second = semaphore.run(async () => 'never', controller.signal)
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(second).rejects.toBe(reason)
    gate.resolve()
    await first
    expect(await semaphore.run(async () => 'free', forever)).toBe('free')
  })
})

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
