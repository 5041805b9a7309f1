import { describe, expect, it } from 'vitest'

import type { LedgerSegment, PackEntry } from '../../protocol/ledger.ts'
import { packId, type PackId } from '../../protocol/manifest.ts'
import { utf8 } from '../../protocol/bytes.ts'
import type { PeerId } from '../../src/ports/network.ts'
import { LedgerPackList, type LedgerPart } from '../../src/repair/pack-list.ts'

const [anna, bert, carl] = ['anna', 'bert', 'carl'] as PeerId[]

describe('the pack list of a ledger', () => {
  it('has every pack once, the newest row of each number, and the packs of the ledger itself', () => {
    const old = segment([entry(1, 'a', [0, 1]), entry(2, 'b', [1, -1])], [anna!, bert!])
    // Number 2 moved into a pack made as number 5; 3 lies there too.
    const newest = segment(
      [entry(2, 'e', [], 10), entry(3, 'e', [], 20), entry(5, 'e', [1, 0])],
      [carl!, anna!],
    )
    const list = new LedgerPackList([part('ledger 2', newest), part('ledger 1', old)])
    const shape = { size: 100, needed: 1, total: 2 }
    expect(list.all()).toEqual([
      { id: id('a'), kind: 'data', numbers: [1], shape },
      { id: id('e'), kind: 'data', numbers: [2, 3, 5], shape },
      { id: id('ledger 2'), kind: 'ledger', numbers: [], shape: undefined },
      { id: id('ledger 1'), kind: 'ledger', numbers: [], shape: undefined },
    ])
    const holders = list.all().map((pack) => [...list.holders(pack)])
    expect(holders).toEqual([
      [
        [0, anna],
        [1, bert],
      ],
      [
        [0, anna],
        [1, carl],
      ],
      [],
      [],
    ])
  })

  it('goes on without a segment that cannot be read, which is to be looked after all the same', () => {
    const newest = segment([entry(7, 'a', [0])], [anna!])
    const list = new LedgerPackList([part('ledger 2', newest), part('ledger 1', undefined)])
    expect(list.all().map((pack) => pack.id)).toEqual([id('a'), id('ledger 2'), id('ledger 1')])
  })
})

function id(name: string): PackId {
  return packId(utf8(name))
}

function entry(number: number, name: string, holders: readonly number[], base = 0): PackEntry {
  const extents = base === 0 ? undefined : [{ offset: 0, length: 10 }]
  return { number, id: id(name), base, extents, size: 100, needed: 1, total: 2, holders }
}

function segment(packs: readonly PackEntry[], peers: readonly PeerId[]): LedgerSegment {
  return { version: 2, previous: [], packs, peers, released: [], addresses: [] }
}

function part(name: string, found: LedgerSegment | undefined): LedgerPart {
  return {
    pointer: { pack: id(name), offset: 0, length: 1, key: new Uint8Array(32) },
    segment: found,
  }
}
