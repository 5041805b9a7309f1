/**
 * Head report: how each peer stands to the newest head, and what cannot be honest about their answers.
 *
 * Pure: answers, marks and what this machine knows come in; verdicts and evidence come out.
 */

import { equal, toHex } from '../../protocol/bytes.ts'
import type { OpenedHead } from '../../protocol/head.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { openReceipt } from '../../protocol/receipt.ts'
import { RecoveryError } from '../base/errors.ts'
import type { PeerId } from '../ports/network.ts'
import type { EvidenceCase } from '../store/evidence.ts'
import type { Mark } from '../store/marks.ts'
import {
  isBeyond,
  newestHead,
  tryOpenHead,
  type HeadAnswer,
  type NewestHead,
} from './newest-head.ts'

/** Every peer that answers shows an older head than was published: nothing is pruned on their word. */
export class RollbackError extends RecoveryError {
  override readonly name = 'RollbackError'
  readonly known: number
  readonly shown: number

  constructor({ known, shown }: { known: number; shown: number }) {
    super(
      `Head ${known} of this vault was published, and no friend that answers shows more than ` +
        `${shown === 0 ? 'none' : `head ${shown}`}: they lost heads or hide them. Nothing was changed; ` +
        'they were given the newest one again. "cairn heads" tells who; run this again when you know why',
    )
    this.known = known
    this.shown = shown
  }
}

/**
 * How a peer stands.
 *
 * - `current`: shows the newest head
 * - `behind`: shows an older one, as a peer does that was away
 * - `rolled-back`: shows less than it signed a receipt for: it lost heads or hides them
 * - `fork`: shows another head for the newest one's place
 * - `none`: shows no head of this vault, and never signed for one
 * - `silent`: did not answer
 */
export type HeadVerdict = 'current' | 'behind' | 'rolled-back' | 'fork' | 'none' | 'silent'

export interface PeerHeads {
  readonly peer: PeerId
  readonly verdict: HeadVerdict
  /** Of the newest head it shows. */
  readonly sequence?: number
  /** When it received that, by its own clock; milliseconds since 1970. */
  readonly receivedAt?: number
  /** How many heads it is behind the newest. */
  readonly lag?: number
  /** The newest head that it signed for. */
  readonly signedFor?: number
}

export interface HeadReport {
  /** The highest that anybody shows. */
  readonly newest: NewestHead | undefined
  /** The highest that is known to be published: shown by somebody, or kept by this machine. */
  readonly sequence: number
  readonly peers: readonly PeerHeads[]
  readonly cases: readonly EvidenceCase[]
}

export interface HeadFacts {
  readonly vault: VaultId
  readonly answers: readonly HeadAnswer[]
  /** Peers that did not answer. */
  readonly silent: readonly PeerId[]
  readonly marks: ReadonlyMap<PeerId, Mark>
  /** The newest head that this machine knows to be published. */
  readonly known?: Uint8Array | undefined
  /** Milliseconds since 1970. */
  readonly now: number
}

interface Shown {
  readonly bytes: Uint8Array
  readonly head: OpenedHead
  readonly receipt: Uint8Array | undefined
}

export function judgeHeads(facts: HeadFacts): HeadReport {
  const { answers, silent, vault } = facts
  const newest = newestHead(answers, vault)
  const known = facts.known === undefined ? undefined : tryOpenHead(facts.known, vault)
  const isKnownBeyond =
    known !== undefined && (newest === undefined || isBeyond(known, newest.head))
  const top = isKnownBeyond ? known : newest?.head
  const judged = answers.map((answer) => judge(answer, top, facts))
  return {
    newest,
    sequence: top?.sequence ?? 0,
    peers: [
      ...judged.map(({ row }) => row),
      ...silent.map((peer) => ({ peer, verdict: 'silent' as const })),
    ],
    cases: [...forksOf(facts), ...judged.flatMap(({ found }) => found ?? [])],
  }
}

/** @throws {RollbackError} where peers show less than they signed for, and nobody shows what was published */
export function assertNoRollback({ peers, newest, sequence }: HeadReport): void {
  const isRolledBack = peers.some(({ verdict }) => verdict === 'rolled-back')
  const shown = newest?.head.sequence ?? 0
  if (isRolledBack && shown < sequence) throw new RollbackError({ known: sequence, shown })
}

