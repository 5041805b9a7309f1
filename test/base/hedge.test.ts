import { describe, expect, it } from 'vitest'
import { hedge, type Way } from '../../src/base/hedge.ts'
import type { SimClock } from '../../sim/clock.ts'
import { forever, onMachine } from '../support/on-machine.ts'

const STILL_MS = 5_000

describe('a hedge', () => {
  it('takes the first way where that gets on, however long it is', () =>
    told(async (clock, take) => {
      const slow: Way<string> = async (moved) => {
        for (let step = 0; step < 10; step += 1) {
          await clock.sleep(STILL_MS - 100)
          moved()
        }
        return 'slow'
      }
      expect(await take([slow, () => Promise.reject(new Error('not needed'))])).toBe('slow')
    }))

  it('takes the next as well once the first stands still', () =>
    told(async (clock, take) => {
      const from = clock.monotonic()
      const second: Way<string> = async () => {
        await clock.sleep(1000)
        return 'second'
      }
      expect(await take([still(clock), second])).toBe('second')
      expect(clock.monotonic() - from).toBeLessThan(STILL_MS + 1100)
    }))

  it('still takes the first if that gets there first', () =>
    told(async (clock, take) => {
      const late: Way<string> = async () => {
        await clock.sleep(STILL_MS + 500)
        return 'first'
      }
      expect(await take([late, still(clock)])).toBe('first')
    }))

  it('takes the next at once where one fails, and fails with the last', () =>
    told(async (clock, take) => {
      const from = clock.monotonic()
      const fails = (name: string) => () => Promise.reject(new Error(name))
      expect(await take([fails('one'), () => Promise.resolve('two')])).toBe('two')
      await expect(take([fails('one'), fails('two'), fails('three')])).rejects.toThrow('three')
      expect(clock.monotonic()).toBe(from)
    }))

  it('waits for the one that is left, where there is no other', () =>
    told(async (clock, take) => {
      const late: Way<string> = async () => {
        await clock.sleep(20 * STILL_MS)
        return 'late'
      }
      expect(await take([late])).toBe('late')
    }))

  it('stops with the signal’s reason', () =>
    onMachine(async ({ clock }) => {
      const controller = new AbortController()
      const reason = new Error('enough')
      const listens: Way<string> = async () => {
        await clock.sleep(1e9, controller.signal)
        return 'never'
      }
      const taken = hedge(clock, STILL_MS, [listens].values(), controller.signal)
      controller.abort(reason)
      await expect(taken).rejects.toBe(reason)
    }))
})

function still(clock: SimClock): Way<string> {
  return async () => {
    await clock.sleep(1e7)
    return 'never'
  }
}

async function told(
  story: (
    clock: SimClock,
    take: (ways: readonly Way<string>[]) => Promise<string>,
  ) => Promise<void>,
): Promise<void> {
  await onMachine(async ({ clock }) => {
    await story(clock, (ways) => hedge(clock, STILL_MS, ways.values(), forever))
  })
}
