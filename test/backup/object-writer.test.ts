import { describe, expect, it } from 'vitest'
import { sha256 } from '../../protocol/hash.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import type { Reference } from '../../protocol/reference.ts'
import { toHex } from '../../protocol/bytes.ts'
import { ObjectWriter, type NewContent, type Slot } from '../../src/backup/object-writer.ts'
import type { MachinePorts } from '../../sim/machine.ts'
import { onMachine } from '../support/on-machine.ts'
import { contentSecret, startPacking, type Packing } from '../support/packing.ts'
import { noise } from '../support/test-vault.ts'

const KIB = 1024

describe('an object writer', () => {
  it('gives small objects of one folder one secret, and reads them back', async () => {
    await writing(async ({ write, writer, read }) => {
      const bodies = [noise(100, 1), new Uint8Array(0), noise(90 * KIB, 2)]
      const slots = []
      for (const body of bodies) slots.push(await write(body))
      expect(slots.map(({ reference }) => reference)).toEqual([undefined, undefined, undefined])
      await writer.endRun()
      const references = slots.map(referenceOf)
      expect(new Set(references.map(({ key }) => toHex(key.secret))).size).toBe(1)
      expect(references.map(({ key }) => (key.type === 'run' ? key.ordinal : -1))).toEqual([
        0, 1, 2,
      ])
      for (const [index, reference] of references.entries()) {
        expect(await read(reference)).toEqual({ kind: 'content', body: bodies[index] })
      }
    })
  })

  it('gives a large object a key of its own, at once', async () => {
    await writing(async ({ write, read }) => {
      const limit = 128 * KIB - 6 // less the header that is encrypted with it
      expect((await write(noise(limit, 1))).reference).toBeUndefined()
      const slot = await write(noise(limit + 1, 2))
      expect(slot.reference?.key.type).toBe('raw')
      expect((await read(referenceOf(slot))).body).toEqual(noise(limit + 1, 2))
    })
  })

  it('ends a run at 256 objects', async () => {
    await writing(async ({ write, writer }) => {
      const slots: Slot[] = []
      for (let seed = 0; seed < 257; seed += 1) slots.push(await write(noise(20, seed)))
      expect(slots.filter(({ reference }) => reference !== undefined)).toHaveLength(256)
      await writer.endRun()
      expect(slots.map(referenceOf).at(-2)?.key).toMatchObject({ type: 'run', ordinal: 255 })
      expect(slots.map(referenceOf).at(-1)?.key).toMatchObject({ type: 'run', ordinal: 0 })
    })
  })

  it('ends a run before 4 MiB, and keeps it in one pack', async () => {
    await writing(async ({ write, writer }) => {
      const slots: Slot[] = []
      for (let seed = 0; seed < 70; seed += 1) slots.push(await write(noise(120 * KIB, seed)))
      await writer.endRun()
      const runs = new Map<string, Reference[]>()
      for (const reference of slots.map(referenceOf)) {
        const id = toHex(reference.key.secret)
        runs.set(id, [...(runs.get(id) ?? []), reference])
      }
      expect([...runs.values()].map(({ length }) => length)).toEqual([34, 34, 2])
      for (const run of runs.values()) expect(new Set(run.map(({ pack }) => pack)).size).toBe(1)
    })
  })

  it('stores equal bodies once, within the run, after it, and from before', async () => {
    await writing(async ({ write, writer, sealed }) => {
      const body = noise(500)
      const [first, twin] = [await write(body), await write(body)]
      await writer.endRun()
      const later = await write(body)
      const places = [first, twin, later].map(referenceOf).map(({ pack, offset }) => [pack, offset])
      expect(places).toEqual([places[0], places[0], places[0]])
      expect(sealed).toHaveLength(1)
    })
  })

  it("never carries a run's secret to a second use: it would open the whole folder", async () => {
    await writing(async ({ write, writer, read }) => {
      const body = noise(500)
      const first = await write(body)
      const twin = await write(body)
      await write(noise(500, 2))
      await writer.endRun()
      const elsewhere = await write(body)
      for (const slot of [twin, elsewhere]) {
        const reference = referenceOf(slot)
        expect(reference.key.type).toBe('raw')
        expect(reference.key.secret).not.toEqual(referenceOf(first).key.secret)
        expect((await read(reference)).body).toEqual(body)
      }
    })
  })

  it('looks for equal content only: a delta may equal a file, and is another object', async () => {
    await writing(async ({ write, writer, read }) => {
      const body = noise(500)
      const slots = [await write(body, 'delta'), await write(body), await write(body, 'delta')]
      await writer.endRun()
      const kinds: string[] = []
      for (const slot of slots) kinds.push((await read(referenceOf(slot))).kind)
      expect(kinds).toEqual(['delta', 'content', 'delta'])
      expect(new Set(slots.map((slot) => referenceOf(slot).offset)).size).toBe(3)
    })
  })

  it('seals the same folder to the same bytes, so that a retry tells nothing', async () => {
    const sizes: string[] = []
    // One world after the other: two at once would leave the poison of the first in place.
    for (const _ of [1, 2]) {
      const size = await writing(async ({ write, writer, packer, packs, spool }) => {
        for (const seed of [1, 2, 3]) await write(noise(400, seed))
        await writer.endRun()
        await packer.flush()
        const [pack] = packs
        return toHex((await spool.readWhole(1, pack?.size ?? 0)) ?? new Uint8Array(0))
      })
      sizes.push(size)
    }
    expect(sizes[0]).toBe(sizes[1])
    expect(sizes[0]).not.toBe('')
  })

  it('counts the sealed bytes', async () => {
    await writing(async ({ write, writer }) => {
      const slots = [await write(noise(500, 1)), await write(noise(200 * KIB, 2))]
      await writer.endRun()
      const lengths = slots.map(referenceOf).map(({ length }) => length)
      expect(writer.sealedSize).toBe(lengths.reduce((sum, length) => sum + length))
    })
  })
})

interface Writing extends Packing {
  readonly writer: ObjectWriter
  readonly sealed: NewContent[]
  readonly write: (body: Uint8Array, kind?: ObjectKind) => Promise<Slot>
}

function writing<T>(story: (writing: Writing) => Promise<T>): Promise<T> {
  return onMachine(async ({ disk }: MachinePorts) => {
    const packing = await startPacking(disk)
    const sealed: NewContent[] = []
    const find = (digest: Uint8Array): Reference | undefined => {
      const known = sealed.find((one) => toHex(one.digest) === toHex(digest))
      return known && { ...known.place, key: { type: 'raw', secret: known.key } }
    }
    const { packer } = packing
    const onSealed = (content: NewContent) => void sealed.push(content)
    const writer = new ObjectWriter({ packer, find, onSealed }, contentSecret)
    // Objects are read from whole packs.
    const read = async (reference: Reference) => {
      await packer.flush()
      return packing.read(reference)
    }
    const write = (body: Uint8Array, kind: ObjectKind = 'content') =>
      writer.write(kind, body, sha256(body))
    return story({ ...packing, read, writer, sealed, write })
  })
}

function referenceOf(slot: Slot): Reference {
  if (slot.reference === undefined) throw new Error('not sealed yet')
  return slot.reference
}