function judge(
  answer: HeadAnswer,
  top: OpenedHead | undefined,
  facts: HeadFacts,
): { readonly row: PeerHeads; readonly found?: EvidenceCase } {
  const { peer } = answer
  const shown = shownBy(answer, facts.vault)
  const mark = facts.marks.get(peer)
  const signedFor = mark?.receipt.sequence ?? 0
  const best = shown.reduce<Shown | undefined>(
    (a, b) => (a === undefined || isBeyond(b.head, a.head) ? b : a),
    undefined,
  )
  // A head of a device that another replaced counts for the order no more, and is shown all the same.
  const highest = Math.max(0, ...shown.map(({ head }) => head.sequence))
  const common = {
    peer,
    ...(best === undefined ? {} : { sequence: best.head.sequence }),
    ...receivedAtOf(best),
    ...(signedFor > 0 ? { signedFor } : {}),
  }
  if (mark !== undefined && highest < signedFor) {
    const known = facts.known === undefined ? [] : [facts.known]
    const named = known.filter((bytes) =>
      equal(tryOpenHead(bytes, facts.vault)?.id ?? NO_ID, mark.receipt.headId),
    )
    return {
      row: { ...common, verdict: 'rolled-back', ...lagOf(best, top) },
      found: {
        kind: 'rollback',
        peer,
        sequence: signedFor,
        shown: highest,
        foundAt: facts.now,
        heads: [...named, ...(best === undefined ? [] : [best.bytes])],
        receipts: [mark.bytes, ...(best?.receipt === undefined ? [] : [best.receipt])],
      },
    }
  }
  if (best === undefined) return { row: { ...common, verdict: 'none' } }
  return { row: { ...common, verdict: verdictOf(shown, best, top), ...lagOf(best, top) } }
}

const NO_ID = new Uint8Array(0)

function verdictOf(shown: readonly Shown[], best: Shown, top: OpenedHead | undefined): HeadVerdict {
  if (top === undefined || shown.some(({ head }) => equal(head.id, top.id))) return 'current'
  return isBeyond(top, best.head) ? 'behind' : 'fork'
}

function lagOf(best: Shown | undefined, top: OpenedHead | undefined): { lag?: number } {
  const lag = (top?.sequence ?? 0) - (best?.head.sequence ?? 0)
  return lag > 0 ? { lag } : {}
}

function receivedAtOf(best: Shown | undefined): { receivedAt?: number } {
  if (best?.receipt === undefined) return {}
  return { receivedAt: openReceipt(best.receipt).receivedAt }
}

/** Heads that answers show for one place in the order of one epoch, where there are several. */
function forksOf({ answers, vault, now, known }: HeadFacts): EvidenceCase[] {
  const own = known === undefined ? undefined : tryOpenHead(known, vault)
  const all: Shown[] = answers.flatMap((answer) => shownBy(answer, vault))
  if (known !== undefined && own !== undefined) {
    all.push({ bytes: known, head: own, receipt: undefined })
  }
  const places = new Map<string, Map<string, Shown[]>>()
  for (const one of all) {
    const place = `${one.head.epoch} ${one.head.sequence}`
    const heads = places.get(place) ?? new Map<string, Shown[]>()
    const id = toHex(one.head.id)
    places.set(place, heads.set(id, [...(heads.get(id) ?? []), one]))
  }
  return [...places.values()].flatMap((heads) => {
    const [first] = [...heads.values()].flat()
    if (heads.size < 2 || first === undefined) return []
    const each = [...heads.values()].flatMap((same) => same[0] ?? [])
    const receipts = [...heads.values()].flat().flatMap(({ receipt }) => receipt ?? [])
    const found: EvidenceCase = {
      kind: 'fork',
      sequence: first.head.sequence,
      foundAt: now,
      heads: each.map(({ bytes }) => bytes),
      receipts,
    }
    return [found]
  })
}

function shownBy({ heads }: HeadAnswer, vault: VaultId): Shown[] {
  return heads.flatMap(({ head: bytes, receipt }) => {
    const head = tryOpenHead(bytes, vault)
    return head === undefined ? [] : [{ bytes, head, receipt }]
  })
}
