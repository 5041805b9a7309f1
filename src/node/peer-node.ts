/**
 * Peer node: a storage peer put together from ports.
 *
 * Opens the stores, serves, sweeps what has expired, tells the grid its addresses, and gossips the
 * roster: at start, then now and then. It needs nobody to be there; whoever is there later is met later.
 */

import type { DatabaseSync } from 'node:sqlite'

import { peerIdOf, type SigningKey } from '../../protocol/keys.ts'
import { signStatement, type GridId, type Statement } from '../../protocol/roster.ts'
import { linkSignals } from '../base/abort.ts'
import { assert } from '../base/assert.ts'
import { CairnError } from '../base/errors.ts'
import { delayMs, type RetryPlan } from '../base/retry.ts'
import { Grid } from '../grid/grid.ts'
import { RosterBook } from '../grid/roster-book.ts'
import { PeerService } from '../peer/peer-service.ts'
import type { ReachBook } from '../peer/reach-book.ts'
import { Sweeper } from '../peer/sweeper.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import type { Network, PeerId } from '../ports/network.ts'
import type { Random } from '../ports/random.ts'
import { HeadStore } from '../store/head-store.ts'
import { loadRoster, saveRoster } from '../store/roster-store.ts'
import { ShareStore } from '../store/share-store.ts'
import { ReachKeeper } from './reach-keeper.ts'

/** While somebody was not reached: after a minute, then less and less often. */
const GOSSIP: RetryPlan = { triesMax: Infinity, delayMsMin: 60_000, delayMsMax: 3_600_000 }

