import { describe, expect, it } from 'vitest'

import { mapPool } from '../../src/base/pool.ts'

const forever = new AbortController().signal

describe('a pool', () => {
  it('gives results in the order of the items, whichever finished first', async () => {
    const gates = [4, 3, 2, 1].map((value) => ({ value, ...Promise.withResolvers<void>() }))
    const results = mapPool(
      gates,
      4,
      async (gate) => {
        await gate.promise
        return gate.value
      },
      forever,
    )
    for (const gate of gates.toReversed()) gate.resolve()
    expect(await results).toEqual([4, 3, 2, 1])
  })

  it('never runs more than its width, and takes items only as places get free', async () => {
    let taken = 0
    let running = 0
    let runningMax = 0
    async function* items() {
      for (let item = 0; item < 50; item += 1) {
        taken += 1
        expect(taken - running).toBeLessThanOrEqual(taken)
        expect(running).toBeLessThan(3)
        yield item
      }
    }
    await mapPool(
      items(),
      3,
      async () => {
        running += 1
        runningMax = Math.max(running, runningMax)
        for (let turn = 0; turn < 5; turn += 1) await Promise.resolve()
        running -= 1
      },
      forever,
    )
    expect([taken, runningMax]).toEqual([50, 3])
  })

  it('throws the first failure after the others have been told and have ended', async () => {
    const told: unknown[] = []
    const failure = new Error('the second item')
    const pool = mapPool(
      [1, 2, 3],
      2,
      async (item, signal) => {
        if (item === 2) throw failure
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => {
            told.push(signal.reason)
            resolve()
          })
        })
      },
      forever,
    )
    await expect(pool).rejects.toBe(failure)
    expect(told).toEqual([failure])
  })

  it('ends with the reason of its signal, unchanged', async () => {
    const reason = new Error('enough')
    const controller = new AbortController()
    const pool = mapPool(
      [1, 2],
      1,
      async () => {
        controller.abort(reason)
      },
      controller.signal,
    )
    await expect(pool).rejects.toBe(reason)
    await expect(mapPool([], 1, async () => undefined, controller.signal)).rejects.toBe(reason)
  })
})
