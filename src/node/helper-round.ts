/**
 * One round of a helper: what a closed laptop would do for its vault, as far as a repair cap goes.
 *
 * The newest head that anybody shows leads to the ledger, the ledger to the packs. The lease is renewed
 * everywhere, packs that nobody adopted are, lost shares are made again, and some of what peers say they
 * hold is looked at. Everything may be done twice, or by two helpers, and a round that was cut off leaves
 * nothing that the next would not find by asking.
 */

import type { DatabaseSync } from 'node:sqlite'
import { openLedger } from '../../protocol/head.ts'
import { signingKeyFromSeed } from '../../protocol/keys.ts'
import { signRepairGrant } from '../../protocol/repair-grant.ts'
import type { codecs } from '../codec/codecs.ts'
import { PeerRefusedError } from '../base/errors.ts'
import { Grid } from '../grid/grid.ts'
import type { RosterBook } from '../grid/roster-book.ts'
import { LedgerReader } from '../history/ledger-reader.ts'
import type { Clock } from '../ports/clock.ts'
import type { Compute } from '../ports/compute.ts'
import type { Log } from '../ports/log.ts'
import type { Network, PeerId } from '../ports/network.ts'
import type { Random } from '../ports/random.ts'
import { Lookout } from '../repair/lookout.ts'
import { VERDICTS, type Verdict } from '../repair/pack-health.ts'
import { LedgerPackList, type PackFacts, type PackList } from '../repair/pack-list.ts'
import { RepairWorker } from '../repair/repair-worker.ts'
import { newestHead } from '../restore/newest-head.ts'
import type { HelpedVault } from '../store/helped-vaults.ts'
import { PeerRecords } from '../store/peer-records.ts'
import { HelperBook } from './helper-book.ts'

/** How long a grant lasts that a helper signs for itself, and when it signs the next. */
const GRANT_MS = 7 * 24 * 3600_000
const GRANT_RENEWED_MS = GRANT_MS / 2

/** Bytes from and to peers that one round may take for repairs. */
export const ROUND_BUDGET = 4e9

export interface HelperParts {
  /** One on which we reach ourselves: see loopback.ts. */
  readonly network: Network
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly roster: RosterBook
  /** Prepared as a client's is, and with the helper's own tables. */
  readonly database: DatabaseSync
  readonly compute: Compute<typeof codecs>
}

/** What came of a round, for whoever runs the peer and for the log. */
export interface HelpOutcome {
  /**
   * - `helped`: the round was done
   * - `no-head`: nobody who answers has a head of this vault
   * - `replaced`: another device took the place of the one that made the cap
   */
  readonly type: 'helped' | 'no-head' | 'replaced'
  /** Of the newest head; 0 without one. */
  readonly sequence: number
  /** Peers that renewed the lease, and those that did not answer or would not. */
  readonly renewed: number
  readonly missed: number
  readonly packs: number
  readonly verdicts: Readonly<Partial<Record<Verdict, number>>>
  /** Shares made again and placed. */
  readonly placed: number
  readonly bytesRead: number
  readonly bytesSent: number
  /** Shares that peers had said they stored and do not have. */
  readonly dropped: number
}

/** @throws {CairnError} the ledger cannot be read now; trouble with our own disk */
export async function helpOnce(
  parts: HelperParts,
  helped: HelpedVault,
  options: { readonly budget: number },
  signal: AbortSignal,
): Promise<HelpOutcome> {
  const { network, clock, log, roster, database } = parts
  const lookout = new Lookout({
    clock,
    log,
    records: new PeerRecords(database),
    presence: (peer) => roster.member(peer) ?? {},
  })
  const repair = grantMaker(helped, network.self, clock)
  const common = { network, clock, log, roster, repair, hasSelf: true }
  const grid = new Grid({ ...common, ...lookout.gridParts })
  try {
    return await new Round(parts, helped, grid, lookout).run(options, signal)
  } finally {
    grid.close()
  }
}

class Round {
  readonly #parts: HelperParts
  readonly #helped: HelpedVault
  readonly #grid: Grid
  readonly #lookout: Lookout

  constructor(parts: HelperParts, helped: HelpedVault, grid: Grid, lookout: Lookout) {
    this.#parts = parts
    this.#helped = helped
    this.#grid = grid
    this.#lookout = lookout
  }

