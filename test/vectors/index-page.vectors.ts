/** Vectors of index pages: docs/formats/index-page.md. */

import { decodeIndexPage, encodeIndexPage } from '../../protocol/index-page.ts'
import type { IndexPage } from '../../protocol/tree.ts'

import { withBlock } from '../support/columns.ts'

import type { Scenario } from './format.ts'
import { columnarFaults, place, scenario, text } from './tree-values.ts'

export const decode = decodeIndexPage

const rows = [
  { lower: text(''), reference: place(1) },
  { lower: text('kim'), reference: place(2) },
  { lower: text('zoe\0'), reference: place(3) },
]
const TWO = encodeIndexPage(index(1, 'a', 'b'))

export const scenarios: Scenario[] = [
  good('three-pages', 'the first from the start of the folder', { level: 1, rows, sections: [] }),
  good('one-row', 'a single page', index(1, '')),
  good('level-15', 'the highest level', index(15, 'a', 'b')),
  good('longest-bound', '1,025 bytes: just after the longest name', index(1, 'x'.repeat(1025))),
  ...columnarFaults(TWO),
  bad('bounds-out-of-order', 'b before a', (block) => put(block, 'ab', 'ba')),
  bad('bounds-equal', 'a twice', (block) => put(block, 'ab', 'aa')),
  bad('level-0', 'that would be a page', (block) => put(block, '\x01\x02', '\0\x02')),
  bad('level-16', 'above the highest level', (block) => put(block, '\x01\x02', '\x10\x02')),
]

function index(level: number, ...lowers: string[]): IndexPage {
  const made = lowers.map((lower, at) => ({ lower: text(lower), reference: place(at) }))
  return { level, rows: made, sections: [] }
}

function good(name: string, comment: string, page: IndexPage): Scenario {
  return scenario('success', name, comment, encodeIndexPage(page))
}

function bad(name: string, comment: string, change: (block: Uint8Array) => Uint8Array): Scenario {
  return scenario('FormatError', name, comment, withBlock(TWO, change))
}

/** Replace bytes in the last place they occur before the references: columns 0 and 3. */
function put(block: Uint8Array, from: string, to: string): Uint8Array {
  const latin1 = Buffer.from(block).toString('latin1')
  const at = latin1.indexOf(from, (latin1.codePointAt(0) ?? 0) + 1)
  const changed = latin1.slice(0, at) + to + latin1.slice(at + from.length)
  return new Uint8Array(Buffer.from(changed, 'latin1'))
}
