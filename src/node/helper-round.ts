/**
 * One round of a helper: what a closed laptop would do for its vault, as far as a repair cap goes.
 *
 * The newest head that anybody shows leads to the ledger, the ledger to the packs. The lease is renewed
 * everywhere, packs that nobody adopted are, lost shares are made again, and some of what peers say they
 * hold is looked at. Everything may be done twice, or by two helpers, and a round that was cut off leaves
 * nothing that the next would not find by asking.
 */

import type { DatabaseSync } from 'node:sqlite'
import { z } from 'zod'
import { openLedger } from '../../protocol/head.ts'
import { signingKeyFromSeed } from '../../protocol/keys.ts'
import { signRepairGrant } from '../../protocol/repair-grant.ts'
import type { codecs } from '../codec/codecs.ts'
import { Grid } from '../grid/grid.ts'
import type { RosterBook } from '../grid/roster-book.ts'
import { LedgerReader } from '../history/ledger-reader.ts'
import type { Clock } from '../ports/clock.ts'
import type { Compute } from '../ports/compute.ts'
import type { Log } from '../ports/log.ts'
import type { Network, PeerId } from '../ports/network.ts'
import type { Random } from '../ports/random.ts'
import { auditPeers, sharesByPeer } from '../repair/audit-peers.ts'
import type { CheckedPacks } from '../repair/check-packs.ts'
import { AUDITS_MAX } from '../repair/draw-audits.ts'
import { LookoutFriends } from '../repair/friends.ts'
import { Lookout } from '../repair/lookout.ts'
import { VERDICTS, type Verdict } from '../repair/pack-health.ts'
import { LedgerPackList, type PackFacts, type PackList } from '../repair/pack-list.ts'
import type { RepairParts } from '../repair/repair-parts.ts'
import { RepairWorker } from '../repair/repair-worker.ts'
import { newestHead } from '../restore/newest-head.ts'
import { BadShares } from '../store/bad-shares.ts'
import type { HelpedVault } from '../store/helped-vaults.ts'
import { PeerRecords } from '../store/peer-records.ts'
import { Settings } from '../store/settings.ts'
import type { HelpOutcome } from './help-reports.ts'
import { HelperBook } from './helper-book.ts'

/** How long a grant lasts that a helper signs for itself, and when it signs the next. */
const GRANT_MS = 7 * 24 * 3600_000
const GRANT_RENEWED_MS = GRANT_MS / 2

/** From one audit of a vault's holders to the next: 44 in 30 days (src/repair/draw-audits.ts). */
const AUDIT_EVERY_MS = (30 * 24 * 3600_000) / AUDITS_MAX

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

/** @throws {CairnError} the ledger cannot be read now; trouble with our own disk */
export async function helpOnce(
  parts: HelperParts,
  helped: HelpedVault,
  options: { readonly budget: number },
  signal: AbortSignal,
): Promise<HelpOutcome> {
  const { network, clock, log, roster, database } = parts
  const records = new PeerRecords(database)
  const lookout = new Lookout({
    clock,
    log,
    records,
    presence: (peer) => roster.member(peer) ?? {},
    isAtHome: (peer) => roster.isAtHome(peer, network.self),
  })
  const repair = grantMaker(helped, network.self, clock)
  const common = { network, clock, log, roster, repair, hasSelf: true }
  const grid = new Grid({ ...common, ...lookout.gridParts })
  try {
    return await new Round(parts, helped, { grid, lookout }).run(options, signal)
  } finally {
    grid.close()
  }
}

class Round {
  readonly #parts: HelperParts
  readonly #helped: HelpedVault
  readonly #grid: Grid
  readonly #lookout: Lookout

  constructor(
    parts: HelperParts,
    helped: HelpedVault,
    eyes: { readonly grid: Grid; readonly lookout: Lookout },
  ) {
    this.#parts = parts
    this.#helped = helped
    this.#grid = eyes.grid
    this.#lookout = eyes.lookout
  }

