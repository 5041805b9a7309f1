/** Vectors of lists: docs/formats/list.md. */

import { decodeList, encodeList } from '../../protocol/list.ts'

import { withBlock } from '../support/columns.ts'

import type { Scenario } from './format.ts'
import { columnarFaults, place, placeInRun, scenario } from './tree-values.ts'

export const decode = decodeList

const ONE = encodeList({ depth: 0, references: [place(1)] })
const run = Array.from({ length: 256 }, (_, index) => placeInRun(index))

export const scenarios: Scenario[] = [
  scenario('success', 'one-reference', 'a key of its own', ONE),
  good('a-whole-run', '256 objects, one secret', 0, 256),
  good('longest', '512 references', 2, 512),
  ...columnarFaults(ONE),
  bad('no-references', 'a list holds something', 0, 0),
  bad('one-too-many', 'says 513 references', 0, 513),
  bad('depth-3', 'deeper than any version needs', 3, 1),
  scenario(
    'FormatError',
    'run-that-never-began',
    'run 0 before its secret',
    withBlock(ONE, (block) => {
      // Column keys (18) is the first after structure: depth 0, one reference, then key type.
      const at = Buffer.from(block).indexOf(Uint8Array.of(0, 1, 0), 20)
      return block.map((old, index) => (index === at + 2 ? 2 : old))
    }),
  ),
]

function good(name: string, comment: string, depth: number, count: number): Scenario {
  const references = [...run, ...run].slice(0, count)
  return scenario('success', name, comment, encodeList({ depth, references }))
}

function bad(name: string, comment: string, depth: number, count: number): Scenario {
  const bytes = withBlock(ONE, (block) => {
    const at = Buffer.from(block).indexOf(Uint8Array.of(0, 1, 0), 20)
    const size = count < 128 ? [count] : [(count % 128) | 0x80, count >> 7]
    const head = block.slice(0, at)
    head[1] = 1 + size.length // the size of column 0
    return Uint8Array.from([...head, depth, ...size, ...block.slice(at + 2)])
  })
  return scenario('FormatError', name, comment, bytes)
}
