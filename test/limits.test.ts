/** docs/limits.md says what the code says, and leaves out nothing that bounds what others may have. */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Modules all of whose bounds stand on the page. */
const WHOLE = [
  'protocol/message-limits.ts',
  'src/peer/allowances.ts',
  'src/peer/lanes.ts',
  'src/peer/peer-service.ts',
  'src/adapters/libp2p-node.ts',
]

/** What a name says of a number: that it bounds something. */
const BOUND = /_(MAX|MIN|PEER|DAY|SURE|RATE)$|^(WORK|WASTE|STATEMENTS|REQUEST|BODY|ANSWER)$/

/** Bounds that follow from others, or bound nothing that anybody else has. */
const INSIDE: ReadonlySet<string> = new Set(['LEAF_SIZE_MAX', 'ADDRESS_DIAL_MS_MAX', 'PING_MS_MIN'])

interface Row {
  readonly name: string
  readonly value: string
  readonly file: string
}

const page = readFileSync(join(ROOT, 'docs/limits.md'), 'utf8')
const rows: Row[] = [
  ...page.matchAll(/^\|[^|]*\|[^|]*\| `(\w+)(?:: \w+)? = ([^`]+)` \| `([^`]+)` \|/gm),
].map(([, name = '', value = '', file = '']) => ({ name, value, file }))

describe('the page of limits', () => {
  it('has every number as the code has it', () => {
    expect(rows.length).toBeGreaterThan(40)
    const wrong = rows.filter(({ name, value, file }) => constantsOf(file).get(name) !== value)
    expect(wrong).toEqual([])
  })

  it('has every number that bounds what others may have', () => {
    const missing = WHOLE.flatMap((file) =>
      [...constantsOf(file).keys()]
        .filter((name) => BOUND.test(name) && !INSIDE.has(name))
        .filter((name) => !rows.some((row) => row.name === name && row.file === file))
        .map((name) => `${file}: ${name}`),
    )
    expect(missing).toEqual([])
  })
})

/** Constants of a module with what stands behind `=`, spaces made one. */
function constantsOf(file: string): Map<string, string> {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const found = text.matchAll(
    /^(?:export )?const ([A-Z][A-Z_0-9]+)(?:: \w+)? =\s+([^;]+?)(?: \/\/.*)?$/gm,
  )
  return new Map(
    [...found].map(([, name = '', value = '']) => [name, value.replaceAll(/\s+/g, ' ')]),
  )
}
