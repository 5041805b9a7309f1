/**
 * The newest head: what the peers show, and the highest of it.
 *
 * One honest peer is enough to find the newest head, so every answer is looked at, and peers that
 * showed an older one are named (law 6).
 */

import { toHex } from '../../protocol/bytes.ts'
import { openHead, type OpenedHead } from '../../protocol/head.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { FormatError, RecoveryError } from '../base/errors.ts'
import type { PeerId } from '../ports/network.ts'

/** No peer that answered has a head of this vault. */
export class NoHeadError extends RecoveryError {
  override readonly name = 'NoHeadError'
}

/**
 * This home lost its record of what is published, and no peer that answered knows it either: to go on
 * would begin the vault's order anew.
 */
export class HeadOutOfReachError extends RecoveryError {
  override readonly name = 'HeadOutOfReachError'
}

export interface HeadAnswer {
  readonly peer: PeerId
  readonly heads: readonly {
    readonly head: Uint8Array
    /** Its own, for that head. */
    readonly receipt?: Uint8Array
  }[]
}

export interface NewestHead {
  readonly bytes: Uint8Array
  readonly head: OpenedHead
  /** Peers that showed this very head. */
  readonly witnesses: readonly PeerId[]
  /** Peers that answered and showed an older one, or none. */
  readonly stale: readonly PeerId[]
  /** Other heads of the same sequence: somebody published twice. */
  readonly forks: number
}

/**
 * @returns of the heads that are truly this vault's the one that goes on furthest: the highest
 *   sequence of the highest epoch, since a device that was replaced has no say any more; `undefined`
 *   if nobody has one
 */
export function newestHead(answers: readonly HeadAnswer[], vault: VaultId): NewestHead | undefined {
  const shown = answers.flatMap(({ peer, heads }) =>
    heads.flatMap(({ head }) => {
      const opened = tryOpenHead(head, vault)
      return opened === undefined ? [] : [{ peer, bytes: head, head: opened }]
    }),
  )
  const highest = shown.map(({ head }) => head).reduce((a, b) => (isBeyond(b, a) ? b : a), NONE)
  const candidates = new Map<string, typeof shown>()
  for (const one of shown.filter(({ head }) => !isBeyond(highest, head))) {
    const id = toHex(one.head.id)
    const before = candidates.get(id) ?? []
    // A peer that shows a head twice is still one peer.
    if (!before.some(({ peer }) => peer === one.peer)) candidates.set(id, [...before, one])
  }
  // Of a fork the one that more peers took; then whichever, but always the same.
  const [best] = [...candidates].toSorted(
    ([idA, a], [idB, b]) => b.length - a.length || (idA < idB ? -1 : 1),
  )
  const first = best?.[1][0]
  if (best === undefined || first === undefined) return undefined
  const witnesses = best[1].map(({ peer }) => peer)
  return {
    bytes: first.bytes,
    head: first.head,
    witnesses,
    stale: answers.map(({ peer }) => peer).filter((peer) => !witnesses.includes(peer)),
    forks: candidates.size - 1,
  }
}

const NONE = { epoch: 0, sequence: 0 }

/** @returns whether head `a` comes after head `b` */
export function isBeyond(a: typeof NONE, b: typeof NONE): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence)
}

/** @returns `undefined` for what is no head, or another vault's */
export function tryOpenHead(bytes: Uint8Array, vault: VaultId): OpenedHead | undefined {
  try {
    const head = openHead(bytes)
    return head.vault === vault ? head : undefined
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
}
