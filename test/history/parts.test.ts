import { describe, expect, it } from 'vitest'

import { encodeList } from '../../protocol/list.ts'
import { OBJECT_OVERHEAD } from '../../protocol/object.ts'
import type { Reference } from '../../protocol/reference.ts'
import { PARTS_DIRECT_MAX } from '../../protocol/tree.ts'
import { FormatError } from '../../src/base/errors.ts'
import { makeParts, readParts } from '../../src/history/parts.ts'
import { MemoryObjects } from '../support/memory-objects.ts'

describe('parts', () => {
  it('come out as they went in, in lists or without', async () => {
    for (const count of [
      0,
      1,
      PARTS_DIRECT_MAX - 1,
      PARTS_DIRECT_MAX,
      PARTS_DIRECT_MAX + 1,
      512,
      513,
      5000,
    ]) {
      const objects = new MemoryObjects()
      const references = Array.from({ length: count }, (_, index) => place(index))
      const parts = await makeParts(references, objects)
      expect(parts.depth).toBe(count > PARTS_DIRECT_MAX ? 1 : 0)
      expect(objects.puts.length).toBe(count > PARTS_DIRECT_MAX ? Math.ceil(count / 512) : 0)
      expect(await Array.fromAsync(readParts(parts, objects))).toEqual(references)
    }
  })

  it('go through lists of lists when they are very many', async () => {
    const objects = new MemoryObjects()
    const count = PARTS_DIRECT_MAX * 512 + 1
    const references = Array.from({ length: count }, (_, index) => place(index))
    const parts = await makeParts(references, objects)
    expect(parts.depth).toBe(2)
    expect(parts.references.length).toBe(1)
    let index = 0
    for await (const reference of readParts(parts, objects)) {
      if (reference.offset !== place(index).offset) throw new Error(`part ${index} differs`)
      index += 1
    }
    expect(index).toBe(count)
  })

  it('must lie as deep as the version says', async () => {
    const objects = new MemoryObjects()
    const list = await objects.put('list', encodeList({ depth: 1, references: [place(1)] }))
    const read = Array.fromAsync(readParts({ depth: 1, references: [list] }, objects))
    await expect(read).rejects.toThrow(FormatError)
  })
})

function place(index: number): Reference {
  const secret = new Uint8Array(32).fill(index >> 8)
  return {
    pack: 3,
    offset: index * 1000,
    length: OBJECT_OVERHEAD + (index % 900),
    key: { type: 'run', secret, ordinal: index % 256 },
  }
}
