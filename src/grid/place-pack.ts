/**
 * Placing a pack: every share to a peer of its own.
 *
 * A share whose peer fails, or is full, goes to the next peer in place order. What finds no peer now
 * stays unplaced; somebody places it later ("settling").
 */

import type { VaultId } from '../../protocol/ids.ts'
import type { PackId } from '../../protocol/manifest.ts'
import { PeerRefusedError, type CairnError } from '../base/errors.ts'
import type { Refusal } from '../base/peer-record.ts'
import { mapPool } from '../base/pool.ts'
import type { EncodedPack } from '../codec/encode-pack.ts'
import type { PeerId } from '../ports/network.ts'
import { isSilence, troubleAtPeer, type PeerFailure } from './ask-all.ts'
import { safeCount } from './code.ts'
import { happiness } from './happiness.ts'
import type { PeerSession } from './peer-session.ts'
import { PlaceOrder, type Candidate } from './place-order.ts'
import type { Standing } from './standing.ts'

/** Shares of one pack under way at a time. */
export const PLACE_WIDTH = 10

export interface Placement {
  readonly id: PackId
  /** Share number → the peer that holds it, durably. */
  readonly holders: ReadonlyMap<number, PeerId>
  /** Whether a head that names this pack may be published. */
  readonly safe: boolean
  /** H: the happiness that makes it safe. */
  readonly needed: number
  readonly happiness: number
  /** Shares that there are. */
  readonly wanted: number
  /** Bytes of pieces that went out, those of failed attempts included. */
  readonly bytesSent: number
  readonly failures: readonly PeerFailure[]
  /** Members who hold no share of it and were not asked, for what they are. */
  readonly passedOver: readonly PassedOver[]
}

export interface PassedOver {
  readonly peer: PeerId
  readonly standing: Standing
}

export interface PlaceParts {
  /** Who may take a share. */
  readonly candidates: readonly Candidate[]
  /** Whose shares count: the candidates, and others who are only away for now. */
  readonly counted: readonly Candidate[]
  /** Everybody who lends disk and is no candidate. */
  readonly passedOver: readonly PassedOver[]
  readonly session: (peer: PeerId) => PeerSession
  /** The pack belongs to a head that drops things. */
  readonly isTidying?: boolean
  /** Told of the size of each portion of a piece that went out. */
  readonly onSent?: (size: number) => void
  /** A repair grant, where we are none of the vault's devices. */
  readonly repair?: Uint8Array | undefined
}

/**
 * @param held - shares placed before; those at peers that left, or were given up, count no more
 * @returns when every share is stored or has no peer left to try
 * @throws only the signal's reason
 */
export async function placePack(
  parts: PlaceParts,
  pack: EncodedPack,
  vault: VaultId,
  held: ReadonlyMap<number, PeerId>,
  signal: AbortSignal,
): Promise<Placement> {
  const { candidates, counted, isTidying = false } = parts
  const present = new Set(counted.map(({ peer }) => peer))
  const holders = new Map([...held].filter(([, peer]) => present.has(peer)))
  const order = new PlaceOrder(pack.id, candidates, holders.values(), counted)
  const failures: PeerFailure[] = []
  let bytesSent = 0
  const onSent = (size: number) => {
    bytesSent += size
    parts.onSent?.(size)
  }

  const put = async (shareNumber: number, piece: Uint8Array, within: AbortSignal) => {
    const { repair } = parts
    const share = { vault, manifest: pack.manifestBytes, shareNumber, piece, isTidying, repair }
    for (let next = order.next(); next !== undefined; next = order.next()) {
      try {
        await parts.session(next.peer).put(share, within, onSent)
        holders.set(shareNumber, next.peer)
        return
      } catch (error) {
        failures.push({ peer: next.peer, error: troubleAtPeer(error, within) })
        order.failed(next)
      }
    }
  }

  const missing = [...pack.pieces.entries()].filter(([shareNumber]) => !holders.has(shareNumber))
  await mapPool(
    missing,
    PLACE_WIDTH,
    ([number, piece], within) => put(number, piece, within),
    signal,
  )
  const holding = new Set(holders.values())
  const passedOver = parts.passedOver.filter(({ peer }) => !holding.has(peer))
  return { ...judge(pack, counted, holders), bytesSent, failures, passedOver }
}

/** @returns the peers that were asked: `undefined` for those that took a share, else why they did not */
export function putsOf(
  { holders, failures }: Placement,
  held: ReadonlyMap<number, PeerId>,
): ReadonlyMap<PeerId, Refusal | undefined> {
  const puts = new Map<PeerId, Refusal | undefined>()
  for (const { peer, error } of failures) puts.set(peer, refusalOf(error))
  for (const [share, peer] of holders) if (held.get(share) !== peer) puts.set(peer, undefined)
  return puts
}

/** @returns in one word, why a peer took no share */
export function refusalOf(error: CairnError): Refusal {
  if (isSilence(error)) return 'unreachable'
  if (!(error instanceof PeerRefusedError)) return 'other'
  return error.code === 'full' || error.code === 'quota' ? error.code : 'other'
}

/**
 * Shares on failure domains of their own.
 *
 * @param counted - whose shares count
 */
export function happinessOf(
  counted: readonly Candidate[],
  holders: ReadonlyMap<number, PeerId>,
): number {
  const domains = new Map(counted.map(({ peer, domain }) => [peer, domain]))
  const layout = new Map<string, number[]>()
  for (const [share, peer] of holders) {
    const domain = domains.get(peer)
    if (domain !== undefined) layout.set(domain, [...(layout.get(domain) ?? []), share])
  }
  return happiness(layout)
}

/** How good a placement is, by what holds what. */
function judge(
  { id, manifest }: EncodedPack,
  counted: readonly Candidate[],
  holders: ReadonlyMap<number, PeerId>,
): Omit<Placement, 'bytesSent' | 'failures' | 'passedOver'> {
  const needed = safeCount(manifest)
  const happy = happinessOf(counted, holders)
  return { id, holders, needed, happiness: happy, safe: happy >= needed, wanted: manifest.total }
}
