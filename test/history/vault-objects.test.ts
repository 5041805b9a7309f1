import { describe, expect, it } from 'vitest'

import type { Extent } from '../../protocol/extents.ts'
import { preparePlain, rawKey, seal } from '../../src/codec/seal.ts'
import { encodePack } from '../../src/codec/encode-pack.ts'
import { NotInPackError, VaultObjects } from '../../src/history/vault-objects.ts'
import { Packs, type PackRow } from '../../src/store/packs.ts'
import { Spool } from '../../src/store/spool.ts'
import { memoryDatabase } from '../support/memory-database.ts'
import { contentSecret } from '../support/packing.ts'
import { forever, TestGrid } from '../support/test-grid.ts'
import { noise } from '../support/test-vault.ts'

const CODE = { needed: 2, total: 3, leafSize: 4096 }
const BASE = 5_000

describe('objects of a pack that was merged', () => {
  it('are found through its extents', () =>
    merged(async ({ objects, references }) => {
      const [first, second, third] = references
      for (const reference of [first, third]) {
        expect(await objects.read(reference!, 'content')).toEqual(noise(3_000, reference!.offset))
      }
      await expect(objects.read(second!, 'content')).rejects.toThrow(NotInPackError)
      const target = new Uint8Array(third!.length)
      await objects.readSealed(third!, target)
      expect(target.some((byte) => byte !== 0)).toBe(true)
      await expect(objects.readSealed(second!, new Uint8Array(second!.length))).rejects.toThrow(
        NotInPackError,
      )
    }))

  it('are found in our own copy of what was written under its number', () =>
    merged(async ({ objects, references, keepOwn }) => {
      await keepOwn()
      for (const reference of references) {
        expect(await objects.read(reference, 'page')).toEqual(noise(3_000, reference.offset))
      }
      expect(objects.bytesFetched).toBe(0)
    }, 'page'))
})

interface Merged {
  readonly objects: VaultObjects
  /** Of three objects, the middle one of which was not copied. */
  readonly references: readonly Parameters<VaultObjects['read']>[0][]
  /** What was written under the number is here. */
  readonly keepOwn: () => Promise<void>
}

/** Number 7 stands for two stretches of a pack that others made. */
async function merged(
  story: (merged: Merged) => Promise<void>,
  kind: 'content' | 'page' = 'content',
): Promise<void> {
  const test = new TestGrid({ peers: 4 })
  await test.tell(async () => {
    const own: Uint8Array[] = []
    let size = 0
    const references = [0, 1, 2].map(() => {
      const { plain, digest } = preparePlain(kind, noise(3_000, size), { compress: false })
      const key = rawKey(contentSecret, digest)
      const sealed = seal(plain, key)
      const reference = { pack: 7, offset: size, length: sealed.length, key }
      own.push(sealed)
      size += sealed.length
      return reference
    })
    const pack = noise(30_000, 99)
    const extents: Extent[] = []
    let place = BASE
    for (const [index, sealed] of own.entries()) {
      if (index === 1) continue
      extents.push({ offset: references[index]!.offset, length: sealed.length })
      pack.set(sealed, place)
      place += sealed.length
    }
    const grid = await test.client()
    const encoded = encodePack(pack, CODE)
    await grid.place(encoded, test.vault, new Map(), forever)
    const packs = new Packs(memoryDatabase())
    const row: PackRow = {
      number: 7,
      kind: kind === 'page' ? 'metadata' : 'data',
      state: 'complete',
      size: pack.length,
      needed: CODE.needed,
      total: CODE.total,
      id: encoded.id,
      base: BASE,
      extents,
      isPublished: true,
    }
    packs.put(row)
    expect(packs.get(7)).toEqual(row)
    const spool = new Spool(test.laptop.ports.disk)
    await spool.open()
    const keepOwn = async () => {
      const draft = await spool.begin(7)
      for (const sealed of own) await draft.append(sealed)
      await draft.finish()
      await spool.retire(7, true)
    }
    await story({ objects: new VaultObjects({ packs, spool, grid }, forever), references, keepOwn })
  })
}
