/**
 * Composed and reverse deltas are librsync's: `rdiff patch` makes of them what it makes of a whole chain.
 *
 * Needs the program `rdiff` (package rdiff, 2.2 or later).
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { concat } from '../../protocol/bytes.ts'
import { encodeComposition } from '../../src/codec/compose-deltas.ts'
import { differenceOf, encodePieces, withOriginals } from '../../src/codec/reverse-delta.ts'
import { collect } from '../codec/builders.ts'
import { compositionsOf, deltasOf, joined } from '../codec/version-chains.ts'
import { composeDeltas } from '../support/compose-deltas.ts'
import { sample } from '../vectors/format.ts'

const isInstalled = spawnSync('rdiff', ['--version']).status === 0
if (!isInstalled) console.warn('rdiff is missing: its interop tests are skipped')

const blockSize = 512
const first = sample(300 * blockSize + 100)

const chains: [string, readonly Uint8Array[]][] = [
  ['pages overwritten, some twice', overwritten(10)],
  ['grown in front, in the midst and at the end', grown(8)],
  [
    'cut short, emptied and written anew',
    [first, first.slice(0, 9000), sample(0), first, sample(0)],
  ],
  [
    'parts moved and doubled',
    [first, swapped(first), joined(first, swapped(first)), swapped(first)],
  ],
  ['all new, a literal of more than 64 KiB', [first, sample(150_000, 2), sample(200_000, 3)]],
  ['the same again and again', [first, first, first]],
]

describe.skipIf(!isInstalled)('rdiff patch', () => {
  let folder = ''
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'cairn-composed-'))
  })
  afterAll(() => {
    rmSync(folder, { recursive: true })
  })

  it.for(chains)('makes every version of the first and a composed delta: %s', ([, versions]) => {
    const deltas = deltasOf(versions, { blockSize })
    const all = compositionsOf(first.length, deltas)
    for (const [at, file] of versions.entries()) {
      expect(patch(first, concat(...encodeComposition(all[at]!)))).toEqual(file)
    }
    for (const [at, delta] of deltas.slice(0, -1).entries()) {
      const composed = composeDeltas(versions[at]!.length, delta, deltas[at + 1]!)
      if (composed.type !== 'delta') throw new Error('these copies are long')
      const after = versions[at + 2]!
      expect(patch(versions[at]!, concat(...composed.parts))).toEqual(after)
      expect(patch(patch(versions[at]!, concat(...delta)), concat(...deltas[at + 1]!))).toEqual(
        after,
      )
    }
  })

  it.for(chains)(
    'makes every version of the next and a reverse delta: %s',
    async ([, versions]) => {
      const all = compositionsOf(first.length, deltasOf(versions, { blockSize }))
      const read = (start: number, length: number) => first.subarray(start, start + length)
      for (let at = versions.length - 2; at >= 0; at -= 1) {
        const [older, newer] = [all[at]!, all[at + 1]!]
        const pieces = differenceOf(older, newer)
        for (const told of [pieces, withOriginals(pieces, { older, newer }, read)]) {
          const delta = await collect(encodePieces(told, read))
          expect(patch(versions[at + 1]!, delta)).toEqual(versions[at])
        }
      }
    },
  )

  function patch(before: Uint8Array, delta: Uint8Array): Uint8Array {
    const [base, script, output] = ['base', 'delta', 'output'].map((name) =>
      join(folder, name),
    ) as [string, string, string]
    writeFileSync(base, before)
    writeFileSync(script, delta)
    const { status, stderr } = spawnSync('rdiff', ['--force', 'patch', base, script, output])
    if (status !== 0) throw new Error(`rdiff patch: ${stderr.toString()}`)
    return new Uint8Array(readFileSync(output))
  }
})

function overwritten(count: number): Uint8Array[] {
  const versions = [first]
  for (let day = 1; day <= count; day += 1) {
    const file = versions.at(-1)!.slice()
    for (const page of [7 * day, 11 * day, 100]) {
      file.set(sample(blockSize, 100 * day + page), (page % 300) * blockSize)
    }
    versions.push(file)
  }
  return versions
}

function grown(count: number): Uint8Array[] {
  const versions = [first]
  for (let day = 1; day <= count; day += 1) {
    const before = versions.at(-1)!
    const middle = Math.floor(before.length / day)
    const fresh = sample(33 * day, day)
    versions.push(joined(fresh, before.slice(0, middle), fresh, before.slice(middle), fresh))
  }
  return versions
}

function swapped(file: Uint8Array): Uint8Array {
  return joined(file.slice(70_000), file.slice(20_000, 70_000), file.slice(0, 30_000))
}
