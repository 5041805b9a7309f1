import { describe, expect, it } from 'vitest'
import { blockSizeFor, isDeltaWorth, mayBeDelta } from '../../src/backup/delta-policy.ts'
import { isRacy } from '../../src/backup/racy.ts'
import { CHAIN_LENGTH_LIMIT } from '../../src/history/chain-bounds.ts'

const KIB = 1024
const MIB = 1024 ** 2

describe('a chain', () => {
  it('ends at 128 deltas, where no rebuild shortened it', () => {
    const chain = (chainLength: number) => ({ chainLength, chainSize: 0 })
    expect(mayBeDelta(chain(CHAIN_LENGTH_LIMIT - 1), MIB)).toBe(true)
    expect(mayBeDelta(chain(CHAIN_LENGTH_LIMIT), MIB)).toBe(false)
  })

  it('costs to fetch at most twice the file and 64 KiB', () => {
    const most = 2 * MIB + 64 * KIB
    const may = (chainSize: number, deltaSize: number) =>
      mayBeDelta({ chainLength: 1, chainSize }, MIB, { deltaSize })
    expect([may(most, 0), may(most + 1, 0)]).toEqual([true, false])
    expect([may(most - 100, 100), may(most - 100, 101)]).toEqual([true, false])
  })
})

describe('a delta', () => {
  it.each([
    [50, 100, true],
    [51, 100, false],
    [0, 0, true],
    [1, 1, false],
  ])('of %i bytes for %i is worth it: %s', (deltaSize, size, isWorth) => {
    expect(isDeltaWorth(deltaSize, size)).toBe(isWorth)
  })
})

describe('blocks', () => {
  it.each([
    [KIB - 1, null],
    [KIB, 256],
    [8 * KIB - 1, 256],
    [8 * KIB, 512],
    [32 * KIB - 1, 512],
    [32 * KIB, 1_024],
    [MIB - 1, 1_024],
    [MIB, 4_096],
    [4_096_000_000, 4_096],
    [4_096_000_001, 8_192],
    [2 ** 43, 2 ** 24],
  ])('of a file of %i bytes have %s', (size, blockSize) => {
    expect(blockSizeFor(size)).toBe(blockSize)
  })
})

describe('a file is racy', () => {
  const second = 1_700_000_000
  it.each([
    ['20 ms after its change', 500_000_000, 520, true],
    ['21 ms after it', 500_000_000, 521, false],
    ['before it, by our clock', 500_000_000, 400, true],
    ['2 s after a change without a fraction: it may be FAT’s', 0, 2_020, true],
    ['later than that', 0, 2_021, false],
  ])('%s', (_, nanoseconds, ms, expected) => {
    expect(isRacy({ seconds: second, nanoseconds }, second * 1_000 + ms)).toBe(expected)
  })
})