  async run(options: { readonly budget: number }, signal: AbortSignal): Promise<HelpOutcome> {
    const { vault, ledgerKey } = this.#helped.cap
    const { answers } = await this.#grid.heads(vault, signal)
    const newest = newestHead(answers, vault)
    if (newest === undefined) return { ...NOTHING, type: 'no-head' }
    const { sequence, epoch } = newest.head
    if (epoch > this.#helped.epoch) return { ...NOTHING, type: 'replaced', sequence }
    // Where one says that the cap is old it may lie; a head of the new device does not.
    const { answered, failures } = await this.#grid.shares.renew(signal)
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
    const { database, clock } = this.#parts
    const { vault } = this.#helped.cap
    const book = new HelperBook({ database, shares: this.#grid.shares, vault, sequence })
    for (const pack of ledger.all()) book.seed(pack.id, ledger.holders(pack))
    const parts = {
      ...this.#parts,
      vault,
      grid: this.#grid,
      list: new HelperPackList(ledger, book),
      source: undefined,
      friends: new LookoutFriends(this.#lookout, this.#parts.roster),
      bad: badSharesOf(new BadShares(database, clock), ledger),
      book,
    }
    const worker = new RepairWorker(parts)
    const checked = await worker.check({}, signal)
    // What the laptop published and did not come to adopt would expire.
    await book.adopt(signal)
    const audits = await this.#audit(parts, checked, signal)
    // What an audit found bad counts as lost from now on.
    const judged = audits.badShares === 0 ? checked : await worker.check({}, signal)
    const report = await worker.repair(judged, { budget }, signal)
    const placed = report.packs.map(({ mended }) => mended?.placed.size ?? 0)
    return {
      packs: report.health.length,
      verdicts: countVerdicts(report.health.map(({ verdict }) => verdict)),
      placed: placed.reduce((sum, count) => sum + count, 0),
      bytesRead: report.bytesRead,
      bytesSent: report.bytesSent,
      dropped: checked.dropped.length,
      ...audits,
    }
  }

  /** A leaf of every peer, once in so long that each is asked 44 times in 30 days. */
  async #audit(
    parts: RepairParts,
    { packs }: CheckedPacks,
    signal: AbortSignal,
  ): Promise<Pick<HelpOutcome, 'audited' | 'badShares'>> {
    const { database, clock, network } = this.#parts
    const settings = new Settings(database)
    const name = `audited ${this.#helped.cap.vault}`
    const passed = clock.now() - (settings.get(name, z.int()) ?? 0)
    // A clock that was set back must not end audits.
    if (passed >= 0 && passed < AUDIT_EVERY_MS) return { audited: 0, badShares: 0 }
    const shares = sharesByPeer(packs.map(({ pack, readable }) => ({ pack, holders: readable })))
    shares.delete(network.self)
    const audits = await auditPeers(parts, { count: 1, shares }, signal)
    settings.set(name, clock.now())
    const told = audits.filter(({ verdict }) => verdict !== 'away' && verdict !== 'nothing')
    const badShares = audits.reduce((sum, { bad }) => sum + bad.length, 0)
    return { audited: told.length, badShares }
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

/** Those of this vault: what others' packs are about is not told by asking for these. */
function badSharesOf(all: BadShares, list: PackList): RepairParts['bad'] {
  const packs = new Set(list.all().map(({ id }) => id))
  return {
    has: (held) => all.has(held),
    note: (held) => all.note(held),
    clear: (held) => all.clear(held),
    all: () => all.all().filter(({ pack }) => packs.has(pack)),
    peersOf: (pack) => all.peersOf(pack),
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
  audited: 0,
  badShares: 0,
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

function countVerdicts(verdicts: readonly Verdict[]): HelpOutcome['verdicts'] {
  const counts = VERDICTS.map((verdict) => {
    const count = verdicts.filter((one) => one === verdict).length
    return [verdict, count] as const
  })
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}
