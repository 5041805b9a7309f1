/**
 * Group: friends with their machines and houses, and the world that follows from them.
 */

import { PACK_SIZE_TARGET } from '../../protocol/pack.ts'
import type { Code } from '../grid/code.ts'
import { CHECK_EVERY_MS, REPAIR_POLICY } from '../repair/repair-policy.ts'
import { peerOf, type Kind } from './kinds.ts'
import type { Repairing, World } from './world.ts'

const DAY_MS = 86_400_000

/** So many packs stand for all of a vault: with a few friends they take every choice of holders that there is. */
export const PACKS = 20

export interface GroupPeer {
  readonly name: string
  readonly kind: Kind
  /** Who has the same one lives in one house. */
  readonly house: string
  /** Part of the time in which it answers; the kind's own where nothing was measured. */
  readonly online?: number
}

/** A group, and how it is to fare. */
export interface Plan {
  readonly group: readonly GroupPeer[]
  readonly code: Code
  readonly years: number
  /** Days that a house takes part, on average. */
  readonly lifetimeDays: number
  /** Days until somebody comes in place of a house that was given up; `Infinity` for a closed group. */
  readonly replacedDays: number
  /** Days after which the person knows that somebody is gone for good; by default the clocks decide. */
  readonly knownDays?: number
  /** Bytes of the vault, before erasure coding. */
  readonly size: number
  /**
   * For each of some packs who of the group has each share at first, −1 for nobody; drawn where absent, and
   * for other codes than it was made for.
   */
  readonly placed?: readonly (readonly number[])[]
  readonly seed: number
}

/** @returns friends who do not exist yet, each in a house of its own */
export function inventedGroup(peers: number, nas: number): GroupPeer[] {
  return Array.from({ length: peers }, (_, index) => {
    const isNas = index < nas
    const name = isNas ? `nas-${index + 1}` : `laptop-${index + 1 - nas}`
    return { name, kind: isNas ? 'nas' : 'laptop', house: name }
  })
}

export function worldOf(plan: Plan): World {
  const { group, code, years, lifetimeDays, replacedDays, knownDays, size, seed } = plan
  const placed = placedFor(plan)
  const packs = placed?.length ?? PACKS
  const houses = [...new Set(group.map(({ house }) => house))]
  return {
    peers: group.map(({ kind, house, online }) => peerOf(kind, houses.indexOf(house), online)),
    code,
    packs,
    placement: placed ?? 'drawn',
    lifetimes: [{ mean: lifetimeDays, shape: 1 }],
    repairing: repairingOf(code, size, packs),
    replacedDays,
    ...(knownDays === undefined ? {} : { knownDays }),
    isRenewed: false,
    years,
    seed,
  }
}

function placedFor({ placed, code }: Plan): Plan['placed'] {
  const isOfCode = placed?.every((pack) => pack.length === code.total) === true
  return isOfCode && placed.length > 0 ? placed : undefined
}

/** As backups repair by themselves: once a day, so many packs and bytes. */
export function repairingOf({ needed }: Code, size: number, packs = PACKS): Repairing {
  const shareSize = PACK_SIZE_TARGET / needed
  const packsADay = Math.min(REPAIR_POLICY.countMax, REPAIR_POLICY.budget / shareSize)
  const checkDays = CHECK_EVERY_MS / DAY_MS
  const wanted = (packsADay * packs * PACK_SIZE_TARGET) / size
  if (wanted >= packs) return { type: 'clocks', checkDays, packsPerCheck: packs }
  // A few packs stand for many: where one of them would take days, it has its turn after so many.
  const packsPerCheck = Math.max(1, Math.floor(wanted))
  return { type: 'clocks', checkDays: (checkDays * packsPerCheck) / wanted, packsPerCheck }
}
