import { describe, expect, it } from 'vitest'
import { readAhead } from '../../src/restore/read-ahead.ts'
import { inVirtualTime } from '../support/virtual-time.ts'

describe('reading ahead', () => {
  it('gives results in order, whatever they take, and no more than so many at once', async () => {
    await inVirtualTime(async (clock) => {
      let [running, most] = [0, 0]
      const work = async (item: number) => {
        most = Math.max(most, ++running)
        await clock.sleep((item * 37) % 11)
        running -= 1
        return item * 2
      }
      const results = []
      for await (const result of readAhead(numbers(50), 4, work)) results.push(result)
      expect(results).toEqual(Array.from({ length: 50 }, (_, index) => index * 2))
      expect([most, running]).toEqual([4, 0])
    })
  })

  it('gives nothing for nothing', async () => {
    expect(await all(readAhead(numbers(0), 4, async (item) => item))).toEqual([])
    expect(await all(readAhead(numbers(2), 4, async (item) => item))).toEqual([0, 1])
  })

  it('throws a failure when its turn comes, after all before it, and waits for the rest', async () => {
    await inVirtualTime(async (clock) => {
      let finished = 0
      const work = async (item: number) => {
        await clock.sleep(item === 3 ? 1 : 50)
        if (item >= 3) throw new Error(`bad ${item}`)
        finished += 1
        return item
      }
      const results: number[] = []
      const reading = (async () => {
        for await (const result of readAhead(numbers(9), 4, work)) results.push(result)
      })()
      await expect(reading).rejects.toThrow('bad 3')
      expect([results, finished]).toEqual([[0, 1, 2], 3])
    })
  })

  it('waits for what is under way when nobody wants more', async () => {
    await inVirtualTime(async (clock) => {
      let running = 0
      const work = async (item: number) => {
        running += 1
        await clock.sleep(20)
        running -= 1
        if (item > 0) throw new Error('nobody looks')
        return item
      }
      for await (const _ of readAhead(numbers(9), 3, work)) break
      expect(running).toBe(0)
    })
  })

  it('throws what the items throw', async () => {
    async function* broken() {
      yield 1
      throw new Error('no more')
    }
    await expect(all(readAhead(broken(), 4, async (item) => item))).rejects.toThrow('no more')
  })
})

async function* numbers(count: number): AsyncGenerator<number> {
  for (let number = 0; number < count; number += 1) yield number
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}
