/** Medians of what several runs measured. */

import type { Operation } from '../results.ts'

/** @returns the middle number, or the mean of the two in the middle */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low, high] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  if (low === undefined || high === undefined) throw new RangeError('no numbers')
  return (low + high) / 2
}

export function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0) / numbers.length
}

const FIELDS = [
  'cpuSeconds',
  'wallSeconds',
  'peakMemory',
  'peakMemoryOfAll',
  'peersCpuSeconds',
  'bytesNew',
  'bytesSent',
  'bytesFetched',
] as const

/** @returns each number by itself: `median` over runs, `mean` over days; absent if one lacks it */
export function combine(
  operations: readonly Operation[],
  how: (numbers: readonly number[]) => number,
): Operation {
  const entries = FIELDS.flatMap((field) => {
    const numbers = operations.map((each) => each[field]).filter((each) => each !== undefined)
    return numbers.length === operations.length ? [[field, how(numbers)]] : []
  })
  return Object.fromEntries(entries) as Operation
}
