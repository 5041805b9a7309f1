import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { delayMs, retry } from '../../src/base/retry.ts'
import { inVirtualTime } from '../support/virtual-time.ts'

const forever = new AbortController().signal
const highest = { bytes: (length: number) => new Uint8Array(length).fill(255) }
const plan = { triesMax: 4, delayMsMin: 100, delayMsMax: 250 }

describe('a retry', () => {
  it('waits longer each time, up to the limit, and throws the last error', async () => {
    await inVirtualTime(async (clock) => {
      const triedAt: number[] = []
      const fail = async () => {
        triedAt.push(Math.floor(clock.monotonic() / 10) * 10)
        throw new Error(`try ${triedAt.length}`)
      }
      const work = retry({ clock, random: highest }, plan, () => true, fail, forever)
      await expect(work).rejects.toThrow('try 4')
      expect(triedAt).toEqual([0, 100, 300, 550])
    })
  })

  it('does not try again what is not worth it', async () => {
    await inVirtualTime(async (clock) => {
      let tries = 0
      const fail = async () => {
        tries += 1
        throw new Error('no')
      }
      const work = retry({ clock, random: highest }, plan, () => false, fail, forever)
      await expect(work).rejects.toThrow('no')
      expect(tries).toBe(1)
    })
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
