/**
 * Peer node: a storage peer put together from ports.
 *
 * Opens the stores, serves, sweeps what has expired, and spreads the roster. It needs nobody to be
 * there; whoever is there later is met later.
 */

import type { DatabaseSync } from 'node:sqlite'

import { peerIdOf, type SigningKey } from '../../protocol/keys.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { GridId } from '../../protocol/roster.ts'
import { linkSignals } from '../base/abort.ts'
import { assert } from '../base/assert.ts'
import { isRelayed } from '../grid/relayed.ts'
import { RosterBook } from '../grid/roster-book.ts'
import { InviteDesk } from '../peer/invite-desk.ts'
import { PeerService } from '../peer/peer-service.ts'
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
import { Spreader } from './spreader.ts'

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
  /** The vault of whoever lends it. */
  readonly vault?: VaultId
  /** Whether friends may be asked to lead others to this peer where nobody can dial it; so if not said. */
  readonly mayUseRelays?: boolean
}

export interface PeerNode {
  readonly peer: PeerId
  readonly network: Network
  readonly roster: RosterBook
  readonly shareStore: ShareStore
  readonly headStore: HeadStore
  /** Gives invite codes, and decides on who came with one. */
  readonly invites: InviteDesk
  /** Tells the other peers. */
  readonly spreader: Spreader
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
  const spreader = new Spreader({ ...ports, roster }, options)
  const invites = await InviteDesk.open({
    ...ports,
    roster,
    key: options.key,
    // Who comes with a code is no member yet, so no friend leads it on.
    addresses: () => network.addresses().filter((address) => !isRelayed(address)),
    tell: async (statements) => void (await spreader.say(statements, signal)),
    newestEpoch: (vault) => headStore.newest(vault)?.epoch ?? 0,
  })
  const service = new PeerService({ network, clock, log, shareStore, headStore, roster, invites })
  const keeper = new ReachKeeper(
    {
      network,
      clock,
      log,
      roster,
      book: service.reach,
      random: ports.random,
      dialBack: (friend, addresses, within) => spreader.grid.dialBack(friend, addresses, within),
      announce: (addresses, within) => spreader.sayWhere(addresses, within),
    },
    { mayUseRelays: options.mayUseRelays ?? true },
  )
  const sweeper = new Sweeper({ shareStore, clock, log })
  await service.start()
  network.discover(options.grid, (member) => roster.isAdmitted(member))

  const stopped = runAll(signal, [
    (within) => service.run(within),
    (within) => sweeper.run(within),
    (within) => spreader.gossip(within),
    (within) => spreader.passOn(within),
    (within) => keeper.run(within),
  ])
  // Whoever started the peer may look at this only later.
  stopped.catch(() => undefined)
  log.info('peer started', { peer, capacity: options.capacity, held: shareStore.used() })
  return { peer, network, roster, shareStore, headStore, invites, spreader, stopped }
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
