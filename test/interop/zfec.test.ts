/**
 * Our pieces are zfec's: each decodes what the other encoded, byte for byte.
 *
 * Needs Python's `zfec`, which the system's interpreter has where the package python3-zfec is
 * installed.
 */

import { spawnSync } from 'node:child_process'

import { describe, expect, it } from 'vitest'

import { fromHex, toHex } from '../../protocol/bytes.ts'
import { decodePieces, encodePieces } from '../../src/codec/erasure.ts'
import type { Code } from '../../src/codec/erasure.ts'
import { sample } from '../vectors/format.ts'

const PYTHON = '/usr/bin/python3'

const isInstalled = spawnSync(PYTHON, ['-c', 'import zfec']).status === 0
if (!isInstalled) console.warn(`zfec is missing from ${PYTHON}: its interop tests are skipped`)

/** All small codes, the grid's own, and the corners of the field. */
const codes: Code[] = [
  ...codesUpTo(9),
  { needed: 3, total: 10 },
  { needed: 4, total: 14 },
  { needed: 10, total: 16 },
  { needed: 1, total: 256 },
  { needed: 2, total: 256 },
  { needed: 128, total: 256 },
  { needed: 255, total: 256 },
  { needed: 256, total: 256 },
]

describe.skipIf(!isInstalled)('zfec', () => {
  it('makes the same pieces', () => {
    const tasks = codes.map((code) => ({ ...code, data: dataOf(code).map(toHex) }))
    const theirs = zfec('encode', tasks)
    for (const [at, code] of codes.entries()) expect(ours(code).map(toHex)).toEqual(theirs[at])
  })

  it('decodes our pieces, from the last ones and from every second one', () => {
    // Before 1.5.7.3, zfec itself crashes when it decodes 256 of 256: its loop counts in one byte.
    const decodable = codes.filter(({ needed }) => needed < 256)
    const tasks = decodable.flatMap((code) => {
      const pieces = ours(code).map(toHex)
      return subsetsOf(code).map((indices) => ({
        ...code,
        indices,
        pieces: indices.map((index) => pieces[index]!),
      }))
    })
    const theirs = zfec('decode', tasks)
    for (const [at, task] of tasks.entries()) expect(theirs[at]).toEqual(dataOf(task).map(toHex))
  })

  it('has its pieces decoded by us, from the last ones and from every second one', () => {
    const tasks = codes.map((code) => ({ ...code, data: dataOf(code).map(toHex) }))
    const theirs = zfec('encode', tasks)
    for (const [at, code] of codes.entries())
      for (const indices of subsetsOf(code)) {
        const pieces = indices.map((index) => ({ index, bytes: fromHex(theirs[at]![index]!) }))
        expect(decodePieces(pieces, code)).toEqual(dataOf(code))
      }
  })
})

const SCRIPT = `
import json, sys, zfec
tasks = json.load(sys.stdin)
def encode(t):
    data = [bytes.fromhex(piece) for piece in t['data']]
    return zfec.Encoder(t['needed'], t['total']).encode(data)
def decode(t):
    pieces = [bytes.fromhex(piece) for piece in t['pieces']]
    return zfec.Decoder(t['needed'], t['total']).decode(pieces, t['indices'])
act = {'encode': encode, 'decode': decode}[sys.argv[1]]
json.dump([[bytes(piece).hex() for piece in act(t)] for t in tasks], sys.stdout)
`

/** @returns for each task the pieces in hex */
function zfec(act: 'encode' | 'decode', tasks: readonly object[]): string[][] {
  const { stdout, stderr, status } = spawnSync(PYTHON, ['-c', SCRIPT, act], {
    input: JSON.stringify(tasks),
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  })
  if (status !== 0) throw new Error(`zfec ${act}: ${stderr}`)
  const pieces: string[][] = JSON.parse(stdout)
  return pieces
}

function dataOf({ needed, total }: Code): Uint8Array[] {
  return Array.from({ length: needed }, (_, index) => sample(7, 1000 * total + index))
}

function ours(code: Code): Uint8Array[] {
  return encodePieces(new Uint8Array(Buffer.concat(dataOf(code))), code)
}

function subsetsOf({ needed, total }: Code): number[][] {
  const all = Array.from({ length: total }, (_, index) => index)
  const mixed = [
    ...all.filter((index) => index % 2 === 1),
    ...all.filter((index) => index % 2 === 0),
  ]
  return [all.slice(-needed), mixed.slice(0, needed).toSorted((a, b) => a - b)]
}

function codesUpTo(totalMax: number): Code[] {
  const small: Code[] = []
  for (let total = 1; total <= totalMax; total++)
    for (let needed = 1; needed <= total; needed++) small.push({ needed, total })
  return small
}
