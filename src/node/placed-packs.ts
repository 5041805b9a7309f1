/**
 * Placed packs: how the vault's packs stand as far as this machine knows, with nobody asked.
 *
 * Peers said that they stored these shares; whether they still hold them is for `check` to find out.
 */

import { safeCount } from '../grid/code.ts'
import { onPlacesOfTheirOwn } from '../grid/happiness.ts'
import { holdersThatCount } from '../grid/standing.ts'
import type { PeerId } from '../ports/network.ts'
import { ClientPackList } from '../repair/client-packs.ts'
import type { FriendFacts } from '../repair/pack-health.ts'
import { groupById, type PackFacts, type PackList, type PackShape } from '../repair/pack-list.ts'
import type { BadShare } from '../store/bad-shares.ts'
import type { ClientStores } from './client-stores.ts'

/**
 * - `whole`: every share lies with a friend who counts.
 * - `settling`: enough do for it to be safe.
 * - `unsafe`: fewer do.
 */
export type PlacedState = 'whole' | 'settling' | 'unsafe'

export interface PlacedPack {
  readonly pack: PackFacts
  readonly state: PlacedState
}

type Friends = ReadonlyMap<PeerId, FriendFacts>

const NOBODY = { standing: 'gone', isSeenLately: false } as const

/** What the newest head needs, and what the next one will: all that was encoded and is of use. */
export class PlacedPackList implements PackList {
  readonly #stores: ClientStores
  readonly #published: ClientPackList

  constructor(stores: ClientStores) {
    this.#stores = stores
    this.#published = new ClientPackList(stores)
  }

  all(): PackFacts[] {
    const published = this.#published.all()
    const known = new Set(published.map(({ id }) => id))
    const coming = this.#stores.packs
      .unpublished()
      .flatMap(({ id, number, kind, size, needed, total }) =>
        id === undefined ? [] : [{ id, number, kind, shape: { size, needed, total } }],
      )
    return [...published, ...groupById(coming).filter(({ id }) => !known.has(id))]
  }

  holders(pack: PackFacts): ReadonlyMap<number, PeerId> {
    return this.#published.holders(pack)
  }
}

/** @returns every pack of use whose shape is known here */
export function placedPacks(stores: ClientStores, friends: Friends): PlacedPack[] {
  const list = new PlacedPackList(stores)
  const bad = new Set(stores.badShares.all().map(nameOf))
  return list.all().flatMap((pack) => {
    const { shape } = pack
    if (shape === undefined) return []
    const holders = [...list.holders(pack)].filter(
      ([shareNumber, peer]) => !bad.has(nameOf({ pack: pack.id, shareNumber, peer })),
    )
    return [{ pack, state: stateOf(shape, new Map(holders), friends) }]
  })
}

/** Each share has one holder here, so happiness is the number of different domains. */
function stateOf(
  shape: PackShape,
  holders: ReadonlyMap<number, PeerId>,
  friends: Friends,
): PlacedState {
  const held = new Map([...holders].map(([share, peer]) => [share, [peer]]))
  const counting = holdersThatCount(shape, held, (peer) => friends.get(peer) ?? NOBODY)
  const domains = new Set([...counting.values()].flat().map((peer) => friends.get(peer)?.domain))
  if (domains.size < safeCount(shape)) return 'unsafe'
  return onPlacesOfTheirOwn(counting).size === shape.total ? 'whole' : 'settling'
}

function nameOf({ pack, shareNumber, peer }: BadShare): string {
  return `${pack} ${shareNumber} ${peer}`
}
