/**
 * The group as this machine knows it, with nobody asked: what `cairn what-if` begins with.
 */

import { kindOf, type Kind } from '../durability/kinds.ts'
import { onlineShare } from '../base/peer-record.ts'
import type { Code } from '../grid/code.ts'
import { RosterBook } from '../grid/roster-book.ts'
import { isCounted, standingOf, type Standing } from '../grid/standing.ts'
import type { PeerId } from '../ports/network.ts'
import { readGridFile } from '../store/grid-file.ts'
import { GridNotFoundError } from './grid-link.ts'
import { PlacedPackList } from './placed-packs.ts'
import type { VaultSession } from './vault-session.ts'

/** Of a shorter time what was measured says nothing of a friend: a week has all its days and nights. */
const WATCHED_MS_MIN = 7 * 86_400_000

/** A storage peer, as far as it matters for years to come. */
export interface KnownFriend {
  readonly peer: PeerId
  readonly name?: string
  /** What fails together with it. */
  readonly domain: string
  readonly standing: Standing
  /** Not given up, and not about to leave. */
  readonly isCounted: boolean
  readonly kind: Kind
  /** The part of the time in which it answered, 0–1; absent where it was watched for less than a week. */
  readonly online?: number
}

export interface KnownGroup {
  readonly friends: readonly KnownFriend[]
  /** Of the newest packs; absent before the first. */
  readonly code?: Code
  /** Bytes of all packs of use, before erasure coding. */
  readonly size: number
  /** Of packs of that code, spread evenly over all of them: who has each share, `undefined` where nobody is known. */
  readonly placed: readonly (readonly (PeerId | undefined)[])[]
}

/** So many packs stand for all. */
const PLACED_MAX = 40

/** @throws {GridNotFoundError} */
export async function knownGroup({ ports, stores }: VaultSession): Promise<KnownGroup> {
  const file = await readGridFile(ports.disk)
  if (file === undefined) {
    throw new GridNotFoundError(
      'This vault belongs to no grid yet: join one with "cairn join --code-from FILE", or try an ' +
        'invented group: cairn what-if --peers 10 --nas 3',
    )
  }
  const { clock } = ports
  const now = clock.now()
  // Nothing is learnt here, so nothing is kept.
  const roster = new RosterBook({ ...file, clock, save: () => Promise.resolve() })
  const records = new Map(stores.peerRecords.all().map((record) => [record.peer, record]))
  const friends = roster.storagePeers().map((member): KnownFriend => {
    const { peer, name } = member
    const record = records.get(peer)
    const standing = standingOf(record, member, now)
    const { watchedMs = 0 } = record ?? {}
    const online = record && onlineShare(record)
    const isKnown = online !== undefined && watchedMs >= WATCHED_MS_MIN
    return {
      peer,
      domain: roster.domain(peer),
      standing,
      isCounted: isCounted(standing),
      kind: kindOf({ online: online ?? 0, watchedMs }),
      ...(name === undefined ? {} : { name }),
      ...(isKnown ? { online } : {}),
    }
  })
  const code = stores.packs.newestCode()
  const list = new PlacedPackList(stores)
  const packs = list.all()
  return {
    friends,
    size: packs.reduce((sum, { shape }) => sum + (shape?.size ?? 0), 0),
    placed: code === undefined ? [] : placedOf(list, code),
    ...(code === undefined ? {} : { code }),
  }
}

function placedOf(list: PlacedPackList, { needed, total }: Code): KnownGroup['placed'] {
  const packs = list.all().filter(({ shape }) => shape?.needed === needed && shape.total === total)
  const count = Math.min(PLACED_MAX, packs.length)
  return Array.from({ length: count }, (_, index) => {
    const holders = list.holders(packs[Math.floor((index * packs.length) / count)]!)
    return Array.from({ length: total }, (__, share) => holders.get(share))
  })
}
