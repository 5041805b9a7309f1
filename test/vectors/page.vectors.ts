/** Vectors of pages: docs/formats/page.md. */

import { encodeFileExtras } from '../../protocol/file-extras.ts'
import { decodePage, encodePage } from '../../protocol/page.ts'
import { NAME_SIZE_MAX } from '../../protocol/tree.ts'
import type { Entry, Page } from '../../protocol/tree.ts'

import { withBlock } from '../support/columns.ts'

import { sample } from './format.ts'
import type { Scenario } from './format.ts'
import {
  ATTRIBUTES,
  columnarFaults,
  file,
  place,
  placeInRun,
  scenario,
  span,
  text,
  version
} from './tree-values.ts'

export const decode = decodePage

const EMPTY: Page = { entries: [], past: [], sections: [] }
const ONE = encodePage({ ...EMPTY, entries: [file('letter.txt', 3)] })

const many = Array.from({ length: 40 }, (_, index) => file(`photo ${100 + index}.jpg`, 1 + index))

const busy: Entry = {
  name: text('busy.db'),
  spans: [
    span(1, 2, { kind: 'file', version: 1_024 }),
    span(2, 5, { kind: 'file', version: 2_048 }),
    span(7, undefined, { kind: 'file', version: 7_168 }),
  ],
  history: {
    type: 'inline',
    versions: [
      version(1_024),
      version(2_048, {
        digest: sample(32, 2),
        label: 'fuzzy',
        content: { type: 'delta', base: 1_024, parts: { depth: 0, references: [place(1)] } },
      }),
      version(7_168, {
        size: 5_000_000,
        digest: sample(32, 3),
        content: { type: 'original', parts: { depth: 1, references: [place(2), place(3)] } },
        extra: [{ type: 9, bytes: text('later') }],
      }),
    ],
  },
}

const folders: Entry[] = [
  {
    name: text('inline'),
    spans: [
      span(1, 4, { kind: 'folder', node: { type: 'next' } }),
      span(4, undefined, {
        kind: 'folder',
        node: { type: 'inline', entries: [file('a', 1), file('b', 2)] },
      }),
    ],
    history: undefined,
  },
  {
    name: text('large'),
    spans: [span(2, undefined, { kind: 'folder', node: { type: 'stored', level: 2, reference: place(8) } })],
    history: undefined,
  },
  {
    name: text('link'),
    spans: [span(2, undefined, { kind: 'symlink', target: text('../elsewhere') })],
    history: undefined,
  },
]

const old: Entry = {
  ...file('old', 1),
  spans: [
    {
      ...span(1, undefined, { kind: 'file', version: 1_024 }),
      attributes: {
        ...ATTRIBUTES,
        mtime: { seconds: -1, nanoseconds: 999_999_999 },
        ctime: { seconds: -1, nanoseconds: 999_999_999 },
        inode: 2n ** 64n - 1n,
        size: Number.MAX_SAFE_INTEGER,
        extra: [{ type: 0x7fff, bytes: text('kept') }],
      },
    },
  ],
}

const elsewhere: Entry = {
  name: text('many versions'),
  spans: [span(70, undefined, { kind: 'file', version: 71_680 })],
  history: { type: 'stored', reference: place(5) },
}

const FIFO: Entry = {
  name: text('pipe'),
  spans: [
    {
      ...span(3, undefined, { kind: 'fifo' }),
      attributes: { ...ATTRIBUTES, bornAt: 1_700_000_000 },
    },
  ],
  history: undefined,
}

const rich = encodeFileExtras({
  xattrs: [
    { name: text('system.posix_acl_access'), value: sample(28) },
    { name: text('user.comment'), value: text('read me') },
    { name: text('user.empty'), value: text('') },
  ],
  linkedOn: 64_768n,
  holes: [
    { offset: 0, size: 4_096 },
    { offset: 1_000_000, size: 8_192 },
  ],
})

