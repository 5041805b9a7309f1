/**
 * `cairn peer`: lend disk to friends. `run` is here; what is asked of a running peer is in files of its own.
 */

import { join, resolve } from 'node:path'
import { Command, Option } from 'commander'
import { HomeLock } from '../../adapters/home-lock.ts'
import { NodeClock } from '../../adapters/node-clock.ts'
import { NodeDisk } from '../../adapters/node-disk.ts'
import { NodeRandom } from '../../adapters/node-random.ts'
import { PinoLog } from '../../adapters/pino-log.ts'
import type { RepairCap } from '../../../protocol/cap.ts'
import { peerIdOf, type SigningKey } from '../../../protocol/keys.ts'
import type { VaultId } from '../../../protocol/ids.ts'
import { Roster } from '../../../protocol/roster.ts'
import { linkSignals } from '../../base/abort.ts'
import { foundGrid } from '../../node/found-grid.ts'
import { joinAsPeer } from '../../node/join-as-peer.ts'
import { startPeer, type PeerPorts } from '../../node/peer-node.ts'
import type { Network } from '../../ports/network.ts'
import { loadRoster } from '../../store/roster-store.ts'
import { isDebugging, makeCommand, outputOf, type CommonOptions, type Context } from '../context.ts'
import { formatBytes } from '../format.ts'
import { ControlServer } from '../grid/peer-control.ts'
import { peerHandlers } from '../grid/peer-handlers.ts'
import { PeerStore, type Founding } from '../grid/peer-store.ts'
import { showJoinWords } from '../join-words.ts'
import { collect, nameOption, ownName, sizeOption, vaultOption } from '../options.ts'
import type { Output } from '../output.ts'
import { helperPorts, openAccounts, openNetwork } from '../ports.ts'
import { LIMIT_UPLOAD_WORDS, ratesOption, type Rates } from '../rates.ts'
import { readInviteFile, readRepairCapFile } from '../secret-file.ts'
import { untilAborted } from './grid.ts'
import { helpsCommand } from './peer-helps.ts'
import { peerListCommand } from './peer-list.ts'
import { exportCommand, importCommand } from './peer-move.ts'
import { leaveCommand, removeCommand, vacationCommand } from './peer-presence.ts'

/** What stays free on the disk unless told otherwise: room for its owner to go on working. */
const DEFAULT_RESERVE = 1_000_000_000

const NOT_A_MEMBER =
  'This peer left its grid, or was removed from it: nobody is served. Come back with --code-from and a friend’s invite'

interface RunOptions extends CommonOptions {
  readonly store: string
  readonly capacity: number
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly reserve: number
  readonly name?: string
  readonly domain?: string
  readonly vault?: VaultId
  readonly codeFrom?: string
  readonly helpRepair: readonly string[]
  readonly floor?: number
  readonly upnp: boolean
  readonly mdns: boolean
  readonly relay: boolean
  readonly limitUpload?: Rates
}

export function peerCommand(context: Context): Command {
  return new Command('peer')
    .description('lend disk to friends')
    .helpOption('-h, --help', 'show this help')
    .addCommand(runCommand(context))
    .addCommand(helpsCommand(context))
    .addCommand(peerListCommand(context))
    .addCommand(vacationCommand(context))
    .addCommand(leaveCommand(context))
    .addCommand(removeCommand(context))
    .addCommand(exportCommand(context))
    .addCommand(importCommand(context))
}

