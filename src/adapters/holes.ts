/** Holes of sparse files, by `lseek` with SEEK_DATA and SEEK_HOLE (lseek(2)). */

import type { Hole } from '../../protocol/file-extras.ts'
import { loadLibc } from './libc.ts'

const calls = loadLibc(['linux', 'darwin'], {
  lseek: { arguments: ['i32', 'i64', 'i32'], return: 'i64' },
})

const [SEEK_DATA, SEEK_HOLE] = process.platform === 'darwin' ? [4, 3] : [3, 4]

/** Whether holes can be told from zeros. */
export const hasHoles = calls !== undefined

/** @returns where data begins from `offset` on; `undefined` where only a hole is left, or nothing */
export function nextData(file: number, offset: number): number | undefined {
  if (calls === undefined) return offset
  return found(calls.lseek(file, BigInt(offset), SEEK_DATA))
}

/** @returns the first `countMax` holes of a file of so many bytes, ascending */
export function holesOf(file: number, size: number, countMax: number): Hole[] {
  const holes: Hole[] = []
  if (calls === undefined) return holes
  for (let offset = 0; offset < size && holes.length < countMax;) {
    const data = nextData(file, offset) ?? size
    if (data > offset) holes.push({ offset, size: Math.min(data, size) - offset })
    if (data >= size) break
    offset = found(calls.lseek(file, BigInt(data), SEEK_HOLE)) ?? size
  }
  return holes
}

/** @returns whether a file has room for fewer bytes than it says, so that looking for holes is worth it */
export function mayHaveHoles({ size, blocks }: { size: bigint; blocks: bigint }): boolean {
  return blocks * 512n < size
}

function found(offset: bigint): number | undefined {
  return offset < 0n ? undefined : Number(offset)
}
