/**
 * Our signatures and deltas are librsync's: `rdiff` reads ours, and we read its.
 *
 * Needs the program `rdiff` (package rdiff, 2.2 or later for Rabin–Karp sums).
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { fromHex } from '../../protocol/bytes.ts'
import {
  applyDelta,
  DeltaReader,
  makeDelta,
  makeSignature,
  parseSignature,
} from '../../src/codec/rdiff.ts'
import type { DeltaOp } from '../../src/codec/rdiff.ts'
import { collect, sizesAround, stream } from '../codec/builders.ts'
import * as deltaVectors from '../vectors/delta.vectors.ts'
import { sample } from '../vectors/format.ts'
import * as signatureVectors from '../vectors/signature.vectors.ts'

const isInstalled = spawnSync('rdiff', ['--version']).status === 0
if (!isInstalled) console.warn('rdiff is missing: its interop tests are skipped')

const blockSize = 4096
const old = sample(10 * blockSize + 1234)
const zeros = new Uint8Array(50 * blockSize)

/** Old and new files. No two blocks of an old file are equal, unless the name says so. */
const stories: [string, Uint8Array, Uint8Array][] = [
  ['nothing to nothing', sample(0), sample(0)],
  ['nothing to something', sample(0), sample(200_000)],
  ['something to nothing', old, sample(0)],
  ['no change', old, old],
  ['all changed', old, sample(200_000, 2)],
  ['grown at its end', old, joined(old, sample(100, 2))],
  ['grown at its start', old, joined(sample(100, 2), old)],
  ['cut short', old, old.slice(0, 30_000)],
  ['cut to its last, short block', old, old.slice(10 * blockSize)],
  ['one byte in the middle', old, old.with(20_000, 7)],
  ['blocks in another order', old, joined(old.slice(20_480), old.slice(0, 20_480))],
  ['a long literal between copies', old, joined(old, sample(150_000, 3), old)],
  ['equal blocks', zeros, joined(sample(10, 2), zeros, sample(10, 3))],
  ['equal blocks, and a short one', zeros.slice(0, -1), joined(zeros, zeros)],
  ...sizesAround(blockSize).flatMap((size): [string, Uint8Array, Uint8Array][] => [
    [`a file of ${size} bytes, one in front`, sample(size, 5), joined(sample(1), sample(size, 5))],
    [`${size} bytes of a longer file`, old, old.slice(0, size)],
  ]),
]

