import { createHash } from 'node:crypto'

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { Composition, type Stretch } from '../../src/codec/compose-deltas.ts'
import { BadDeltaError, type PatchBase } from '../../src/codec/rdiff-patch.ts'
import { Replay, replayAll } from '../../src/repair/replay.ts'

const signal = new AbortController().signal

/** Three windows and a bit. */
const FILE = Uint8Array.from(
  { length: 3 * 256 * 1024 + 5 },
  (_, at) => (at * 31 + (at >>> 8)) % 251,
)

describe('replays', () => {
  it('make each version as its stretches tell, forwards, backwards and over again', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(versions, { maxLength: 4 }), async (all) => {
        const replays = all.map((stretches) => new Replay(composed(stretches)))
        await replayAll(replays, file(FILE), signal)
        for (const [index, replay] of replays.entries()) {
          expect(replay.digest()).toEqual(sha256(whole(all[index] ?? [])))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('reads the file once, however many versions follow it in order', async () => {
    const read: number[] = []
    const counting: PatchBase = {
      size: FILE.length,
      read: (offset, length) => {
        read.push(length)
        return file(FILE).read(offset, length)
      },
    }
    const edited = Array.from({ length: 20 }, (_, at): Stretch[] => [
      copy(0, 1000 * at + 100),
      literal(50),
      copy(1000 * at + 150, FILE.length - 1000 * at - 150),
    ])
    const replays = edited.map((stretches) => new Replay(composed(stretches)))
    await replayAll(replays, counting, signal)
    expect(read.reduce((sum, length) => sum + length, 0)).toBe(FILE.length)
    expect(replays.map((replay) => replay.digest())).toEqual(
      edited.map((stretches) => sha256(whole(stretches))),
    )
  })

  it('make versions of literals alone, and empty ones, upon an empty file', async () => {
    const only = new Replay(Composition.ofOriginal(0).followedByStretches([literal(10)]))
    const nothing = new Replay(Composition.ofOriginal(0))
    await replayAll([only, nothing], file(new Uint8Array(0)), signal)
    expect(only.digest()).toEqual(sha256(whole([literal(10)])))
    expect(nothing.digest()).toEqual(sha256(new Uint8Array(0)))
  })

  it('say so where the file ends before its time', async () => {
    const short: PatchBase = { ...file(FILE.subarray(0, 1000)), size: FILE.length }
    const replay = new Replay(composed([copy(0, FILE.length)]))
    await expect(replayAll([replay], short, signal)).rejects.toThrow(BadDeltaError)
  })
})

function composed(stretches: readonly Stretch[]): Composition {
  return Composition.ofOriginal(FILE.length).followedByStretches(stretches)
}

function whole(stretches: readonly Stretch[]): Uint8Array {
  return Buffer.concat(
    stretches.map((stretch) =>
      stretch.type === 'literal'
        ? stretch.bytes
        : FILE.subarray(stretch.start, stretch.start + stretch.length),
    ),
  )
}

const versions = fc.array(
  fc.oneof(
    fc.integer({ min: 1, max: 300 }).map(literal),
    fc
      .tuple(fc.nat(FILE.length - 1), fc.integer({ min: 1, max: FILE.length }))
      .map(([start, length]) => copy(start, Math.min(length, FILE.length - start))),
  ),
  { maxLength: 6 },
)

function copy(start: number, length: number): Stretch {
  return { type: 'copy', start, length }
}

function literal(length: number): Stretch {
  return { type: 'literal', length, bytes: new Uint8Array(length).fill(length % 256) }
}

function file(bytes: Uint8Array): PatchBase {
  return {
    size: bytes.length,
    read: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
  }
}

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}