const others: Entry[] = [
  {
    name: text('disk'),
    spans: [span(3, undefined, { kind: 'blockDevice', device: { major: 8, minor: 2 ** 32 - 1 } })],
    history: undefined,
  },
  {
    ...file('linked and sparse', 5),
    spans: [
      {
        ...span(5, undefined, { kind: 'file', version: 5_120 }),
        attributes: { ...ATTRIBUTES, bornAt: -1, extra: rich },
      },
    ],
  },
  {
    name: text('null'),
    spans: [span(3, undefined, { kind: 'characterDevice', device: { major: 1, minor: 3 } })],
    history: undefined,
  },
  FIFO,
]

export const scenarios: Scenario[] = [
  good('empty-folder', 'no entries', { ...EMPTY }),
  scenario('success', 'one-file', 'a file with one version in a run', ONE),
  good('forty-files', 'columns that compress, one run', { ...EMPTY, entries: many }),
  good('three-versions', 'an original, a delta, an original in lists', { ...EMPTY, entries: [busy] }),
  good('folders-and-a-link', 'an inline folder that lived on, a stored one', { ...EMPTY, entries: folders }),
  good('numbers-at-their-limits', 'before 1970, largest inode and size', { ...EMPTY, entries: [old] }),
  good('history-elsewhere', 'the version is named by its id', { ...EMPTY, entries: [elsewhere] }),
  good('past-pages', 'two past pages and a section', {
    entries: [file('f', 9)],
    past: [
      { from: 1, until: 5, reference: place(6) },
      { from: 4, until: 8, reference: placeInRun(7) },
    ],
    sections: [{ type: 200, bytes: text('later') }],
  }),
  good('longest-name', 'a name of 1,024 bytes', { ...EMPTY, entries: [file('x'.repeat(NAME_SIZE_MAX), 1)] }),
  good('other-kinds', 'a FIFO and devices; attributes, names of one file, holes; when they were made', {
    ...EMPTY,
    entries: others,
  }),
  ...columnarFaults(ONE),
  scenario('VersionError', 'kind-unknown', 'a kind that a later version may have', laterKind()),
  bad('name-with-slash', 'a name that is a path', rename('a/b')),
  bad('name-dot-dot', 'a name that leads out of the folder', rename('..')),
  bad('name-with-zero', 'a name that no system can hold', rename('a\0b')),
  bad('names-out-of-order', 'b before a', swap('a', 'b')),
]

/** A block device becomes a kind whose number is not given out yet. */
function laterKind(): Uint8Array {
  const what = { kind: 'blockDevice', device: { major: 0, minor: 0 } } as const
  const disk: Entry = { name: text('disk'), spans: [span(3, undefined, what)], history: undefined }
  // The last 2 of the block is that number.
  return withBlock(encodePage({ ...EMPTY, entries: [disk] }), (block) => {
    const at = block.lastIndexOf(2)
    return block.map((byte, index) => (index === at ? 3 : byte))
  })
}

function good(name: string, comment: string, page: Page): Scenario {
  return scenario('success', name, comment, encodePage(page))
}

function bad(name: string, comment: string, bytes: Uint8Array): Scenario {
  return scenario('FormatError', name, comment, bytes)
}

/** A page whose one name is replaced behind the encoder's back. */
function rename(name: string): Uint8Array {
  const stand = 'Q'.repeat(name.length)
  const page = encodePage({ ...EMPTY, entries: [file(stand, 1)] })
  return withBlock(page, (block) => replace(block, stand, name))
}

/** Two names that share no beginning, exchanged. */
function swap(a: string, b: string): Uint8Array {
  const page = encodePage({ ...EMPTY, entries: [file(a, 1), file(b, 1)] })
  return withBlock(page, (block) => replace(block, a + b, b + a))
}

function replace(block: Uint8Array, from: string, to: string): Uint8Array {
  const latin1 = Buffer.from(block).toString('latin1')
  return new Uint8Array(Buffer.from(latin1.replace(from, to), 'latin1'))
}