function runCommand(context: Context): Command {
  return makeCommand('run', {
    summary: 'run a storage peer until it is stopped',
    details:
      'At its first run the peer makes its key, and joins the grid of --code-from or founds one of\n' +
      'its own; `cairn invite` then brings friends in. It sees encrypted shares only, and serves members\n' +
      'of its grid only.',
    examples: [
      'cairn peer run --store /srv/cairn --capacity 20GB --listen /ip4/0.0.0.0/tcp/4280',
      'cairn peer run --store /srv/cairn --capacity 20GB --listen /ip4/0.0.0.0/tcp/4280 --code-from code.txt',
    ],
  })
    .requiredOption('--store <folder>', 'where shares are kept')
    .requiredOption('--capacity <size>', 'how much to lend', sizeOption)
    .requiredOption(
      '--listen <multiaddr>',
      'where to listen; may be given several times',
      collect,
      [],
    )
    .option(
      '--announce <multiaddr>',
      'where others reach it, such as a forwarded port',
      collect,
      [],
    )
    .addOption(
      new Option('--reserve <size>', 'what stays free on the disk')
        .argParser(sizeOption)
        .default(DEFAULT_RESERVE, '1GB'),
    )
    .option(
      '--code-from <file>',
      'join a grid with a friend’s invite (at the first run); - reads standard input',
    )
    .option('--name <name>', 'what friends see (at the first run)', nameOption)
    .option('--domain <name>', 'what fails together with it: a house, a provider', nameOption)
    .option(
      '--vault <id>',
      'your vault, as `cairn status` shows it: what this peer keeps for others is to its credit',
      vaultOption,
    )
    .option(
      '--help-repair <file>',
      'look after a friend’s backup from now on, with the repair cap in this file; may be given several times',
      collect,
      [],
    )
    .option(
      '--floor <size>',
      'what every friend may keep here, whatever they hold for others; default: 5GB with --vault, else all',
      sizeOption,
    )
    .option('--limit-upload <rate>', LIMIT_UPLOAD_WORDS, ratesOption)
    .option('--no-upnp', 'do not ask the router to forward the port')
    .option('--no-mdns', 'neither look for friends in the local network nor be found there')
    .option('--no-relay', 'neither pass on connections of friends nor have ours passed on')
    .action(async (options: RunOptions) => runPeer(context, options))
}

async function runPeer(context: Context, options: RunOptions): Promise<void> {
  const output = outputOf(context, options)
  // Before anything starts: a wrong file is told at once.
  const help = options.helpRepair.map(readRepairCapFile)
  const store = PeerStore.open(resolve(context.workingFolder, options.store))
  const lock = HomeLock.take(store.folder, 'write')
  try {
    const key = store.key()
    const { listen, announce, relay: isRelay, upnp: isMapping, mdns: isNearby } = options
    const ways = { isRelay, isMapping, isNearby, limitUpload: options.limitUpload }
    const network = await openNetwork({ seed: key.seed, listen, announce, ...ways })
    try {
      await serve(context, output, store, { network, key, options, help })
    } finally {
      await network.close()
    }
  } finally {
    store.setStopped()
    lock.release()
  }
}

async function serve(
  context: Context,
  output: Output,
  store: PeerStore,
  {
    network,
    key,
    options,
    help,
  }: { network: Network; key: SigningKey; options: RunOptions; help: readonly RepairCap[] },
): Promise<void> {
  const ports = {
    network,
    disk: await NodeDisk.open(store.folder),
    clock: new NodeClock(),
    random: new NodeRandom(),
    log: new PinoLog({
      level: isDebugging(context.env) ? 'debug' : 'info',
      file: join(store.folder, 'log'),
    }),
  }
  const grid = await gridOf(context, output, store, { ports, key, options })
  const database = openAccounts(store.folder, (path) => {
    output.warn(
      `the accounts were damaged and are now ${path}: they are made again from the shares. Look at the disk`,
    )
  })
  const helper = helperPorts(store.folder)
  try {
    const { capacity, reserve, domain, vault, floor } = options
    const { relay: mayUseRelays } = options
    const own = {
      ...(domain === undefined ? {} : { domain }),
      ...(vault === undefined ? {} : { vault }),
      ...(floor === undefined ? {} : { floor }),
    }
    const link = linkSignals(context.signal)
    const node = await startPeer(
      { ...ports, database, helper },
      { key, ...grid, help, capacity, reserve, mayUseRelays, ...own },
      link.signal,
    )
    const stop = () => link.abort(new Error('the peer has left its grid'))
    const handlers = peerHandlers({ node, clock: ports.clock, stop })
    const control = await ControlServer.start(store.folder, handlers, link.signal)
    try {
      store.setRunning(process.pid, withIdentity(network))
      report(output, store, network, options)
      followAddresses(store, network, link.signal)
      if (!node.roster.isAdmitted(node.peer)) output.warn(NOT_A_MEMBER)
      await Promise.race([untilAborted(link.signal), node.stopped])
      await node.stopped
    } finally {
      link.abort(new Error('the peer stops'))
      await control.close()
    }
    output.say('stopped')
  } finally {
    await helper.close()
    database.close()
  }
}

