/**
 * Pack list: the packs that the newest head needs, as those who check and repair know them.
 *
 * The owner's comes from its database (src/repair/client-pack-list.ts), a helper's from the ledger, which
 * is all that the ledger key opens. Neither needs a key that reads.
 */

import type { LedgerPointer, LedgerSegment } from '../../protocol/ledger.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { Code } from '../grid/code.ts'
import type { PeerId } from '../ports/network.ts'
import type { PackKind } from '../store/packs.ts'

/** How a pack is cut into shares, and its bytes with padding. */
export interface PackShape extends Code {
  readonly size: number
}

export interface PackFacts {
  readonly id: PackId
  /** `data` also where nobody remembers: after a recovery, and in a ledger. */
  readonly kind: PackKind
  /** Numbers that lie in the pack, ascending; none for a pack of the ledger that only a head names. */
  readonly numbers: readonly number[]
  /** `undefined` where only the manifest tells. */
  readonly shape: PackShape | undefined
}

/** A pack whose manifest was seen, or whose shape is known from before. */
export type ShapedPack = PackFacts & { readonly shape: PackShape }

export interface PackList {
  /** @returns every pack that the newest head needs, each once, by its lowest number; ledgers last */
  all(): PackFacts[]
  /** @returns share number → the peer that was known to hold it before anybody was asked */
  holders(pack: PackFacts): ReadonlyMap<number, PeerId>
}

/** A segment of a ledger with what leads to it; without the segment where it cannot be read now. */
export interface LedgerPart {
  readonly pointer: LedgerPointer
  readonly segment: LedgerSegment | undefined
}

/** The packs that a ledger names, and its own. */
export class LedgerPackList implements PackList {
  readonly #facts: readonly PackFacts[]
  readonly #holders = new Map<PackId, ReadonlyMap<number, PeerId>>()

  /** @param parts - newest first, as a head leads to them */
  constructor(parts: readonly LedgerPart[]) {
    const rows = new Map<number, Omit<PackFacts, 'numbers'>>()
    // Where two segments give the same number, the newer one holds.
    for (const { segment } of parts.toReversed()) {
      for (const { number, id, size, needed, total, holders } of segment?.packs ?? []) {
        rows.set(number, { id, kind: 'data', shape: { size, needed, total } })
        const known = holdersOf(holders, segment)
        if (known.size > 0) this.#holders.set(id, known)
      }
    }
    const ledgers = [...new Set(parts.map(({ pointer }) => pointer.pack))]
    this.#facts = [
      ...groupById([...rows].map(([number, facts]) => ({ ...facts, number }))),
      ...ledgers.map((id) => ({ id, kind: 'ledger', numbers: [], shape: undefined }) as const),
    ]
  }

  all(): PackFacts[] {
    return [...this.#facts]
  }

  holders({ id }: PackFacts): ReadonlyMap<number, PeerId> {
    return this.#holders.get(id) ?? new Map()
  }
}

/**
 * Several numbers may lie in one pack.
 *
 * @returns one for each id, by its lowest number
 */
export function groupById(
  rows: readonly (Omit<PackFacts, 'numbers'> & { readonly number: number })[],
): PackFacts[] {
  const facts = new Map<PackId, Omit<PackFacts, 'numbers'> & { readonly numbers: number[] }>()
  for (const { number, ...row } of rows.toSorted((a, b) => a.number - b.number)) {
    const known = facts.get(row.id)
    if (known === undefined) facts.set(row.id, { ...row, numbers: [number] })
    else known.numbers.push(number)
  }
  return [...facts.values()]
}

function holdersOf(
  holders: readonly number[],
  segment: LedgerSegment | undefined,
): ReadonlyMap<number, PeerId> {
  const held = holders.flatMap((holder, share) => {
    const peer = segment?.peers[holder]
    return peer === undefined ? [] : [[share, peer] as const]
  })
  return new Map(held)
}
