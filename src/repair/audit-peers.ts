/**
 * Auditing peers: random leaves with their proofs, from each peer for itself.
 *
 * Wrong bytes, or none for a share that the peer says it holds, make that share bad: it counts as lost and
 * is made again elsewhere. A peer that does not answer is away, and away is never cheating; but where it
 * answers questions and gives no bytes, time after time, its word is worth nothing for that share.
 */

import { FormatError } from '../../protocol/errors.ts'
import { decodeManifest, pieceSize, type Manifest, type PackId } from '../../protocol/manifest.ts'
import { PeerRefusedError, type CairnError } from '../base/errors.ts'
import { mapPool } from '../base/pool.ts'
import { ASK_WIDTH, isSilence, troubleAtPeer } from '../grid/ask-all.ts'
import type { FoundManifest } from '../grid/survey.ts'
import type { PeerId } from '../ports/network.ts'
import { drawAudits, leavesOf, type AuditDraw, type AuditedShare } from './draw-audits.ts'
import { isShareBad } from './pack-maker.ts'
import type { Held, RepairParts, RepairProgress } from './repair-parts.ts'

/** Reads of one share that may fail without a word before the peer is asked whether it is there at all. */
const TRIES = 2

export interface AuditRequest {
  /** Draws from each peer. */
  readonly count: number
  /** What each peer is believed to hold. */
  readonly shares: ReadonlyMap<PeerId, readonly AuditedShare[]>
  readonly windowEvery?: number
  /** Draws before these: see `drawAudits`. */
  readonly done?: number
  readonly onProgress?: (progress: RepairProgress) => void
}

/**
 * - `good`: every answer was right.
 * - `failed`: wrong bytes, or none of a share that it said it holds.
 * - `withholding`: it is there and says that it holds a share, and gives no bytes of it.
 * - `away`: it did not answer, or had trouble of its own; that says nothing before a week of it.
 * - `nothing`: it holds nothing that could be asked for.
 */
export type AuditVerdict = 'good' | 'failed' | 'withholding' | 'away' | 'nothing'

export interface PeerAudit {
  readonly peer: PeerId
  readonly verdict: AuditVerdict
  readonly passed: number
  /** Draws that told nothing, since the peer went away. */
  readonly unanswered: number
  /** Shares that are bad there, and what was wrong. */
  readonly bad: readonly { readonly held: Held; readonly why: string }[]
  /** Bytes of leaves that came. */
  readonly bytesRead: number
}

type AuditParts = Pick<RepairParts, 'grid' | 'friends' | 'bad' | 'random' | 'log'>

/** @returns one for each peer in `shares`, in that order */
export async function auditPeers(
  parts: AuditParts,
  request: AuditRequest,
  signal: AbortSignal,
): Promise<PeerAudit[]> {
  let done = 0
  const total = request.shares.size
  return await mapPool(
    request.shares,
    ASK_WIDTH,
    async ([peer, shares], within) => {
      const { count, windowEvery, done: before } = request
      const more = {
        ...(windowEvery === undefined ? {} : { windowEvery }),
        ...(before === undefined ? {} : { done: before }),
      }
      const audit = new Audit(parts, peer, within)
      const report = await audit.run(drawAudits(shares, count, parts.random, more))
      done += 1
      request.onProgress?.({ phase: 'audit', done, total, bytesDone: 0, bytesTotal: 0 })
      return report
    },
    signal,
  )
}

/** @returns shares by their holder, as audits draw from them */
export function sharesByPeer(
  packs: Iterable<{
    readonly pack: { readonly id: PackId; readonly shape: { size: number; needed: number } }
    readonly holders: Iterable<readonly [number, readonly PeerId[]]>
  }>,
): Map<PeerId, AuditedShare[]> {
  const shares = new Map<PeerId, AuditedShare[]>()
  for (const { pack, holders } of packs) {
    const size = pieceSize(pack.shape)
    for (const [shareNumber, peers] of holders) {
      for (const peer of peers) {
        const list = shares.get(peer) ?? []
        list.push({ pack: pack.id, shareNumber, size })
        shares.set(peer, list)
      }
    }
  }
  return shares
}

class Audit {
  readonly #parts: AuditParts
  readonly #peer: PeerId
  readonly #signal: AbortSignal
  readonly #bad = new Map<string, PeerAudit['bad'][number]>()
  #passed = 0
  #failed = 0
  #bytesRead = 0

  constructor(parts: AuditParts, peer: PeerId, signal: AbortSignal) {
    this.#parts = parts
    this.#peer = peer
    this.#signal = signal
  }