/** The grid it was in before; else the one it is invited to; else a new one. */
async function gridOf(
  context: Context,
  output: Output,
  store: PeerStore,
  parts: { ports: Omit<PeerPorts, 'database'>; key: SigningKey; options: RunOptions },
): Promise<Founding> {
  const { ports, key, options } = parts
  const known = store.grid()
  if (known !== undefined) {
    const isFinished = options.codeFrom === undefined || (await isMember(known, ports, key))
    if (isFinished) return known
  }
  const { domain, vault } = options
  const newcomer = {
    key,
    name: options.name ?? ownName(),
    ...(domain === undefined ? {} : { domain }),
    ...(vault === undefined ? {} : { vault }),
    addresses: ports.network.addresses(),
  }

  if (options.codeFrom !== undefined) {
    const invite = readInviteFile(options.codeFrom)
    const dialling = (seed: Uint8Array) => openNetwork({ seed, listen: [] })
    const joined = await joinAsPeer(
      { ...ports, network: dialling },
      newcomer,
      invite,
      (words, inviter) => showJoinWords(output, words, inviter),
      context.signal,
    )
    store.setGrid(joined)
    output.json({ message_type: 'grid_joined', grid: joined.grid })
    output.say(`Joined grid ${joined.grid.slice(0, 16)} as a peer`)
    return joined
  }

  const founded = foundGrid([newcomer], Date.now())
  store.setGrid(founded)
  output.json({ message_type: 'grid_founded', grid: founded.grid })
  output.say(
    `A new grid. To bring friends in, while this runs: cairn invite --store ${store.folder}`,
  )
  return founded
}

/** Whether the peer is still in the grid it was in before: who left or was removed may come back by an invite. */
async function isMember(
  { grid, statements }: Founding,
  { disk, log }: Omit<PeerPorts, 'database'>,
  key: SigningKey,
): Promise<boolean> {
  const roster = new Roster(grid)
  for (const statement of [...(await loadRoster(disk, log)), ...statements]) roster.add(statement)
  return roster.isAdmitted(peerIdOf(key.publicKey), Date.now())
}

function report(output: Output, store: PeerStore, network: Network, options: RunOptions): void {
  const addresses = withIdentity(network)
  output.json({
    message_type: 'peer_started',
    peer: network.self,
    addresses,
    store: store.folder,
    capacity: options.capacity,
  })
  for (const address of addresses) output.data(address)
  output.say(`Lending ${formatBytes(options.capacity)} in ${store.folder}. Ctrl-C stops it.`)
}

/** Keep what the store says of where the peer is. */
function followAddresses(store: PeerStore, network: Network, signal: AbortSignal): void {
  const follow = async (): Promise<void> => {
    for (;;) {
      await network.changed(network.addresses(), signal)
      store.setRunning(process.pid, withIdentity(network))
    }
  }
  // It ends with the peer.
  follow().catch(() => undefined)
}

/** Addresses that also say who must answer there. */
function withIdentity(network: Network): string[] {
  return network
    .addresses()
    .map((address) => (address.includes('/p2p/') ? address : `${address}/p2p/${network.self}`))
}
