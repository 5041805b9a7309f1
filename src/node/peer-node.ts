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
import { assertEntropy } from '../base/entropy.ts'
import { assert } from '../base/assert.ts'
import type { Look } from '../base/peer-record.ts'
import { isRelayed } from '../grid/relayed.ts'
import { RosterBook } from '../grid/roster-book.ts'
import { FairUse } from '../peer/fair-use.ts'
import { HeadSpread } from '../peer/head-spread.ts'
import { InviteDesk } from '../peer/invite-desk.ts'
import { PeerService } from '../peer/peer-service.ts'
import { Sightings } from '../peer/sightings.ts'
import { Sweeper } from '../peer/sweeper.ts'
import type { Clock } from '../ports/clock.ts'
import type { Disk } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import type { Network, PeerId } from '../ports/network.ts'
import type { Random } from '../ports/random.ts'
import { HeadStore } from '../store/head-store.ts'
import { loadRoster, saveRoster } from '../store/roster-store.ts'
import { ShareStore } from '../store/share-store.ts'
import type { HelpedVaults } from '../store/helped-vaults.ts'
import type { HelperService } from './helper-service.ts'
import { withLoopback } from './loopback.ts'
import { openHelper, type HelperOptions, type HelperPorts } from './open-helper.ts'
import { pullCredits } from './pull-credits.ts'
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
  /** What it takes to look after others' vaults; without it the peer keeps caps and does nothing with them. */
  readonly helper?: HelperPorts
}

export interface PeerOptions extends HelperOptions {
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
  /** The vault of whoever lends this peer: what the peer holds for others counts for it. */
  readonly vault?: VaultId
  /** Bytes that every vault may keep here, whatever its own peers hold. */
  readonly floor?: number
  /** Whether friends may be asked to lead others to this peer where nobody can dial it; so if not said. */
  readonly mayUseRelays?: boolean
  /** Bytes that a vault may store beyond its limit to drop things, at least. */
  readonly tidySize?: number
}

export interface PeerNode {
  readonly peer: PeerId
  /** Of this peer, which reaches itself as well. */
  readonly network: Network
  readonly roster: RosterBook
  readonly shareStore: ShareStore
  readonly headStore: HeadStore
  readonly fairUse: FairUse
  readonly service: PeerService
  /** Gives invite codes, and decides on who came with one. */
  readonly invites: InviteDesk
  /** Tells the other peers. */
  readonly spreader: Spreader
  /** Vaults this peer looks after. */
  readonly helped: HelpedVaults
  /** Absent where there was nobody to help at the start. */
  readonly helper: HelperService | undefined
  /** Resolves when the peer has stopped, as its signal asked; rejects if it broke. */
  readonly stopped: Promise<void>
}

/**
 * Start a peer.
 *
 * @returns once it serves
 * @throws {VersionError} a newer Cairn wrote its accounts
 * @throws {EntropyError}
 * @throws {DiskError}
 */
export async function startPeer(
  ports: PeerPorts,
  options: PeerOptions,
  signal: AbortSignal,
): Promise<PeerNode> {
  const { disk, clock, random, log } = ports
  assertEntropy(random)
  const peer = peerIdOf(options.key.publicKey)
  assert(ports.network.self === peer, 'the network was made for this key')
  const network = withLoopback(ports.network)

  const roster = await openRoster(ports, options)
  const shareStore = await ShareStore.open(ports, options)
  const headStore = await HeadStore.open({ disk, clock, log, key: options.key })
  const fairUse = new FairUse({ clock, roster, shareStore, database: ports.database }, options)
  const sightings = new Sightings(clock)
  const onLook = ({ answered }: Look) => answered.forEach((other) => sightings.heard(other))
  const spreader = new Spreader({ ...ports, roster, onLook }, options)
  const invites = await InviteDesk.open({
    ...ports,
    roster,
    key: options.key,
    // Who comes with a code is no member yet, so no friend leads it on.
    addresses: () => network.addresses().filter((address) => !isRelayed(address)),
    tell: async (statements) => void (await spreader.say(statements, signal)),
    newestEpoch: (vault) => headStore.newest(vault)?.epoch ?? 0,
  })
  const parts = { network, clock, log, shareStore, headStore, roster, invites, sightings, fairUse }
  const service = new PeerService(parts)
  const keeper = new ReachKeeper(
    {
      network,
      clock,
      log,
      roster,
      book: service.reach,
      random,
      dialBack: (friend, addresses, within) => spreader.grid.dialBack(friend, addresses, within),
      announce: (addresses, within) => spreader.sayWhere(addresses, within),
    },
    { mayUseRelays: options.mayUseRelays ?? true },
  )
  const sweeper = new Sweeper({ shareStore, fairUse, clock, log })
  const heads = new HeadSpread({ clock, random, log, shareStore, headStore })
  await service.start()
  network.discover(options.grid, (member) => roster.isAdmitted(member))
  const looking = { network, disk, clock, random, log, roster }
  const { helped, helper } = await openHelper(looking, ports.helper, options)

  const stopped = runAll(signal, [
    (within) => service.run(within),
    (within) => sweeper.run(within),
    (within) => spreader.gossip(within),
    (within) => spreader.passOn(within),
    (within) => pullCredits({ ...ports, grid: spreader.grid, fairUse }, within),
    (within) => heads.run(spreader.grid, within),
    ...(helper === undefined ? [] : [(within: AbortSignal) => helper.run(within)]),
    (within) => keeper.run(within),
  ])
  // Whoever started the peer may look at this only later.
  stopped.catch(() => undefined)
  log.info('peer started', { peer, capacity: options.capacity, held: shareStore.used() })
  const services = { service, invites, spreader, fairUse, helped, helper }
  return { peer, network, roster, shareStore, headStore, ...services, stopped }
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