export interface PeerPorts {
  /** Of the identity in `PeerOptions.key`. */
  readonly network: Network
  readonly disk: Disk
  /** Open, whole, and for this peer's accounts alone; an empty one is filled from the share files. */
  readonly database: DatabaseSync
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export interface PeerOptions {
  /** The peer's identity; signs its receipts and statements. */
  readonly key: SigningKey
  readonly grid: GridId
  /** Roster statements to begin with; what was learnt before is on the disk. */
  readonly statements: readonly Uint8Array[]
  /** Bytes this peer lends. */
  readonly capacity: number
  /** Bytes of the volume that stay free. */
  readonly reserve: number
  /** What fails together with this peer: a house, a provider. */
  readonly domain?: string
  /** Whether friends may be asked to lead others to this peer where nobody can dial it; so if not said. */
  readonly mayUseRelays?: boolean
  /** Whether members in the same home may find it there, and it them; so if not said. */
  readonly isNearby?: boolean
}

export interface PeerNode {
  readonly peer: PeerId
  readonly roster: RosterBook
  readonly shareStore: ShareStore
  readonly headStore: HeadStore
  /** Resolves when the peer has stopped, as its signal asked; rejects if it broke. */
  readonly stopped: Promise<void>
}

/**
 * Start a peer.
 *
 * @returns once it serves
 * @throws {VersionError} a newer Cairn wrote its accounts
 * @throws {DiskError}
 */
export async function startPeer(
  ports: PeerPorts,
  options: PeerOptions,
  signal: AbortSignal,
): Promise<PeerNode> {
  const { network, disk, clock, log } = ports
  const peer = peerIdOf(options.key.publicKey)
  assert(network.self === peer, 'the network was made for this key')

  const roster = await openRoster(ports, options)
  const shareStore = await ShareStore.open(ports, options)
  const headStore = await HeadStore.open({ disk, clock, log, key: options.key })
  const service = new PeerService({ network, clock, log, shareStore, headStore, roster })
  const sweeper = new Sweeper({ shareStore, clock, log })
  await service.start()
  if (options.isNearby !== false) {
    network.discover(options.grid, (member) => roster.isAdmitted(member))
  }

  const stopped = runAll(signal, [
    (within) => service.run(within),
    (within) => sweeper.run(within),
    (within) => gossip(ports, options, roster, within),
    (within) => keepReach(ports, options, { roster, book: service.reach }, within),
  ])
  // Whoever started the peer may look at this only later.
  stopped.catch(() => undefined)
  log.info('peer started', { peer, capacity: options.capacity, held: shareStore.used() })
  return { peer, roster, shareStore, headStore, stopped }
}

async function openRoster(
  { disk, clock, log }: PeerPorts,
  { grid, statements }: PeerOptions,
): Promise<RosterBook> {
  const kept = await loadRoster(disk, log)
  const save = (all: readonly Uint8Array[]) => saveRoster(disk, all)
  const roster = new RosterBook({ grid, clock, statements: kept, save })
  await roster.merge(statements)
  return roster
}

/** Run services until the signal aborts, or one of them breaks and takes the others along. */
async function runAll(
  signal: AbortSignal,
  services: readonly ((signal: AbortSignal) => Promise<never>)[],
): Promise<void> {
  const link = linkSignals(signal)
  const ends = services.map(async (run) => {
    try {
      await run(link.signal)
    } catch (error) {
      link.abort(error)
    }
  })
  await Promise.all(ends)
  if (!signal.aborted) throw link.signal.reason
}

async function keepReach(
  ports: PeerPorts,
  options: PeerOptions,
  { roster, book }: { readonly roster: RosterBook; readonly book: ReachBook },
  signal: AbortSignal,
): Promise<never> {
  const { network, clock, random, log } = ports
  const grid = new Grid({ network, clock, log, roster })
  const keeper = new ReachKeeper(
    {
      ...{ network, clock, random, log, roster, book },
      dialBack: (peer, addresses, within) => grid.dialBack(peer, addresses, within),
      announce: async (within) =>
        void (await gossipOnce(ports, options, { grid, isStart: false }, within)),
    },
    { mayUseRelays: options.mayUseRelays ?? true },
  )
  try {
    return await keeper.run(signal)
  } finally {
    grid.close()
  }
}

async function gossip(
  ports: PeerPorts,
  options: PeerOptions,
  roster: RosterBook,
  signal: AbortSignal,
): Promise<never> {
  const { network, clock, random, log } = ports
  const grid = new Grid({ network, clock, log, roster })
  try {
    for (let misses = 0, isStart = true; ; isStart = false) {
      const isComplete = await gossipOnce(ports, options, { grid, isStart }, signal)
      misses = isComplete ? 0 : misses + 1
      const tries = misses === 0 ? Infinity : misses
      await clock.sleep(delayMs(random, GOSSIP, tries), signal)
    }
  } finally {
    grid.close()
  }
}

/** @returns whether everybody was reached; trouble of any kind is for the next time */
async function gossipOnce(
  ports: PeerPorts,
  options: PeerOptions,
  { grid, isStart }: { readonly grid: Grid; readonly isStart: boolean },
  signal: AbortSignal,
): Promise<boolean> {
  const { log } = ports
  try {
    await grid.roster.merge(ownStatements(ports, options, grid.roster, isStart))
    const { news, answered, failures } = await grid.syncRoster(signal)
    log.debug('gossip', { news, answered: answered.length, missed: failures.length })
    return failures.length === 0
  } catch (error) {
    if (signal.aborted || !(error instanceof CairnError)) throw error
    log.error('gossip failed', { error: error.name, why: error.message })
    return false
  }
}

/** What this peer has to say of itself: its addresses at start and when they changed; its domain. */
function ownStatements(
  { network }: PeerPorts,
  { key, grid, domain }: PeerOptions,
  roster: RosterBook,
  isStart: boolean,
): Uint8Array[] {
  const subject = network.self
  const addresses = network.addresses()
  const member = roster.member(subject)
  const issuedAt = roster.issueTime(subject)
  const common = { version: 1, grid, subject, issuer: subject, issuedAt } as const
  const statements: Statement[] = []
  if (isStart || addresses.join(' ') !== member?.addresses.join(' ')) {
    statements.push({ ...common, type: 'addresses', addresses })
  }
  if (domain !== undefined && member?.role === 'peer' && member.domain !== domain) {
    statements.push({ ...common, type: 'admit', role: 'peer', domain })
  }
  return statements.map((statement) => signStatement(statement, key))
}
