/** Vectors of past pages: docs/formats/past-page.md. */

import { encodePage } from '../../protocol/page.ts'
import { decodePastPage, encodePastPage } from '../../protocol/past-page.ts'
import type { Entry } from '../../protocol/tree.ts'

import type { Scenario } from './format.ts'
import { columnarFaults, file, place, scenario, span, text } from './tree-values.ts'

export const decode = decodePastPage

const dead = file('dead.txt', 1, 4)
const lives: Entry = {
  name: text('lives.txt'),
  spans: [span(1, 2, { kind: 'file', version: 1_024 }), span(2, 3, { kind: 'file', version: 2_048 })],
  history: undefined,
}
const folder: Entry = {
  name: text('folder'),
  spans: [span(1, 5, { kind: 'folder', node: { type: 'next' } })],
  history: undefined,
}
const memory: Entry = {
  name: text('memory'),
  spans: [],
  history: { type: 'stored', reference: place(3) },
}

export const scenarios: Scenario[] = [
  good('dead-file', 'with its history', [dead]),
  good('live-file', 'versions are in the live page', [lives]),
  good('folder-that-lived-on', 'its node is in the span after, elsewhere', [folder]),
  good('history-only', 'no spans, but versions that others may need', [memory]),
  good('one-name-twice', 'after a merge of past pages', [dead, { ...dead, spans: [] }]),
  ...columnarFaults(encodePastPage({ entries: [dead], sections: [] })),
  scenario(
    'FormatError',
    'open-span',
    'what goes on is not past',
    encodePage({ entries: [file('f', 1)], past: [], sections: [] }),
  ),
]

function good(name: string, comment: string, entries: readonly Entry[]): Scenario {
  return scenario('success', name, comment, encodePastPage({ entries, sections: [] }))
}
