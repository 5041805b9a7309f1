import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import type { Version } from '../../protocol/tree.ts'
import { FormatError } from '../../src/base/errors.ts'
import { addExport, decodeExport, encodeExport, readExport } from '../../src/backup/export.ts'
import { MemoryObjects } from '../support/memory-objects.ts'

describe('an export', () => {
  it('comes back as it was, its lines sorted', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 20 })
    fc.assert(
      fc.property(fc.dictionary(texts, texts), (exported) => {
        const bytes = encodeExport(exported)
        expect(decodeExport(bytes)).toEqual({ ...exported })
        const reversed = Object.fromEntries(Object.entries(exported).toReversed())
        expect(encodeExport(reversed)).toEqual(bytes)
      }),
    )
  })

  it.each(['[1,2]', '["a"]', '["a","b","c"]', '{}', 'x', '["a",1]', '\xff'])(
    'is not %j',
    (line) => {
      const bytes = Uint8Array.from(line, (letter) => letter.charCodeAt(0))
      expect(() => decodeExport(bytes)).toThrow(FormatError)
    },
  )
})

describe('the history of exports', () => {
  it('gives back the newest of every day, in chains of at most 16 deltas', async () => {
    const objects = new MemoryObjects()
    let history: readonly Version[] = []
    let before: Uint8Array | undefined
    const lengths: number[] = []
    for (let day = 1; day <= 40; day += 1) {
      const bytes = exportOf(day)
      history = await addExport(bytes, day, { history, before }, objects)
      before = await readExport(history, objects)
      expect(before).toEqual(bytes)
      lengths.push(history.length)
    }
    expect(Math.max(...lengths)).toBe(17)
    expect(lengths.filter((length) => length === 1)).toHaveLength(3)
  })

  it('stays as it is when nothing changed, and costs a little when little did', async () => {
    const objects = new MemoryObjects()
    const bytes = exportOf(1)
    const history = await addExport(bytes, 1, { history: [], before: undefined }, objects)
    objects.reset()
    expect(await addExport(bytes, 2, { history, before: bytes }, objects)).toBe(history)
    expect(objects.bytesPut).toBe(0)
    await addExport(exportOf(2), 3, { history, before: bytes }, objects)
    expect(objects.bytesPut).toBeLessThan(bytes.length / 4)
  })

  it('begins anew where the former export is not known', async () => {
    const objects = new MemoryObjects()
    const history = await addExport(exportOf(1), 1, { history: [], before: undefined }, objects)
    const next = await addExport(exportOf(2), 2, { history, before: undefined }, objects)
    expect(next.map(({ content }) => content.type)).toEqual(['original'])
    const none = await addExport(
      new Uint8Array(0),
      3,
      { history: next, before: undefined },
      objects,
    )
    expect(await readExport(none, objects)).toEqual(new Uint8Array(0))
    expect(await readExport([], objects)).toBeUndefined()
  })

  it('that is not what was exported is a format error', async () => {
    const objects = new MemoryObjects()
    const [version] = await addExport(exportOf(1), 1, { history: [], before: undefined }, objects)
    if (version === undefined) throw new Error('an export has a version')
    const other = { ...version, digest: new Uint8Array(32) }
    await expect(readExport([other], objects)).rejects.toBeInstanceOf(FormatError)
    const large = { ...version, size: 5_000_000 }
    await expect(readExport([large], objects)).rejects.toBeInstanceOf(FormatError)
  })
})

function exportOf(day: number): Uint8Array {
  const lines = Array.from({ length: 200 }, (_, index) => [
    `peer/${1_000 + index}`,
    `name ${index}`,
  ])
  return encodeExport({ ...(Object.fromEntries(lines) as Record<string, string>), day: `${day}` })
}

describe('a line', () => {
  it('may hold anything that is text', () => {
    const odd = { 'a\nb': '"\\', '': '\u2028' }
    expect(decodeExport(encodeExport(odd))).toEqual(odd)
    expect(decodeExport(utf8('\n\n'))).toEqual({})
  })
})