describe.skipIf(!isInstalled)('rdiff', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'cairn-rdiff-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  it.for(stories)('works with our files as with its own: %s', async ([, before, after]) => {
    const signature = makeSignature(before, { blockSize })
    const theirSignature = rdiff(signatureArgs(16), ['signature', before])
    expect(signature).toEqual(theirSignature)

    const delta = makeDelta(parseSignature(theirSignature), after)
    const theirDelta = rdiff([], ['delta', signature, after])
    expect(delta.length).toBeLessThanOrEqual(theirDelta.length)
    expect(rdiff([], ['patch', before, delta])).toEqual(after)
    expect(await patch(before, theirDelta, after.length)).toEqual(after)
    expect(await patch(before, delta, after.length)).toEqual(after)
  })

  it.for(stories.filter(([name]) => !name.startsWith('equal blocks')))(
    'finds the same copies: %s',
    ([, before, after]) => {
      const signature = makeSignature(before, { blockSize })
      const theirs = opsOf(rdiff([], ['delta', signature, after]))
      expect(opsOf(makeDelta(parseSignature(signature), after))).toEqual(theirs)
    },
  )

  it('makes the same signatures with strong sums of other sizes, and reads ours', () => {
    for (const strongSize of [8, 32]) {
      const signature = makeSignature(old, { blockSize, strongSize })
      expect(signature).toEqual(rdiff(signatureArgs(strongSize), ['signature', old]))
      expect(opsOf(rdiff([], ['delta', signature, old]))).toEqual([
        { type: 'copy', start: 0, length: old.length },
      ])
    }
  })

  it('has signatures of its default kind, whose deltas we make', () => {
    const signature = rdiff([], ['signature', old])
    const file = joined(old.slice(0, 15_000), sample(10, 2), old.slice(15_000))
    const delta = makeDelta(parseSignature(signature), file)
    expect(rdiff([], ['patch', old, delta])).toEqual(file)
  })

  it('reads every form of literal and copy as we do', async () => {
    const literals = [1, 2, 3, 63, 64].map((length) => hex(length, 1) + 'ab'.repeat(length))
    const long = [1, 2, 4, 8].map((width, code) => hex(0x41 + code, 1) + hex(3, width) + 'abcdef')
    const copies = [1, 2, 4, 8].flatMap((start, a) =>
      [1, 2, 4, 8].map((length, b) => hex(0x45 + 4 * a + b, 1) + hex(200, start) + hex(9, length)),
    )
    const delta = fromHex(['72730236', ...literals, ...long, ...copies, '00'].join(''))
    const theirs = rdiff([], ['patch', old, delta])
    expect(theirs).toHaveLength(133 + 4 * 3 + 16 * 9)
    expect(await patch(old, delta, 1000)).toEqual(theirs)
  })

  it('applies the vectors of deltas as we do', async () => {
    for (const { bytes, fields, expect: outcome } of deltaVectors.scenarios) {
      if (outcome !== 'success') continue
      const base = fromHex(fields!['base']!)
      expect(rdiff([], ['patch', base, bytes])).toEqual(await deltaVectors.decode(bytes, fields!))
    }
  })

  it('makes the vectors of signatures', () => {
    for (const { bytes, fields } of signatureVectors.scenarios) {
      const file = fields?.['file']
      if (file === undefined) continue
      const { blockSize: size, strongSize } = parseSignature(bytes)
      expect(rdiff(signatureArgs(strongSize, size), ['signature', fromHex(file)])).toEqual(bytes)
    }
  })

  it.for([
    ['a reserved opcode', '7273023655'],
    ['a copy of nothing', '727302364500000000'],
    ['a literal of nothing', '7273023641000000'],
    ['a copy behind the end', '727302364fffffff000000000100'],
    ['no end', '727302360161'],
  ] as const)('refuses what we refuse: %s', async ([, bytes]) => {
    const delta = fromHex(bytes)
    expect(() => rdiff([], ['patch', old, delta])).toThrow('rdiff')
    await expect(patch(old, delta, 1000)).rejects.toThrow('')
  })

  /** Runs the program on files of these contents. @returns the content of the file it writes */
  function rdiff(
    options: readonly string[],
    [verb, ...inputs]: readonly [string, ...Uint8Array[]],
  ): Uint8Array {
    const paths = inputs.map((bytes, at) => {
      const path = join(folder, `input-${at}`)
      writeFileSync(path, bytes)
      return path
    })
    const output = join(folder, 'output')
    const { status, stderr } = spawnSync('rdiff', ['--force', ...options, verb, ...paths, output])
    if (status !== 0) throw new Error(`rdiff ${verb}: ${stderr.toString()}`)
    return new Uint8Array(readFileSync(output))
  }
})

function signatureArgs(strongSize: number, size = blockSize): string[] {
  return ['-R', 'rabinkarp', '-H', 'blake2', '-b', `${size}`, '-S', `${strongSize}`]
}

/** Versions of librsync break long literals at different lengths; here adjacent ones are joined. */
function opsOf(delta: Uint8Array): DeltaOp[] {
  const reader = new DeltaReader()
  const ops: DeltaOp[] = []
  for (const op of reader.push(delta)) {
    const last = ops.at(-1)
    if (op.type === 'literal' && last?.type === 'literal')
      ops[ops.length - 1] = { type: 'literal', bytes: joined(last.bytes, op.bytes) }
    else ops.push(op.type === 'literal' ? { ...op, bytes: op.bytes.slice() } : op)
  }
  reader.close()
  return ops
}

function patch(before: Uint8Array, delta: Uint8Array, sizeMax: number): Promise<Uint8Array> {
  const read = (offset: number, length: number) =>
    Promise.resolve(before.subarray(offset, offset + length))
  return collect(applyDelta({ size: before.length, read }, stream([delta]), { sizeMax }))
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(2 * width, '0')
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
