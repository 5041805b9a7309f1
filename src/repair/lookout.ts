/**
 * Lookout: keeps account of the storage peers from look to look, and says what to make of each.
 *
 * A grid tells it who answered and who took a share, and asks it for standings. What others hear of a
 * peer that is silent towards us counts as well: nobody is given up by one side alone.
 */

import { DiskError } from '../base/errors.ts'
import { toDatabaseError } from '../base/database-error.ts'
import type { AuditOutcome, Look, PeerRecord, Refusal } from '../base/peer-record.ts'
import type { Grid, GridParts } from '../grid/grid.ts'
import {
  givesNothing,
  isOnVacation,
  isSeenLately,
  mayBeVouchedFor,
  standingOf,
  type HolderFacts,
  type Presence,
  type Standing,
} from '../grid/standing.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { PeerId } from '../ports/network.ts'
import type { PeerRecords } from '../store/peer-records.ts'

export interface LookoutParts {
  readonly clock: Clock
  readonly log: Log
  readonly records: PeerRecords
  /** What a peer said of itself, as the roster has it. */
  readonly presence: (peer: PeerId) => Presence
  /** Whether it shares our line: that we hear it does not say that we are online. */
  readonly isAtHome?: (peer: PeerId) => boolean
}

export class Lookout {
  readonly #parts: LookoutParts

  constructor(parts: LookoutParts) {
    this.#parts = parts
  }

  /** What a grid is to be made with, so that it tells this lookout and asks it. */
  get gridParts(): Required<Pick<GridParts, 'standings' | 'onLook' | 'onPuts'>> {
    return {
      standings: (peer) => this.standing(peer),
      onLook: (look) => this.look(look),
      onPuts: (puts) => this.puts(puts),
    }
  }

  record(peer: PeerId): PeerRecord | undefined {
    return this.#parts.records.get(peer)
  }

  standing(peer: PeerId): Standing {
    const { clock, presence } = this.#parts
    return standingOf(this.record(peer), presence(peer), clock.now())
  }

  /** What is to be known of a holder, to tell whether its shares count. */
  facts(peer: PeerId): HolderFacts {
    const record = this.record(peer)
    return {
      standing: this.standing(peer),
      isSeenLately: isSeenLately(record),
      givesNothing: givesNothing(record, this.#parts.clock.now()),
    }
  }

  look(look: Look): void {
    const { clock, records, presence } = this.#parts
    const now = clock.now()
    const isExcused = (peer: PeerId) => isOnVacation(records.get(peer), presence(peer), now)
    this.#write(() => {
      for (const part of this.#partsOf(look)) records.note(now, part, isExcused)
    })
  }

  /** Where nobody but our own home answers, everybody else was not looked for: then we are offline. */
  #partsOf(look: Look): readonly Look[] {
    const { isAtHome = () => false } = this.#parts
    if (!look.answered.every(isAtHome)) return [look]
    const [near, far] = [look.silent.filter(isAtHome), look.silent.filter((one) => !isAtHome(one))]
    return [
      { answered: look.answered, silent: near },
      { answered: [], silent: far },
    ]
  }

  puts(puts: ReadonlyMap<PeerId, Refusal | undefined>): void {
    const { clock, records } = this.#parts
    const now = clock.now()
    this.#write(() => {
      for (const [peer, refusal] of puts) {
        // Hardly ever news: a pack must not cost a write for every share.
        if (records.get(peer)?.refusal !== refusal) records.notePut(peer, now, refusal)
      }
    })
  }

  audited(peer: PeerId, outcome: AuditOutcome): void {
    const { clock, records } = this.#parts
    this.#write(() => records.noteAudit(peer, clock.now(), outcome))
  }

  /**
   * Ask those who answer when they last heard the peers that are silent towards us. Where more than half of
   * them heard one, its silence is no longer than they say; where they did not, ours stands. What a liar
   * can do with that is delay, with a majority, for three months at most (docs/placement.md).
   */
  async hearOthers(grid: Grid, signal: AbortSignal): Promise<void> {
    const { clock, records } = this.#parts
    const silent = grid.roster
      .storagePeers()
      .map(({ peer }) => peer)
      .filter((peer) => mayBeVouchedFor(records.get(peer)))
    if (silent.length === 0) return
    const told = await grid.seen(silent, signal)
    for (const [index, peer] of silent.entries()) {
      const others = told.filter((one) => one.peer !== peer)
      const age = ageByMost(others.map(({ ages }) => ages[index]))
      if (age === undefined) continue
      this.#write(() => records.noteWords(peer, clock.now(), age))
    }
  }

  /** Records are a cache: a full disk must not stop what the look was for. */
  #write(work: () => void): void {
    try {
      work()
    } catch (cause) {
      const error = toDatabaseError('backupdb', cause)
      if (!(error instanceof DiskError)) throw error
      this.#parts.log.warn('peers not noted', { error: error.name, why: error.message })
    }
  }
}

/**
 * How long ago a peer was heard, as more than half of those asked bear out.
 *
 * @param ages - of each that answered: ms since it heard the peer, `undefined` if it did not
 * @returns `undefined` if most did not hear it, or nobody was asked
 */
export function ageByMost(ages: readonly (number | undefined)[]): number | undefined {
  const heard = ages.filter((age) => age !== undefined).toSorted((a, b) => a - b)
  return heard[Math.floor(ages.length / 2)]
}