  async run(options: { readonly budget: number }, signal: AbortSignal): Promise<HelpOutcome> {
    const { vault, ledgerKey } = this.#helped.cap
    const { answers } = await this.#grid.heads(vault, signal)
    const newest = newestHead(answers, vault)
    if (newest === undefined) return { ...NOTHING, type: 'no-head' }
    const { sequence, epoch } = newest.head
    if (epoch > this.#helped.epoch) return { ...NOTHING, type: 'replaced', sequence }
    const { answered, failures } = await this.#grid.renew(signal)
    if (failures.some(({ error }) => isReplaced(error))) {
      return { ...NOTHING, type: 'replaced', sequence }
    }
    const renewed = { renewed: answered.length, missed: failures.length }
    await this.#lookout.hearOthers(this.#grid, signal)

    const ledger = new LedgerReader({ grid: this.#grid, log: this.#parts.log })
    const [, segments] = await ledger.read(openLedger(newest.head, ledgerKey), signal)
    const done = await this.#repair(new LedgerPackList(segments), sequence, options, signal)
    return { type: 'helped', sequence, ...renewed, ...done }
  }

  async #repair(
    ledger: LedgerPackList,
    sequence: number,
    { budget }: { readonly budget: number },
    signal: AbortSignal,
  ): Promise<Omit<HelpOutcome, 'type' | 'sequence' | 'renewed' | 'missed'>> {
    const { database } = this.#parts
    const { vault } = this.#helped.cap
    const book = new HelperBook({ database, grid: this.#grid, vault, sequence })
    for (const pack of ledger.all()) book.seed(pack.id, ledger.holders(pack))
    const worker = new RepairWorker({
      ...this.#parts,
      vault,
      grid: this.#grid,
      list: new HelperPackList(ledger, book),
      source: undefined,
      friends: undefined as never,
      bad: undefined as never,
      book,
    })
    const checked = await worker.check({}, signal)
    // What the laptop published and did not come to adopt would expire.
    await book.adopt(signal)
    const report = await worker.repair(checked, { budget }, signal)
    const placed = report.packs.map(({ mended }) => mended?.placed.size ?? 0)
    return {
      packs: report.health.length,
      verdicts: countVerdicts(report.health.map(({ verdict }) => verdict)),
      placed: placed.reduce((sum, count) => sum + count, 0),
      bytesRead: report.bytesRead,
      bytesSent: report.bytesSent,
      dropped: checked.dropped.length,
    }
  }
}

/** The ledger's packs, with holders as the helper's own book has them: it knows what was re-made since. */
class HelperPackList implements PackList {
  readonly #ledger: LedgerPackList
  readonly #book: HelperBook

  constructor(ledger: LedgerPackList, book: HelperBook) {
    this.#ledger = ledger
    this.#book = book
  }

  all(): PackFacts[] {
    return this.#ledger.all()
  }

  holders({ id }: PackFacts): ReadonlyMap<number, PeerId> {
    return this.#book.holders(id)
  }
}

const NOTHING = {
  sequence: 0,
  renewed: 0,
  missed: 0,
  packs: 0,
  verdicts: {},
  placed: 0,
  bytesRead: 0,
  bytesSent: 0,
  dropped: 0,
} as const

/** @returns gives a grant that is good for days still */
function grantMaker({ cap }: HelpedVault, peer: PeerId, clock: Clock): () => Uint8Array {
  const key = signingKeyFromSeed(cap.repairSeed)
  const { vault, certificate } = cap
  let made: { readonly bytes: Uint8Array; readonly issuedAt: number } | undefined
  return () => {
    const now = Math.max(0, clock.now())
    if (made === undefined || Math.abs(now - made.issuedAt) > GRANT_RENEWED_MS) {
      const grant = { vault, certificate, peer, issuedAt: now, expiresAt: now + GRANT_MS }
      made = { bytes: signRepairGrant(grant, key), issuedAt: now }
    }
    return made.bytes
  }
}

function isReplaced(error: Error): boolean {
  return error instanceof PeerRefusedError && error.code === 'stale-head'
}

function countVerdicts(verdicts: readonly Verdict[]): HelpOutcome['verdicts'] {
  const counts = VERDICTS.map((verdict) => {
    const count = verdicts.filter((one) => one === verdict).length
    return [verdict, count] as const
  })
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}
