import { describe, expect, it } from 'vitest'

import { utf8 } from '../../protocol/bytes.ts'
import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { packId, type PackId } from '../../protocol/manifest.ts'
import { HELPER_BOOK_SCHEMA, HelperBook } from '../../src/node/helper-book.ts'
import type { PeerId } from '../../src/ports/network.ts'
import type { PackFacts } from '../../src/repair/pack-list.ts'
import { memoryDatabase } from '../support/memory-database.ts'
import { person } from '../protocol/people.ts'
import { forever } from '../support/on-machine.ts'

const [bob, eve, kim] = [1, 2, 3].map((number) => person(number).peer) as [PeerId, PeerId, PeerId]
const [one, two] = ['one', 'two'].map((name) => packId(utf8(name))) as [PackId, PackId]
const vault = vaultIdFromBytes(new Uint8Array(32).fill(1))
const everybody = { answered: [bob, eve, kim], silent: [] }

describe('a helper’s book', () => {
  it('tells peers once of what a head needs, and again of what came anew', async () => {
    const { book, told } = make()
    book.saw([seen(one, { 0: [bob], 1: [eve] })], everybody)
    await book.adopt(forever)
    await book.adopt(forever)
    expect(new Set(told.map(([peer]) => peer))).toEqual(new Set([bob, eve]))
    expect(told).toHaveLength(2)
    told.length = 0
    book.placed(facts(one), 2, kim)
    await book.adopt(forever)
    expect(told).toEqual([[kim, one]])
  })

  it('tells those again whom it could not tell', async () => {
    const { book, told, away } = make()
    away.add(eve)
    book.saw([seen(one, { 0: [bob], 1: [eve] })], everybody)
    expect(await book.adopt(forever)).toEqual([eve])
    away.clear()
    told.length = 0
    expect(await book.adopt(forever)).toEqual([])
    expect(told).toEqual([[eve, one]])
  })

  it('notices what is not where it was, once the peer was told that it is needed', async () => {
    const { book } = make()
    const look = { answered: [bob, eve], silent: [kim] }
    book.saw([seen(one, { 0: [bob], 1: [eve], 2: [kim] })], everybody)
    await book.adopt(forever)
    const gone = book.saw([seen(one, { 0: [bob] })], look)
    expect(gone).toEqual([{ pack: one, shareNumber: 1, peer: eve }])
    expect([...book.holders(one)]).toEqual([
      [0, bob],
      [2, kim],
    ])
  })

  it('believes what it saw more than what the ledger says', () => {
    const { book } = make()
    book.seed(
      one,
      new Map([
        [0, bob],
        [1, kim],
      ]),
    )
    book.saw([seen(one, { 0: [eve] })], { answered: [bob, eve], silent: [kim] })
    expect([...book.holders(one)]).toEqual([
      [0, eve],
      [1, kim],
    ])
    book.seed(one, new Map([[0, bob]]))
    expect(book.holders(one).get(0)).toBe(eve)
  })

  it('forgets packs that the newest head does without, and nothing of other vaults', () => {
    const { book, other } = make()
    book.saw([seen(one, { 0: [bob] }), seen(two, { 0: [eve] })], everybody)
    other.saw([seen(two, { 0: [kim] })], everybody)
    book.saw([seen(one, { 0: [bob] })], everybody)
    expect([...book.holders(two)]).toEqual([])
    expect([...other.holders(two)]).toEqual([[0, kim]])
  })
})

function make() {
  const database = memoryDatabase()
  database.exec(HELPER_BOOK_SCHEMA)
  const told: string[][] = []
  const away = new Set<PeerId>()
  const shares = {
    adopt: (packs: ReadonlyMap<PeerId, readonly PackId[]>) => {
      for (const [peer, some] of packs) for (const pack of some) told.push([peer, pack])
      return Promise.resolve([...packs.keys()].filter((peer) => away.has(peer)))
    },
  }
  const parts = { database, shares, sequence: 3 }
  const otherVault = vaultIdFromBytes(new Uint8Array(32).fill(2))
  return {
    book: new HelperBook({ ...parts, vault }),
    other: new HelperBook({ ...parts, vault: otherVault }),
    told,
    away,
  }
}

function facts(id: PackId): PackFacts {
  return { id, kind: 'data', numbers: [1], shape: { needed: 1, total: 3, size: 10 } }
}

function seen(id: PackId, holders: Record<number, readonly PeerId[]>) {
  const rows = Object.entries(holders).map(([share, peers]) => [Number(share), peers] as const)
  return { pack: facts(id), holders: new Map(rows) }
}
