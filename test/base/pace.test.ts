import { describe, expect, it } from 'vitest'
import { Pace } from '../../src/base/pace.ts'
import { inVirtualTime } from '../support/virtual-time.ts'

describe('pace', () => {
  it('lets bytes go at a rate, whoever asks, first come, first served', () =>
    inVirtualTime(async (clock) => {
      const pace = new Pace(clock, () => 1_000)
      const order: string[] = []
      const send = async (who: string) => {
        await pace.take(500)
        order.push(`${who} ${Math.round(clock.monotonic() / 100)}`)
      }
      const start = Math.round(clock.monotonic() / 100)
      await Promise.all([send('a'), send('b'), send('a'), send('c')])
      expect(order).toEqual([`a ${start}`, `b ${start + 5}`, `a ${start + 10}`, `c ${start + 15}`])
    }))

  it('saves nothing up, follows a rate that changes, and holds nobody up without one', () =>
    inVirtualTime(async (clock) => {
      let rate: number | undefined = 1_000
      const pace = new Pace(clock, () => rate)
      const took = async (work: () => Promise<void>) => {
        const before = clock.monotonic()
        await work()
        return Math.round((clock.monotonic() - before) / 100) / 10
      }
      await clock.sleep(60_000)
      await pace.take(1_000)
      expect(await took(() => pace.take(1_000))).toBeCloseTo(1)
      rate = 4_000
      await pace.take(4_000)
      expect(await took(() => pace.take(1))).toBeCloseTo(1)
      rate = undefined
      expect(await took(() => pace.take(1e9))).toBe(0)
    }))
})