  async run(draws: readonly AuditDraw[]): Promise<PeerAudit> {
    if (draws.length === 0) return this.#report('nothing', 0)
    const said = await this.#ask(draws)
    if (said === undefined) return this.#report('away', draws.length)
    let unanswered = 0
    for (const draw of draws) {
      const isTold = await this.#one(draw, said.get(draw.share.pack))
      if (!isTold) unanswered += 1
    }
    return this.#report(this.#verdict(), unanswered)
  }

  /** What it says it holds now, with manifests; `undefined` where it does not answer. */
  async #ask(draws: readonly AuditDraw[]): Promise<ReadonlyMap<PackId, FoundManifest> | undefined> {
    const packs = [...new Set(draws.map(({ share }) => share.pack))]
    const { shares } = this.#parts.grid
    try {
      shares.forgive(this.#peer)
      return await shares.manifests(this.#peer, packs, this.#signal)
    } catch (error) {
      const trouble = troubleAtPeer(error, this.#signal)
      shares.forgive(this.#peer)
      // Silence may be for manifests alone, which a survey does not ask for.
      const isThere = !isSilence(trouble) || (await shares.claims(this.#peer, packs, this.#signal))
      if (isThere) this.#refused()
      return undefined
    }
  }

  /** @returns whether the peer told anything */
  async #one(draw: AuditDraw, said: FoundManifest | undefined): Promise<boolean> {
    const { pack, shareNumber } = draw.share
    const held = { pack, shareNumber, peer: this.#peer }
    // What is bad is known to be: more of it tells nothing new.
    if (this.#bad.has(keyOf(held))) return true
    if (said === undefined || !said.shares.includes(shareNumber)) {
      this.#fail(held, 'it was stored there and is not there any more')
      return true
    }
    const trouble = await this.#read(draw, decodeManifest(said.manifest))
    if (trouble === undefined) {
      this.#passed += 1
      this.#parts.friends.noteAudit(this.#peer, 'good')
      return true
    }
    if (isShareBad(trouble)) {
      this.#parts.bad.note(held)
      this.#fail(held, trouble.message)
      return true
    }
    // Busy, or with trouble of its own, or it was we who asked for nonsense; for a week it is not.
    if (trouble instanceof PeerRefusedError) {
      this.#refused()
      return false
    }
    if (!(await this.#says(pack, shareNumber))) return false
    this.#refused()
    // A slow line is no proof of anything, so it does not count against the friend; the share does.
    this.#parts.bad.note(held)
    this.#note(held, `it answers, and gives no bytes: ${trouble.message}`)
    return true
  }

  /** @returns what went wrong, the last time */
  async #read(draw: AuditDraw, manifest: Manifest): Promise<CairnError | undefined> {
    const { pack, shareNumber } = draw.share
    const { shares } = this.#parts.grid
    const run = leavesOf(draw, manifest)
    let trouble: CairnError | undefined
    for (let tries = 0; tries < TRIES; tries += 1) {
      try {
        const location = { id: pack, manifest }
        const bytes = await shares.read(this.#peer, location, { shareNumber, run }, this.#signal)
        this.#bytesRead += bytes.length
        return undefined
      } catch (error) {
        trouble = troubleAtPeer(error, this.#signal)
        if (trouble instanceof FormatError || trouble instanceof PeerRefusedError) return trouble
        shares.forgive(this.#peer)
      }
    }
    return trouble
  }

  /** Whether the peer answers, and says that it holds the share. */
  async #says(pack: PackId, shareNumber: number): Promise<boolean> {
    try {
      const { shares } = this.#parts.grid
      const said = await shares.manifests(this.#peer, [pack], this.#signal)
      return said.get(pack)?.shares.includes(shareNumber) === true
    } catch (error) {
      troubleAtPeer(error, this.#signal)
      return false
    }
  }

  /** It is there, and gave nothing. */
  #refused(): void {
    this.#parts.friends.noteAudit(this.#peer, 'refused')
  }

  #fail(held: Held, why: string): void {
    this.#failed += 1
    this.#parts.friends.noteAudit(this.#peer, 'failed')
    this.#note(held, why)
  }

  #note(held: Held, why: string): void {
    this.#bad.set(keyOf(held), { held, why })
    const { pack, shareNumber: share, peer } = held
    this.#parts.log.warn('audit failed', { pack, share, peer, why })
  }

  #verdict(): AuditVerdict {
    if (this.#failed > 0) return 'failed'
    if (this.#bad.size > 0) return 'withholding'
    return this.#passed > 0 ? 'good' : 'away'
  }

  #report(verdict: AuditVerdict, unanswered: number): PeerAudit {
    return {
      peer: this.#peer,
      verdict,
      passed: this.#passed,
      unanswered,
      bad: [...this.#bad.values()],
      bytesRead: this.#bytesRead,
    }
  }
}

function keyOf({ pack, shareNumber }: Held): string {
  return `${pack} ${shareNumber}`
}
