import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { delayMs, retry } from '../../src/base/retry.ts'
import { VirtualClock } from '../support/virtual-clock.ts'

const forever = new AbortController().signal
const highest = { bytes: (length: number) => new Uint8Array(length).fill(255) }
const plan = { triesMax: 4, delayMsMin: 100, delayMsMax: 250 }

describe('a retry', () => {
  it('waits longer each time, up to the limit, and throws the last error', async () => {
    const clock = new VirtualClock()
    const triedAt: number[] = []
    const work = retry(
      { clock, random: highest },
      plan,
      () => true,
      async () => {
        triedAt.push(clock.monotonic())
        throw new Error(`try ${triedAt.length}`)
      },
      forever,
    )
    await expect(work).rejects.toThrow('try 4')
    expect(triedAt).toEqual([0, 100, 300, 550])
  })

  it('does not try again what is not worth it', async () => {
    let tries = 0
    const work = retry(
      { clock: new VirtualClock(), random: highest },
      plan,
      () => false,
      async () => {
        tries += 1
        throw new Error('no')
      },
      forever,
    )
    await expect(work).rejects.toThrow('no')
    expect(tries).toBe(1)
  })

  it('has delays between half the step and the step', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 255 }),
        fc.integer({ min: 1, max: 99 }),
        (byte, tries) => {
          const random = { bytes: () => new Uint8Array([byte]) }
          const step = Math.min(250, 100 * 2 ** (tries - 1))
          expect(delayMs(random, plan, tries)).toBeGreaterThanOrEqual(step / 2)
          expect(delayMs(random, plan, tries)).toBeLessThanOrEqual(step)
        },
      ),
    )
  })
})
