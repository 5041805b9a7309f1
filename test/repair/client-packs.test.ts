import { describe, expect, it } from 'vitest'

import { utf8 } from '../../protocol/bytes.ts'
import { vaultIdFromBytes } from '../../protocol/ids.ts'
import { packId } from '../../protocol/manifest.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { ClientHolderBook } from '../../src/repair/client-packs.ts'
import type { PackFacts } from '../../src/repair/pack-list.ts'
import { Packs } from '../../src/store/packs.ts'
import { Settings } from '../../src/store/settings.ts'
import { person } from '../protocol/people.ts'
import { memoryDatabase } from '../support/memory-database.ts'

const [bob, eve, kim] = [1, 2, 3].map((number) => person(number).peer) as [PeerId, PeerId, PeerId]
const pack: PackFacts = {
  id: packId(utf8('one')),
  kind: 'data',
  numbers: [1],
  shape: { needed: 1, total: 3, size: 10 },
}

describe('the owner’s book of holders', () => {
  it('has one share of a peer that says it holds them all', () => {
    const { book, packs } = make()
    packs.setHolders(1, new Map([[0, bob]]))
    see(book, { 0: [eve, bob], 1: [eve, kim], 2: [eve] })
    expect([...packs.holders(1)]).toEqual([
      [0, bob],
      [1, eve],
    ])
  })

  it('takes who answers in place of who is only believed to hold a share', () => {
    const { book, packs } = make()
    packs.setHolders(1, new Map([[0, kim]]))
    see(book, { 0: [bob], 1: [eve] }, [bob, eve])
    expect([...packs.holders(1)]).toEqual([
      [0, bob],
      [1, eve],
    ])
  })
})

function see(
  book: ClientHolderBook,
  holders: Readonly<Record<number, readonly PeerId[]>>,
  answered = [bob, eve, kim],
): void {
  const seen = new Map(Object.entries(holders).map(([share, peers]) => [Number(share), peers]))
  book.saw([{ pack, holders: seen }], { answered, silent: [] })
}

function make() {
  const database = memoryDatabase()
  const packs = new Packs(database)
  const unused = () => Promise.reject(new Error('not asked for here'))
  const book = new ClientHolderBook({
    database,
    packs,
    published: { current: () => undefined } as never,
    settings: new Settings(database),
    spool: { retire: unused },
    grid: { adopt: unused } as never,
    clock: { now: () => 0 } as never,
    vault: vaultIdFromBytes(new Uint8Array(32).fill(1)),
  })
  return { book, packs }
}
